--- What things cost a month, by the prices of sandbox/prices.lua: what is due whether they are used or not.
--- What depends on use (data, logs, pods) is named and not guessed.
local prices = require "eksrun.sandbox.prices"

local M = {}

local HOURS = 730 -- of a month, as AWS reckons
local NODE_DISK = 20 -- gigabytes, where nobody says

--- @class eksrun.simulate.Cost
--- @field address string
--- @field monthly number? dollars; nil where no price is known
--- @field what string what is paid for, or why the price is not known

-- "$0.10", "$0.0816"
local function dollars(price) return "$" .. ("%.4f"):format(price):gsub("0?0$", "") end

local function hourly(kind, what)
  local price = prices.hourly[kind]
  return function() return price * HOURS, what:format(dollars(price)) end
end

local function unpriced(why) return function() return nil, why end end

-- Nodes of a kind, with their disks.
local function nodes(count, type_, disk)
  local price = prices.instance(type_)
  if not price then return nil, ("%d of %s: no price is known"):format(count, type_) end
  local each = price * HOURS + disk * prices.monthly["ec2.volume.gigabyte"]
  return count * each, ("%d of %s, %s an hour, and %d GB"):format(count, type_, dollars(price), disk)
end

local function node_group(fields)
  if fields.capacityType == "SPOT" then return nil, "spot instances: the price changes" end
  local count = fields.scalingConfig and fields.scalingConfig.desiredSize or 2
  local type_ = fields.instanceTypes and fields.instanceTypes[1]
  if not type_ then return nil, "the launch template says which instances" end
  return nodes(count, type_, fields.diskSize or NODE_DISK)
end

-- What a group has running says its template best.
local function auto_scaling_group(fields, aws)
  local mixed = fields.MixedInstancesPolicy and fields.MixedInstancesPolicy.InstancesDistribution
  if mixed and (mixed.OnDemandPercentageAboveBaseCapacity or 100) < 100 then
    return nil, "spot instances: the price changes"
  end
  local of = {}
  local groups = aws.autoscaling:describe_auto_scaling_groups({
    AutoScalingGroupNames = { fields.AutoScalingGroupName },
  }).AutoScalingGroups
  for _, instance in ipairs(groups[1] and groups[1].Instances or {}) do
    of[instance.InstanceType] = (of[instance.InstanceType] or 0) + 1
  end
  local type_, count = next(of)
  if not type_ then return 0, "no instances" end
  if next(of, type_) then return nil, "instances of several types" end
  return nodes(count, type_, NODE_DISK)
end

local function cluster(fields)
  local extended = fields.upgradePolicy and fields.upgradePolicy.supportType == "EXTENDED"
  local price, later = prices.hourly["eks.cluster"], prices.hourly["eks.cluster.extended"]
  return price * HOURS, ("%s an hour%s"):format(dollars(price),
    extended and (", %s once the version is in extended support"):format(dollars(later)) or "")
end

local function endpoint(fields)
  if fields.VpcEndpointType ~= "Interface" then return 0 end
  local zones = #(fields.SubnetIds or {})
  local price = prices.hourly["ec2.vpc_endpoint.interface"]
  return zones * price * HOURS, ("%s an hour in each of %d zones, without data"):format(dollars(price), zones)
end

local kinds = {
  ["eks.cluster"] = cluster,
  ["eks.nodegroup"] = node_group,
  ["eks.fargate_profile"] = unpriced "by the pods that run on it",
  ["autoscaling.group"] = auto_scaling_group,
  ["ec2.nat_gateway"] = hourly("ec2.nat_gateway", "%s an hour, without data"),
  ["ec2.address"] = hourly("ec2.address", "a public address, %s an hour"),
  ["ec2.vpc_endpoint"] = endpoint,
  ["kms.key"] = function() return prices.monthly["kms.key"], "a month, without requests" end,
  ["logs.log_group"] = unpriced "by the logs that come in",
  ["cloudformation.stack"] = unpriced "what its template makes is not looked into",
}

--- @param items { address: string, type: string, fields: table }[] what was made
--- @param aws eksrun.aws.Session of the sandbox
--- @return eksrun.simulate.Cost[] priced dearest first
--- @return eksrun.simulate.Cost[] unpriced
--- @return number monthly dollars of what has a price
function M.of(items, aws)
  local priced, unknown, sum = {}, {}, 0
  for _, item in ipairs(items) do
    local cost = kinds[item.type]
    local monthly, what
    if cost then monthly, what = cost(item.fields, aws) end
    if monthly and monthly > 0 then
      priced[#priced + 1] = { address = item.address, monthly = monthly, what = what }
      sum = sum + monthly
    elseif cost and not monthly then
      unknown[#unknown + 1] = { address = item.address, what = what }
    end
  end
  table.sort(priced, function(a, b)
    if a.monthly ~= b.monthly then return a.monthly > b.monthly end
    return a.address < b.address
  end)
  return priced, unknown, sum
end

return M
