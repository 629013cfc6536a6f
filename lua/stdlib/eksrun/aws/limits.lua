--- The buckets that AWS documents: how fast it takes requests. Source: Amazon EC2 developer guide,
--- "Request throttling for the Amazon EC2 API".
local M = {}

-- Capacity, tokens a second. Patterns count where no name does.
local documented = {
  ec2 = {
    names = {
      CreateLaunchTemplateVersion = { 100, 5 },
      CreateNatGateway = { 10, 1 },
      CreateNetworkInterface = { 100, 5 },
      CreateTags = { 100, 10 },
      CreateVpcEndpoint = { 4, 0.3 },
      DeleteNatGateway = { 10, 1 },
      DeleteNetworkInterface = { 100, 5 },
      DeleteTags = { 100, 10 },
      DeleteVpcEndpoints = { 4, 0.3 },
      ModifyVpcEndpoint = { 4, 0.3 },
      RunInstances = { 5, 2 },
      StartInstances = { 5, 2 },
      TerminateInstances = { 100, 5 },
    },
    patterns = {
      { "^Describe", { 100, 20 } },
      { "^Get", { 100, 20 } },
      { "^List", { 100, 20 } },
      { "^Search", { 100, 20 } },
      { "", { 50, 5 } },
    },
  },
}

--- @param service string "ec2"
--- @param operation string "DescribeVpcs"
--- @return number[]|nil capacity and tokens a second; nil: nobody says
function M.of(service, operation)
  local own = documented[service]
  if not own then return nil end
  if own.names[operation] then return own.names[operation] end
  for _, entry in ipairs(own.patterns) do
    if operation:find(entry[1]) then return entry[2] end
  end
end

return M
