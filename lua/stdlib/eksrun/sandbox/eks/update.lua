--- EKS: updates, which change a cluster, a node group or an add-on after a while, one at a time.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {}, events = {} }
local operations = M.operations


local function is_of(update, kind, key) return update._kind == kind and update._key == key end

--- Refuses when one is under way.
--- @param call eksrun.sandbox.Call
--- @param kind string
--- @param key string
--- @param what string "LoggingUpdate"
function M.check_free(call, kind, key, what)
  local running = call:find("eks.update",
    function(u) return is_of(u, kind, key) and u.status == "InProgress" end)
  if not running then return end
  support.refuse("ResourceInUseException",
    ("Cannot %s because %s %s currently has update %s in progress"):format(what,
    kind:match "[^.]+$", key, running.id), { clusterName = key:match "^[^/]+" })
end

--- Starts one.
--- @param call eksrun.sandbox.Call
--- @param thing table
--- @param options { kind: string, key: string, type: string, params?: table<string, any>, seconds: number,
--- fields: table, status?: string, done?: [string, table] } done: an event for the end of it, with its
--- arguments
--- @return table update
function M.start(call, thing, options)
  M.check_free(call, options.kind, options.key, options.type)
  local id, params = call:uuid "update", json.array {}
  for name, value in require("eksrun.util").sorted_pairs(options.params or {}) do
    params[#params + 1] = { type = name,
      value = type(value) == "table" and json.encode(value) or tostring(value) }
  end
  local update = call:put("eks.update", id, {
    id = id, status = "InProgress", type = options.type, params = params, createdAt = support.time(call),
    errors = json.array {}, _kind = options.kind, _key = options.key, _fields = options.fields,
    _cluster = thing.clusterName or thing.name, _done = options.done,
  })
  thing.status = options.status or "UPDATING"
  call:after(options.seconds, "eks.updated", { id = id })
  return update
end


M.events["eks.updated"] = function(call, arguments)
  local update = call:get("eks.update", arguments.id)
  local thing = update and call:get(update._kind, update._key)
  if not thing or update.status ~= "InProgress" then return end
  update.status, thing.status = "Successful", "ACTIVE"
  for name, value in pairs(update._fields) do thing[name] = value end
  if thing.modifiedAt then thing.modifiedAt = support.time(call) end
  if update._done then call.world.handlers[update._done[1]](call, update._done[2]) end
end

local function key_of(params)
  if params.nodegroupName then return "eks.nodegroup", support.key(params.name, params.nodegroupName) end
  if params.addonName then return "eks.addon", support.key(params.name, params.addonName) end
  if params.capabilityName then
    return "eks.capability", support.key(params.name, params.capabilityName)
  end
  return "eks.cluster", params.name
end

function operations.DescribeUpdate(call, params)
  support.cluster(call, params.name)
  local kind, key = key_of(params)
  local update = call:get("eks.update", params.updateId)
  if not update or not is_of(update, kind, key) then
    support.refuse("ResourceNotFoundException", ("No update found for ID: %s"):format(params.updateId),
      { clusterName = params.name })
  end
  return { update = update }
end

function operations.CancelUpdate(call, params)
  support.cluster(call, params.name)
  local update = call:get("eks.update", params.updateId)
  if not update or update._cluster ~= params.name then
    support.refuse("ResourceNotFoundException", ("No update found for ID: %s"):format(params.updateId),
      { clusterName = params.name })
  end
  if update.status ~= "InProgress" then
    support.refuse("InvalidStateException", ("Update %s is not in progress"):format(update.id),
      { clusterName = params.name })
  end
  update.status, update.cancellation = "Cancelled", { status = "Successful" }
  local thing = call:get(update._kind, update._key)
  if thing and thing.status == "UPDATING" then thing.status = "ACTIVE" end
  return { update = update }
end

function operations.ListUpdates(call, params)
  support.cluster(call, params.name)
  local kind, key = key_of(params)
  return { updateIds = support.names(call:all("eks.update", function(u) return is_of(u, kind, key) end),
    "id") }
end

return M
