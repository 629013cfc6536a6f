--- What a handler gets beside the parameters: who asks where and when, and the things of the world.
local fault = require "eksrun.sandbox.fault"
local util = require "eksrun.util"
local worlds = require "eksrun.sandbox.world"

local M = {}

--- @class eksrun.sandbox.Call
--- @field world eksrun.sandbox.World
--- @field region string
--- @field account string
--- @field partition string
--- @field now number seconds since 1970
--- @field service string
--- @field operation string "CreateVpc"; the event's name in an event
--- @field params table
--- @field principal eksrun.sandbox.iam.Principal who asks; in an event the sandbox's administrator
--- @field own string hash of operation and parameters
--- @field event? boolean something that happens, not a request
local Call = {}
Call.__index = Call

--- @param fields table
--- @return eksrun.sandbox.Call
function M.new(fields) return setmetatable(fields, Call) end

Call.fail = function(_, ...) fault.raise(...) end
Call.fail_with = function(_, ...) fault.raise_with(...) end

local function region_of(call, kind)
  return (kind:find "^iam%." or kind:find "^s3%.") and worlds.GLOBAL or call.region
end

-- Whether a string is somewhere in the parameters.
local function names(value, id)
  if type(value) ~= "table" then return value == id end
  for _, part in pairs(value) do
    if names(part, id) then return true end
  end
  return false
end

-- Whether a thing of EC2 is too new to be seen by this request: by one that reads, or that names it.
local function unseen(call, thing, id)
  local since = thing and thing._seen
  if not since or since <= call.now or call.event or not call.world.late or thing._by == call.own then
    return false
  end
  return call.operation:find "^Describe" or call.operation:find "^Get" or names(call.params, id)
end

--- @param kind string "ec2.vpc"
--- @param id string
--- @return table? thing the world's own
function Call:get(kind, id)
  if id == nil then return nil end
  local thing = self.world:things(region_of(self, kind), kind)[id]
  return not unseen(self, thing, id) and thing or nil
end

--- @param kind string
--- @param id string
--- @param thing table
--- @return table thing
function Call:put(kind, id, thing)
  if not thing._order then
    thing._order = self.world:serial()
    if self.world.late and kind:find "^ec2%." then
      thing._seen, thing._by = self.now + self.world.late, self.own
    end
  end
  self.world:things(region_of(self, kind), kind)[id] = thing
  return thing
end

--- @param kind string
--- @param id string
function Call:remove(kind, id) self.world:things(region_of(self, kind), kind)[id] = nil end

--- All of a kind, in the order they came.
--- @param kind string
--- @param match? fun(thing: table): any
--- @return table[]
function Call:all(kind, match)
  local list = {}
  for _, thing in pairs(self.world:things(region_of(self, kind), kind)) do
    if not unseen(self, thing) and (not match or match(thing)) then list[#list + 1] = thing end
  end
  table.sort(list, function(a, b) return a._order < b._order end)
  return list
end

--- The first of a kind that matches.
--- @param kind string "ec2.vpc"
--- @param match fun(thing: table): boolean
--- @return table?
function Call:find(kind, match) return self:all(kind, match)[1] end

--- A new id of EC2: "vpc-0a1b...".
--- @param prefix string
--- @return string
function Call:id(prefix) return prefix .. "-0" .. self.world:next_hash(prefix, self.own):sub(1, 16) end

--- Hexadecimal digits of this call, another set each time.
--- @param ... any
--- @return string
function Call:hash(...) return self.world:next_hash(self.own, ...) end

--- @return string
function Call:uuid(...) return worlds.uuid(self:hash("uuid", ...)) end

--- @param service string
--- @param resource string
--- @return string
function Call:arn(service, resource)
  local region = (service == "iam" or service == "sts") and "" or self.region
  return ("arn:%s:%s:%s:%s:%s"):format(self.partition, service, region, self.account, resource)
end

--- @param name string of durations.lua
--- @return number seconds
function Call:duration(name, ...) return self.world:duration(name, self.region, ...) end

--- Lets time go on, and others do something.
--- @param last number until when, seconds since 1970
--- @param soonest? number when something happens that is worth a look
--- @return boolean no: it is not worth while, or that late already
function Call:pause(last, soonest)
  if self.now >= last then return false end
  local now = self.world.pause(self.now, last, soonest)
  if now then self.now = now end
  return now ~= nil
end

--- @return integer seconds since 1970
function Call:time() return math.floor(self.now) end

--- Has an event happen.
--- @param seconds number from now on
--- @param name string
--- @param arguments table plain data
function Call:after(seconds, name, arguments)
  self.world:schedule(self.now + seconds, name, self.region, arguments)
end

local function state_of(thing) return thing.State or thing.status end

--- Has fields of a thing change, if its state is by then what it is now: whoever deletes it meanwhile wins.
--- @param seconds number
--- @param kind string
--- @param id string
--- @param fields table
function Call:becomes(seconds, kind, id, fields)
  local from = state_of(self:get(kind, id))
  self:after(seconds, "set", { kind = kind, id = id, fields = fields, from = from })
end

--- Has a thing go.
--- @param seconds number
--- @param kind string
--- @param id string
function Call:vanishes(seconds, kind, id) self:after(seconds, "remove", { kind = kind, id = id }) end

--- The events that need nothing but data.
M.events = {
  set = function(call, arguments)
    local thing = call:get(arguments.kind, arguments.id)
    if not thing or not util.equal(state_of(thing), arguments.from) then return end
    for name, value in pairs(arguments.fields) do thing[name] = value end
  end,
  remove = function(call, arguments) call:remove(arguments.kind, arguments.id) end,
}

-- The members of a structure by name, worked out once.
local function members_of(shape)
  if not shape.by_name then
    shape.by_name = {}
    for _, member in ipairs(shape.members) do shape.by_name[member.name] = member end
  end
  return shape.by_name
end

local function is_own(key) return type(key) == "string" and key:sub(1, 1) == "_" end

--- A copy of what the world has, as an answer shows it: without the sandbox's own fields. In maps, whose keys
--- are the user's, there are none.
--- @generic T
--- @param value T
--- @param shape? eksrun.native.aws.Shape default: that of a structure whose parts have no own fields
--- @return T
function M.shown(value, shape)
  if type(value) ~= "table" then return value end
  if shape and shape.recursive then return util.copy(value) end
  local kind, out = shape and shape.type or "structure", {}
  local members = shape and shape.members and members_of(shape) or {}
  for key, part in pairs(value) do
    if kind ~= "structure" then
      out[key] = M.shown(part, kind == "list" and shape.element or kind == "map" and shape.value or shape)
    elseif not is_own(key) then
      out[key] = members[key] and M.shown(part, members[key]) or util.copy(part)
    end
  end
  return setmetatable(out, getmetatable(value))
end

--- Tags as a list of Key and Value, of a table by key, in the order of the keys.
--- @param map table<string, string>
--- @return table[]
function M.tag_list(map)
  local list = {}
  for key, value in util.sorted_pairs(map) do list[#list + 1] = { Key = key, Value = value } end
  return list
end

--- Tags as a table by key.
--- @param list table[]?
--- @return table<string, string>
function M.tag_map(list)
  local map = {}
  for _, tag in ipairs(list or {}) do map[tag.Key or ""] = tag.Value or "" end
  return map
end

return M
