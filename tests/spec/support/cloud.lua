--- A cloud in a table, resource types on it, and plans of recipes for it: for the specs of the engine.
---
---   cloud.net   by tag      Cidr (immutable), Size, Peers (a set)      -> NetId
---   cloud.host  by name     HostName, NetId, Version, Doc (a policy)   -> HostId; ready after a while
---   cloud.link  relation    NetId, Target, To
local error_object = require "eksrun.error"
local graph = require "eksrun.engine.graph"
local planning = require "eksrun.engine.plan"
local resource = require "eksrun.resource"
local stacks = require "eksrun.engine.stack"
local task = require "eksrun.task"

local M = {}

--- @return table cloud things by id, calls in order, faults by call
function M.new()
  local cloud = { things = {}, calls = {}, log = {}, faults = {}, serial = 0, running = 0, most = 0 }

  local function call(name, id)
    cloud.calls[name] = (cloud.calls[name] or 0) + 1
    table.insert(cloud.log, name .. (id and " " .. id or ""))
    local fault = cloud.faults[name .. " " .. tostring(id)] or cloud.faults[name]
    if fault then fault(name, id) end
  end

  local service = {}
  function service.describe(_, kind)
    call("describe", kind)
    local out = {}
    for _, thing in pairs(cloud.things) do
      if thing.kind == kind then out[#out + 1] = thing end
    end
    table.sort(out, function(a, b) return a.id < b.id end)
    return out
  end
  function service.create(_, kind, fields, tags, token)
    call("create", fields.HostName or fields.Cidr or fields.Target)
    cloud.running = cloud.running + 1
    cloud.most = math.max(cloud.most, cloud.running)
    task.sleep(0.01)
    cloud.running = cloud.running - 1
    cloud.serial = cloud.serial + 1
    local thing = { kind = kind, id = ("%s-%d"):format(kind, cloud.serial), tags = tags, token = token }
    for key, value in pairs(fields) do thing[key] = value end
    cloud.things[thing.id] = thing
    return thing
  end
  function service.update(_, id, fields)
    call("update", id)
    for key, value in pairs(fields) do cloud.things[id][key] = value end
  end
  function service.retag(_, id, set)
    call("retag", id)
    for key, value in pairs(set) do cloud.things[id].tags[key] = value end
  end
  function service.delete(_, id)
    call("delete", id)
    for _, thing in pairs(cloud.things) do
      if thing.NetId == id and thing.kind ~= "link" then
        error(error_object.new { code = "DependencyViolation", message = id .. " is in use" })
      end
    end
    if not cloud.things[id] then error(error_object.new { code = "NotFound", message = "no " .. id }) end
    cloud.things[id] = nil
  end
  function service.has(_, id) return cloud.things[id] ~= nil end
  cloud.aws = { cloud = service }
  return cloud
end

--- An error as AWS sends it.
function M.refusal(code, message)
  return function() error(error_object.new { code = code, message = message, request_id = "r-1" }) end
end

local function record(ctx, thing, id)
  local out = ctx:record(thing, thing.tags)
  out[id] = thing.id
  return out
end

M.net = resource.define {
  name = "cloud.net",
  identity = "tag",
  id = "NetId",
  tagging = { "map" },
  inputs = {
    Cidr = { type = "string", required = true, immutable = true },
    Size = { type = "integer" },
    Peers = { type = "table", set = true, default = {} },
    Secret = { type = "string", write_only = true, sensitive = true },
    ParentId = { type = "string", refers = "cloud.net" },
  },
  outputs = { "Dns" },
  observe = function(ctx)
    local out = {}
    for _, thing in ipairs(ctx.aws.cloud:describe "net") do
      local found = record(ctx, thing, "NetId")
      found.Dns = thing.id .. ".net"
      if found.address then out[#out + 1] = found end
    end
    return out
  end,
  create = function(ctx, inputs)
    local thing = ctx.aws.cloud:create("net", inputs, ctx.tags, ctx.token)
    return { NetId = thing.id, Dns = thing.id .. ".net" }
  end,
  update = function(ctx, found, inputs, changed)
    local fields = {}
    for name in pairs(changed) do fields[name] = inputs[name] end
    ctx.aws.cloud:update(found.NetId, fields)
  end,
  retag = function(ctx, found, set) ctx.aws.cloud:retag(found.NetId, set) end,
  delete = function(ctx, found) ctx.aws.cloud:delete(found.NetId) end,
}

M.host = resource.define {
  name = "cloud.host",
  identity = "name",
  key = { "HostName" },
  id = "HostName",
  tagging = { "map" },
  protect = true,
  exclusive = { update = "net/{NetId}" },
  retry = { create = { { code = "NotYet", message = "role", seconds = 60 } } },
  inputs = {
    HostName = { type = "string", computed = function(node, stack) return stack:name_for(node, 30) end },
    NetId = { type = "string", immutable = true, refers = "cloud.net" },
    Version = { type = "string" },
    Doc = { type = "string", policy = true },
    Config = {
      type = "table",
      fields = { public = { type = "boolean" }, nets = { set = true, immutable = true } },
    },
  },
  outputs = { "HostId", "Config" },
  observe = function(ctx, wanted)
    local names, out = {}, {}
    for _, want in ipairs(wanted) do names[want.HostName] = true end
    for _, thing in ipairs(ctx.aws.cloud:describe "host") do
      local found = record(ctx, thing, "HostId")
      found.pending, found.leaving = not thing.up, thing.leaving
      if found.address or names[found.HostName] then out[#out + 1] = found end
    end
    return out
  end,
  create = function(ctx, inputs)
    return { HostId = ctx.aws.cloud:create("host", inputs, ctx.tags, ctx.token).id }
  end,
  ready = function(ctx, found)
    ctx:state "CREATING"
    task.sleep(0.02)
    ctx.aws.cloud:update(found.HostId, { up = true })
  end,
  update = function(ctx, found, inputs, changed)
    local fields = {}
    for name in pairs(changed) do fields[name] = inputs[name] end
    ctx.aws.cloud:update(found.HostId, fields)
  end,
  retag = function(ctx, found, set) ctx.aws.cloud:retag(found.HostId, set) end,
  delete = function(ctx, found) ctx.aws.cloud:delete(found.HostId) end,
  gone = function(ctx, found)
    ctx:poll(function() return not ctx.aws.cloud:has(found.HostId) or nil, "DELETING" end, { delay = 0.005 })
  end,
}

M.link = resource.define {
  name = "cloud.link",
  identity = "relation",
  key = { "NetId", "Target" },
  id = "LinkId",
  parent = "NetId",
  inputs = {
    NetId = { type = "string", required = true, immutable = true, refers = "cloud.net" },
    Target = { type = "string", required = true, immutable = true },
    To = { type = "string", refers = "cloud.host.HostName" },
  },
  observe = function(ctx)
    local out, ours = {}, {}
    for _, net in ipairs(ctx.aws.cloud:describe "net") do ours[net.id] = record(ctx, net, "NetId").address end
    for _, thing in ipairs(ctx.aws.cloud:describe "link") do
      if ours[thing.NetId] then out[#out + 1] = record(ctx, thing, "LinkId") end
    end
    return out
  end,
  create = function(ctx, inputs) return { LinkId = ctx.aws.cloud:create("link", inputs).id } end,
  update = function(ctx, found, inputs) ctx.aws.cloud:update(found.LinkId, { To = inputs.To }) end,
  delete = function(ctx, found) ctx.aws.cloud:delete(found.LinkId) end,
}

M.types = { M.net, M.host, M.link }

function M.stack(name) return stacks.new(name, { region = "eu-west-1", account = "123456789012" }) end

--- What a recipe declares, as a graph.
--- @param recipe fun()
--- @param of? eksrun.Stack default: "spec/one"
function M.declare(recipe, of)
  local declared = graph.new()
  declared.stack = of or M.stack "spec/one"
  local before = graph.set_current(declared)
  local ok, err = pcall(recipe)
  graph.set_current(before)
  if not ok then error(err, 0) end
  return declared
end

--- The plan of a recipe; without one, of nothing declared.
--- @param sky table as M.new gives it
--- @param recipe? fun()
--- @param options? table more of planning.make
function M.plan(sky, recipe, options)
  local declared = M.declare(recipe or function() end, options and options.stack)
  local made = { graph = declared, stack = declared.stack, aws = sky.aws, types = M.types }
  for key, value in pairs(options or {}) do made[key] = value end
  return planning.make(made)
end

--- What a plan does, as "create net", in its order.
function M.ops(planned)
  local out = {}
  for _, action in ipairs(planned.actions) do
    if action.op ~= "keep" then out[#out + 1] = action.op .. " " .. action.address end
  end
  return out
end

return M
