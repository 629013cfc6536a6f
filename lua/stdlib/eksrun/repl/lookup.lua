--- Values of parameters that only AWS knows: the names of the clusters that there are. Which call lists them
--- follows from the models: for `nodegroupName`, the operation that lists `nodegroups`, if what it requires
--- is given where the cursor is.
local clock = require "eksrun.clock"
local json = require "eksrun.json"

local M = {}

local KEPT = 60 -- seconds that an answer is used again
local ITEMS_MAX = 500

--- @class eksrun.repl.Question
--- @field client eksrun.aws.Client
--- @field operation eksrun.native.aws.Operation that the value is for
--- @field parameter string
--- @field given table<string, string|true> its other parameters, as far as they are strings
--- @field ends? string typed behind the value

--- @class eksrun.repl.Listing
--- @field operation string that is called
--- @field params table
--- @field path string[] to the values in the answer

local ENDINGS = { "Names", "Name", "Ids", "Id", "Arns", "Arn", "s" }

-- What the values may be called: "nodegroupName" is the Name of a nodegroup, "name" of DescribeCluster the
-- name of a cluster, "Bucket" the name of a bucket.
local function stems_of(parameter, operation)
  local out = {}
  for _, ending in ipairs(ENDINGS) do
    local stem = parameter:match("^(.+)" .. ending .. "$")
    if stem then
      out[1] = { stem:lower(), (ending:gsub("s$", "")):lower() }
      break
    end
  end
  out[1] = out[1] or { parameter:lower(), "name" }
  local noun = operation:name():match "^%u%l+(%u.*)$"
  local input = operation:input()
  for _, member in ipairs(input and input.members or {}) do
    if noun and member.name == parameter and member.required then
      out[2] = { noun:lower(), parameter:lower() }
    end
  end
  return out
end

local function plurals(stem)
  local out = {}
  for i, ending in ipairs { "", "s", "es", "list", "names", "arns", "summaries", "summarylist" } do
    out[i] = stem .. ending
  end
  out[#out + 1] = stem:gsub("y$", "ie") .. "s"
  return out
end

-- The member of an element that has the value.
local function value_in(element, stem, ending, parameter)
  local wanted = { [ending] = 3, [stem .. ending] = 2 }
  wanted[parameter], wanted[parameter:gsub("s$", "")] = 1, 1
  local best, rank
  for _, member in ipairs(element.members or {}) do
    local found = member.type == "string" and wanted[member.name:lower()]
    if found and (not rank or found < rank) then best, rank = member.name, found end
  end
  return best, rank
end

-- The way to the values in an answer: names of lists and, if their elements are structures, of a member.
local function path_to(output, stem, ending, parameter, depth)
  for _, member in ipairs(output.members or {}) do
    local element = member.type == "list" and member.element
    local inner = element and element.members
    if element then
      local value, rank
      if inner then value, rank = value_in(element, stem, ending, parameter) end
      local name = member.name:lower()
      for _, plural in ipairs(plurals(stem)) do
        if name == plural and element.type == "string" then return { member.name } end
        if value and (name == plural or rank == 1 and name:sub(-#plural) == plural and #plural > #stem) then
          return { member.name, value }
        end
      end
    end
    if inner and depth > 0 then
      local rest = path_to(element, stem, ending, parameter, depth - 1)
      if rest and #rest == 2 then return { member.name, table.unpack(rest) } end
    end
  end
end

local function required(operation)
  local out = {}
  local input = operation:input()
  for _, member in ipairs(input and input.members or {}) do
    if member.required then out[#out + 1] = member.name end
  end
  return out
end

-- The parameters of a listing, from what is given; nil if something is missing.
local function params_of(operation, given)
  local params = {}
  for _, name in ipairs(required(operation)) do
    if type(given[name]) ~= "string" then return nil end
    params[name] = given[name]
  end
  return params
end

-- The nearest is the operation itself, then what needs most of what is given, then what is named for it; of
-- equals the one with the shortest name.
local function nearness(operation, own, stem)
  local name = operation:name()
  local weight = #required(operation) * 1000 - #name
  if name == own:name() then weight = weight + 10000 end
  for _, plural in ipairs(plurals(stem)) do
    if name:lower():sub(-#plural) == plural then return weight + 500 end
  end
  return weight
end

--- How to find out, or nil: nobody lists that.
--- @param question eksrun.repl.Question
--- @return eksrun.repl.Listing|nil
function M.listing(question)
  local service = question.client:service()
  for _, stem in ipairs(stems_of(question.parameter, question.operation)) do
    local best
    for _, name in ipairs(service:operations()) do
      local operation = (name:find "^List" or name:find "^Describe") and service:operation(name)
      local output = operation and operation:output()
      local path = output and path_to(output, stem[1], stem[2], question.parameter:lower(), 1)
      local params = path and params_of(operation, question.given)
      local weight = params and nearness(operation, question.operation, stem[1])
      if params and (not best or weight > best.weight) then
        best = { operation = name, params = params, path = path, weight = weight }
      end
    end
    if best then return best end
  end
end

--- @class eksrun.repl.Lookup
local Lookup = {}
Lookup.__index = Lookup

--- Answers, kept for a minute.
--- @return eksrun.repl.Lookup
function M.new() return setmetatable({ kept = {} }, Lookup) end

local function key_of(question, listing)
  local ok, region = pcall(question.client.region, question.client)
  return ("%s %s %s %s"):format(question.client:service_name(), ok and region or "", listing.operation,
    json.encode(listing.params, { sort = true }))
end

--- What is known already.
--- @param question eksrun.repl.Question
--- @param listing eksrun.repl.Listing
--- @return string[]|nil
function Lookup:known(question, listing)
  local found = self.kept[key_of(question, listing)]
  return found and clock.monotonic() - found.at < KEPT and found.values or nil
end

local function collect(value, path, at, out)
  if type(value) == "string" and at > #path then
    out[#out + 1] = value
  elseif type(value) == "table" and value[1] ~= nil then
    for _, element in ipairs(value) do collect(element, path, at, out) end
  elseif type(value) == "table" and path[at] then
    collect(value[path[at]], path, at + 1, out)
  end
end

--- Asks AWS; waits.
--- @param question eksrun.repl.Question
--- @param listing eksrun.repl.Listing
--- @return string[] values; raises what the call raises
function Lookup:ask(question, listing)
  local answer = question.client:merged(listing.operation, listing.params, { max_items = ITEMS_MAX })
  local values = {}
  collect(answer, listing.path, 1, values)
  self.kept[key_of(question, listing)] = { at = clock.monotonic(), values = values }
  return values
end

--- Something was changed, or another account is asked: nothing is known any more.
--- @param service? string of one service only
function Lookup:forget(service)
  for key in pairs(self.kept) do
    if not service or key:sub(1, #service + 1) == service .. " " then self.kept[key] = nil end
  end
end

return M
