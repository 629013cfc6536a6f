--- IAM: groups of users, and the policies that they give them.
local entities = require "eksrun.sandbox.iam.entity"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"

local M = { operations = {} }
local operations = M.operations

local GROUPS_MAX = 10

local function need(call, params) return support.need(call, "group", params.GroupName) end

-- The place of a user among a group's members.
local function place_of(group, user)
  for i, name in ipairs(group._users) do
    if name == user then return i end
  end
end

function operations.CreateGroup(call, params)
  local name, path = params.GroupName, params.Path or "/"
  support.check_name(name, "groupName")
  support.refuse_twin(call, "Group", name)
  return {
    Group = call:put("iam.group", name, {
      GroupName = name, Path = path, GroupId = support.id(call, "AGPA"),
      Arn = call:arn("iam", "group" .. path .. name), CreateDate = call:time(), _users = json.array {},
      _attached = {}, _inline = {},
    }),
  }
end

function operations.GetGroup(call, params)
  local group, users = need(call, params), {}
  for i, name in ipairs(group._users) do users[i] = call:get("iam.user", name) end
  return { Group = group, Users = support.briefly(users, "Tags", "PermissionsBoundary") }
end

function operations.ListGroups(call, params)
  return { Groups = support.briefly(support.below(call:all "iam.group", params.PathPrefix)) }
end

-- A group that is called something else keeps its id.
function operations.UpdateGroup(call, params)
  local group, name = need(call, params), params.NewGroupName or params.GroupName
  if name ~= group.GroupName then
    support.check_name(name, "newGroupName")
    support.refuse_twin(call, "Group", name)
  end
  call:remove("iam.group", group.GroupName)
  group.GroupName, group.Path = name, params.NewPath or group.Path
  group.Arn = call:arn("iam", "group" .. group.Path .. name)
  call:put("iam.group", name, group)
end

function operations.DeleteGroup(call, params)
  local group = need(call, params)
  if group._users[1] then
    support.refuse_deletion "Cannot delete entity, must remove users from group first."
  end
  entities.refuse_policies(group)
  call:remove("iam.group", group.GroupName)
end

function operations.AddUserToGroup(call, params)
  local group, user = need(call, params), support.need(call, "user", params.UserName)
  if place_of(group, user.UserName) then return end
  if #entities.groups(call, user) >= GROUPS_MAX then
    fault.raise_with("LimitExceeded", ("Cannot exceed quota for GroupsPerUser: %d"):format(GROUPS_MAX),
      { status = 409 })
  end
  table.insert(group._users, user.UserName)
end

function operations.RemoveUserFromGroup(call, params)
  local group, user = need(call, params), support.need(call, "user", params.UserName)
  local place = place_of(group, user.UserName)
  if place then table.remove(group._users, place) end
end

function operations.ListGroupsForUser(call, params)
  return {
    Groups = support.briefly(entities.groups(call, support.need(call, "user", params.UserName))),
  }
end

entities.operations(operations, "Group", need)

return M
