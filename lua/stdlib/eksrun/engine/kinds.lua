--- Which kinds a plan asks AWS for: those that must be known, and those that are looked at because
--- something of the stack may be left of them. What is asked for in vain costs calls, and permissions that
--- a stack without such things need not have.
local resource = require "eksrun.resource"

local M = {}

-- Asked for by every plan, so that what is no longer declared of them is found.
local ALWAYS = {
  "ec2.address", "ec2.internet_gateway", "ec2.nat_gateway", "ec2.route", "ec2.route_table",
  "ec2.route_table_association", "ec2.subnet", "ec2.vpc", "eks.cluster", "eks.nodegroup", "iam.role",
}

--- @param declared eksrun.Graph
--- @param destroy? boolean everything of the stack is to be found
--- @return eksrun.ResourceType[] required
--- @return eksrun.ResourceType[] optional looked at as far as AWS lets us
function M.of(declared, destroy)
  local required, has = {}, {}
  local function add(type_)
    if has[type_] then return end
    has[type_] = true
    required[#required + 1] = type_
  end
  for _, name in ipairs(ALWAYS) do add(resource.get(name)) end
  for _, node in ipairs(declared.nodes) do add(node.type) end
  -- A relation of a declared thing is the recipe's to declare.
  for _, type_ in ipairs(resource.all()) do
    local parent = type_.identity == "relation" and type_.parent
    local of = parent and type_.inputs[parent].refers
    if of and has[resource.get(of)] then add(type_) end
  end
  local optional = {}
  if destroy then
    for _, type_ in ipairs(resource.all()) do
      if not has[type_] then optional[#optional + 1] = type_ end
    end
  end
  return required, optional
end

return M
