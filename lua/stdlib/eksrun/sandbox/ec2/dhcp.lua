--- EC2: sets of DHCP options.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local KEYS = {
  ["domain-name"] = true, ["domain-name-servers"] = true, ["ntp-servers"] = true,
  ["netbios-name-servers"] = true, ["netbios-node-type"] = true,
  ["ipv6-address-preferred-lease-time"] = true,
}

local by_filter = support.describe {
  kind = "ec2.dhcp_options", prefix = "dopt", id = "DhcpOptionsId", tag = "dhcp-options",
  list = "DhcpOptions", ids = "DhcpOptionsIds", missing = "InvalidDhcpOptionID.NotFound",
  missing_text = "The dhcpOption ID '%s' does not exist", malformed = "InvalidDhcpOptionsId.Malformed",
  filters = filter.map("DescribeDhcpOptions", "dhcp-options-id owner-id", {
    ["key"] = "DhcpConfigurations.Key", ["value"] = "DhcpConfigurations.Values.Value",
  }),
}

local function options(configurations)
  local list = json.array {}
  for i, configuration in ipairs(configurations) do
    local values = json.array {}
    for j, value in ipairs(configuration.Values) do values[j] = { Value = value } end
    list[i] = { Key = configuration.Key, Values = values }
  end
  return list
end

--- The set that a region has of its own.
--- @param call eksrun.sandbox.Call
--- @return table
function M.default(call)
  local id = "dopt-0" .. call.world:hash("dopt", call.region):sub(1, 16)
  return call:get("ec2.dhcp_options", id) or call:put("ec2.dhcp_options", id, {
    DhcpOptionsId = id, OwnerId = call.account, Tags = json.array {},
    DhcpConfigurations = options {
      { Key = "domain-name",
        Values = { call.region == "us-east-1" and "ec2.internal" or call.region .. ".compute.internal" } },
      { Key = "domain-name-servers", Values = { "AmazonProvidedDNS" } },
    },
  })
end

function operations.DescribeDhcpOptions(call, params)
  M.default(call)
  return by_filter(call, params)
end

function operations.CreateDhcpOptions(call, params)
  local id = call:id "dopt"
  for _, configuration in ipairs(params.DhcpConfigurations) do
    if not KEYS[configuration.Key] then
      fault.raise("InvalidParameterValue", "Value (%s) for parameter name is invalid. Unknown DHCP option",
        tostring(configuration.Key))
    end
  end
  return {
    DhcpOptions = call:put("ec2.dhcp_options", id, {
      DhcpOptionsId = id, OwnerId = call.account, Tags = support.tags(params, "dhcp-options"),
      DhcpConfigurations = options(params.DhcpConfigurations),
    }),
  }
end

function operations.AssociateDhcpOptions(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  M.default(call)
  if params.DhcpOptionsId ~= "default" then support.need(call, "ec2.dhcp_options", params.DhcpOptionsId) end
  vpc.DhcpOptionsId = params.DhcpOptionsId
end

function operations.DeleteDhcpOptions(call, params)
  local id = support.need(call, "ec2.dhcp_options", params.DhcpOptionsId).DhcpOptionsId
  if call:find("ec2.vpc", function(vpc) return vpc.DhcpOptionsId == id end) then
    support.refuse_dependent("dhcpOptions", id)
  end
  call:remove("ec2.dhcp_options", id)
end

return M
