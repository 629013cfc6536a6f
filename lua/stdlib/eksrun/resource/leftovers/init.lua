--- What Kubernetes leaves behind when a cluster goes: load balancers, their groups, interfaces of nodes.
--- They cost money and hold on to the network.
---
--- Two things together make a leftover: a tag of the controllers that names a cluster, and the network it
--- stands in. The cluster is one that goes and has that network; or the network goes, no cluster of that
--- name is there, and no instance runs in the network. What else stands in a network that goes is only named.
local error_object = require "eksrun.error"
local kinds = require "eksrun.resource.leftovers.kinds"
local stack = require "eksrun.engine.stack"
local tags_of = require("eksrun.resource.tags").read
local util = require "eksrun.util"

local M = {}

-- DescribeTags of both load balancing APIs takes so many.
local TAGS_AT_ONCE = 20
-- Things that a message names at most.
local NAMED_MAX = 5

-- Tags whose value is the cluster's name: of the AWS Load Balancer Controller (now and in its first
-- version), of the VPC CNI, of EKS's own controllers, of EKS.
local NAMING = {
  "elbv2.k8s.aws/cluster", "ingress.k8s.aws/cluster", "cluster.k8s.amazonaws.com/name",
  "eks:eks-cluster-name", "aws:eks:cluster-name",
}

-- The cluster for which something was made.
local function cluster_of(tags)
  for _, key in ipairs(NAMING) do
    if tags[key] then return tags[key] end
  end
  for key, value in util.sorted_pairs(tags) do
    local name = value == "owned" and key:match "^kubernetes%.io/cluster/(.+)$"
    if name then return name end
  end
end

--- @class eksrun.leftovers.Note something that is not deleted and that one should know of
--- @field type string
--- @field id string
--- @field name string
--- @field vpc string?
--- @field text string
--- @field blocks boolean whether the network cannot go while it is there

--- @class eksrun.Leftovers
--- @field actions eksrun.Action[] deletions
--- @field notes eksrun.leftovers.Note[]
--- @field unseen { type: eksrun.ResourceType, err: any }[] what could not be looked for

local Search = {}
Search.__index = Search

-- All of an API of load balancers that stands in the networks, with its tags.
function Search:balancing(service, operation, field, vpc_field, id_field, tag_parameter)
  local inside, tags = {}, {}
  for _, item in ipairs(self.ctx:list(service, operation, {}, field)) do
    if self.vpcs[item[vpc_field]] then inside[#inside + 1] = item end
  end
  local chunks = {}
  for first = 1, #inside, TAGS_AT_ONCE do
    local ids = {}
    for i = first, math.min(first + TAGS_AT_ONCE - 1, #inside) do ids[#ids + 1] = inside[i][id_field] end
    chunks[#chunks + 1] = ids
  end
  self.ctx:each(chunks, function(ids)
    -- One that goes meanwhile has no tags any more.
    local answer = self.ctx:found(function()
      return self.ctx.aws[service]:describe_tags { [tag_parameter] = ids }
    end, "LoadBalancerNotFound", "TargetGroupNotFound")
    for _, item in ipairs(answer and answer.TagDescriptions or {}) do
      tags[item.ResourceArn or item.LoadBalancerName] = tags_of(item.Tags)
    end
  end)
  return inside, tags
end

function Search:add(kind, name, record, tags)
  self.things[#self.things + 1] = { kind = kind, name = name, record = record, tags = tags or {} }
end

function Search:in_networks(operation, field)
  return self.ctx:list("ec2", operation, {
    Filters = { { Name = "vpc-id", Values = util.sorted_keys(self.vpcs) } },
  }, field)
end

local looks = {}

function looks.classic_load_balancer(search)
  local list, tags = search:balancing("elb", "describe_load_balancers", "LoadBalancerDescriptions", "VPCId",
    "LoadBalancerName", "LoadBalancerNames")
  for _, item in ipairs(list) do
    search:add(kinds.classic_load_balancer, item.LoadBalancerName, {
      LoadBalancerName = item.LoadBalancerName, VpcId = item.VPCId, SubnetIds = item.Subnets,
      SecurityGroupIds = item.SecurityGroups,
    }, tags[item.LoadBalancerName])
  end
end

function looks.load_balancer(search)
  local list, tags = search:balancing("elbv2", "describe_load_balancers", "LoadBalancers", "VpcId",
    "LoadBalancerArn", "ResourceArns")
  for _, item in ipairs(list) do
    local subnets = {}
    for i, zone in ipairs(item.AvailabilityZones or {}) do subnets[i] = zone.SubnetId end
    search:add(kinds.load_balancer, item.LoadBalancerName, {
      LoadBalancerArn = item.LoadBalancerArn, VpcId = item.VpcId, SubnetIds = subnets,
      SecurityGroupIds = item.SecurityGroups,
    }, tags[item.LoadBalancerArn])
  end
end

function looks.target_group(search)
  local list, tags = search:balancing("elbv2", "describe_target_groups", "TargetGroups", "VpcId",
    "TargetGroupArn", "ResourceArns")
  for _, item in ipairs(list) do
    search:add(kinds.target_group, item.TargetGroupName,
      { TargetGroupArn = item.TargetGroupArn, VpcId = item.VpcId }, tags[item.TargetGroupArn])
  end
end

function looks.security_group(search)
  for _, item in ipairs(search:in_networks("describe_security_groups", "SecurityGroups")) do
    if item.GroupName ~= "default" then
      search:add(kinds.security_group, item.GroupName, { GroupId = item.GroupId, VpcId = item.VpcId },
        tags_of(item.Tags))
    end
  end
end

function looks.network_interface(search)
  for _, item in ipairs(search:in_networks("describe_network_interfaces", "NetworkInterfaces")) do
    local tags = tags_of(item.TagSet)
    local description = item.Description or ""
    local instance = item.Attachment and item.Attachment.InstanceId
    if instance then
      search.instances[instance] = true
      search.inhabited[item.VpcId] = true
    elseif item.Status == "available" then
      local groups = {}
      for i, group in ipairs(item.Groups or {}) do groups[i] = group.GroupId end
      search:add(kinds.network_interface, item.NetworkInterfaceId, {
        NetworkInterfaceId = item.NetworkInterfaceId, VpcId = item.VpcId, SubnetIds = { item.SubnetId },
        SecurityGroupIds = groups,
      }, tags)
      local thing = search.things[#search.things]
      thing.instance = tags["node.k8s.amazonaws.com/instance_id"] or description:match "^aws%-K8S%-(i%-%x+)"
      thing.of_nodes = thing.instance ~= nil or tags["eks:eni:owner"] ~= nil
        or description:find "^aws%-[kK]8[sS]%-" ~= nil
    end
  end
end

-- Those of claims: what an instance starts from goes with it.
function looks.volume(search)
  local seen = {}
  local function look(name, filter)
    local volumes = search.ctx:list("ec2", "describe_volumes", { Filters = { filter } }, "Volumes")
    for _, item in ipairs(volumes) do
      local tags = tags_of(item.Tags)
      local claim = tags["kubernetes.io/created-for/pvc/name"]
      if claim and cluster_of(tags) == name and not seen[item.VolumeId] then
        seen[item.VolumeId] = true
        search:note({ kind = kinds.volume, name = item.VolumeId, record = item },
          ("%d GiB of the claim %s/%s: it is kept, with its data"):format(item.Size or 0,
            tags["kubernetes.io/created-for/pvc/namespace"] or "?", claim), false)
      end
    end
  end
  for name in util.sorted_pairs(search.clusters) do
    look(name, { Name = "tag:kubernetes.io/cluster/" .. name, Values = { "owned" } })
    look(name, { Name = "tag:eks:eks-cluster-name", Values = { name } })
  end
end

function Search:note(thing, text, blocks)
  table.insert(self.notes, {
    type = thing.kind.name, id = thing.record[thing.kind.id], name = thing.name, vpc = thing.record.VpcId,
    text = text, blocks = blocks,
  })
end

-- Who may not ask for a cluster cannot know that it is gone.
function Search:exists(name)
  return self.ctx:once("cluster " .. name, function()
    local _, err = self.ctx.aws.try.eks:describe_cluster { name = name }
    return not (err and tostring(err.code):find("NotFound", 1, true))
  end)
end

-- Groups are tagged by more than controllers: theirs have names, or tags, that nobody else gives.
local function is_of_controller(thing)
  if thing.kind ~= kinds.security_group then return true end
  if thing.name:find "^k8s%-" then return true end
  for _, key in ipairs(NAMING) do
    if thing.tags[key] then return true end
  end
  return false
end

-- Whether something goes, and why; or what to say of it.
function Search:judge(thing)
  local tags, vpc = thing.tags, thing.record.VpcId
  if tags[stack.TAG_STACK] or self.instances[thing.instance] then return nil end
  local name = is_of_controller(thing) and cluster_of(tags)
  if name and self.clusters[name] == vpc then
    -- EKS takes its own group away with the cluster, and controllers make anew what is deleted under them.
    if (self.late or tags["aws:eks:cluster-name"]) and self:exists(name) then return nil end
    return "made by Kubernetes for " .. name
  end
  if not self.own[vpc] then return nil end
  local blocks = thing.kind ~= kinds.target_group
  if not name and thing.of_nodes then return "of a node that is gone" end
  if not name then return nil, blocks and "not known to be of Kubernetes" end
  if self:exists(name) then return nil, blocks and ("of the cluster %s, which is there"):format(name) end
  if self.inhabited[vpc] then
    return nil, blocks and ("of %s, which EKS does not know; instances are in the network"):format(name)
  end
  return ("left by the cluster %s, which is gone"):format(name)
end

-- Asks for all kinds at once. What may not be asked for is said; an endpoint without the API has no such
-- thing.
function Search:look()
  self.ctx:each(util.sorted_keys(looks), function(name)
    local ok, err = pcall(looks[name], self)
    if ok then return end
    if not error_object.is(err) or err.code == "canceled" or err.code == "interrupted" then error(err, 0) end
    if err.code ~= "InvalidAction" then table.insert(self.unseen, { type = kinds[name], err = err }) end
  end)
  table.sort(self.things, function(a, b)
    if a.kind.name ~= b.kind.name then return a.kind.name < b.kind.name end
    return tostring(a.record[a.kind.id]) < tostring(b.record[b.kind.id])
  end)
end

--- Looks for what was left in the networks and by the clusters that go.
--- @param ctx eksrun.Context
--- @param actions eksrun.Action[] of the plan
--- @param late? boolean the run is on: only what nothing makes anew
--- @return eksrun.Leftovers
function M.find(ctx, actions, late)
  local search = setmetatable({
    ctx = ctx, late = late, clusters = {}, own = {}, vpcs = {}, things = {}, instances = {}, inhabited = {},
    notes = {}, unseen = {},
  }, Search)
  -- The network of a cluster; by its subnets, where a stand-in of EKS does not say it.
  local vpc_of = {}
  for _, action in ipairs(actions) do
    local record = action.record
    if record and action.type.name == "ec2.subnet" then vpc_of[record.SubnetId] = record.VpcId end
  end
  for _, action in ipairs(actions) do
    local record = action.op == "delete" and action.record
    if record and action.type.name == "eks.cluster" then
      local config = record.resourcesVpcConfig or {}
      local vpc = config.vpcId or vpc_of[(config.subnetIds or {})[1]]
      if vpc then search.clusters[record.name], search.vpcs[vpc] = vpc, true end
    elseif record and action.type.name == "ec2.vpc" then
      search.own[record.VpcId], search.vpcs[record.VpcId] = true, true
    end
  end
  local found = {}
  if next(search.vpcs) then search:look() end
  for _, thing in ipairs(search.things) do
    local why, note = search:judge(thing)
    if why then
      found[#found + 1] = {
        op = "delete", address = thing.name, type = thing.kind, record = thing.record, changes = {},
        reason = why,
      }
    elseif note then
      search:note(thing, note, true)
    end
  end
  return { actions = found, notes = search.notes, unseen = search.unseen }
end

--- What is still in a network, for whoever cannot delete it.
--- @param ctx eksrun.Context
--- @param vpc string
--- @return string? "eni-1 (ELB app/web/1), eni-2 (i-3)"
function M.blockers(ctx, vpc)
  local ok, answer = pcall(ctx.aws.ec2.describe_network_interfaces, ctx.aws.ec2, {
    Filters = { { Name = "vpc-id", Values = { vpc } } },
  })
  local list = ok and answer.NetworkInterfaces or {}
  if not list[1] then return nil end
  local out = {}
  for i, item in ipairs(list) do
    if i > NAMED_MAX then
      out[i] = ("%d more"):format(#list - NAMED_MAX)
      break
    end
    local what = item.Attachment and item.Attachment.InstanceId or item.Description
    out[i] = item.NetworkInterfaceId .. (what and what ~= "" and (" (%s)"):format(what) or "")
  end
  return table.concat(out, ", ")
end

return M
