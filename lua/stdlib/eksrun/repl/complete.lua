--- What may stand at the cursor: services, operations, parameters and their values, waiters, fields of live
--- values, names. Asks nobody; what only AWS knows (names of clusters) is repl/lookup.lua's.
local line = require "eksrun.cli.progress.line"
local names = require "eksrun.repl.names"
local scan = require "eksrun.repl.scan"
local shapes = require "eksrun.aws.shapes"
local text = require "eksrun.text"

local M = {}

--- @class eksrun.repl.Candidate
--- @field [1] string the word
--- @field [2] string? what it is: "required"
--- @field ends? string typed behind it

--- @class eksrun.repl.Completion
--- @field text string what stands there of the word
--- @field list eksrun.repl.Candidate[] sorted; those that begin so
--- @field colon? boolean the dot before the word has to be a colon
--- @field remote? eksrun.repl.Question that only AWS can answer

local CLIENT = { "collect", "dry", "invoke", "merged", "pages", "presign", "region", "wait" }

-- Methods of a client that take the name of an operation.
local BY_OPERATION = {
  collect = true, dry = true, invoke = true, merged = true, pages = true, presign = true,
}

local function is_name(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" and not scan.keywords[key]
end

local function add(out, list, note, ends)
  for _, word in ipairs(list) do out[#out + 1] = { word, note, ends = ends } end
end

local function add_keys(out, t, accept)
  for key, value in next, t do
    if is_name(key) and (not accept or accept(value)) then
      out[#out + 1] = { key, type(value) == "function" and "function" or nil }
    end
  end
end

local function is_function(value) return type(value) == "function" end

local function fields(value, sep, out)
  local client = names.client_of(value)
  if client then
    if sep == "." then out[#out + 1] = { "try" } end
    add(out, names.methods(client:service()))
    add(out, CLIENT)
    return
  end
  if names.is_session(value) then add(out, names.services()) end
  if type(value) == "string" then return add_keys(out, string, is_function) end
  local accept = sep == ":" and is_function or nil
  local meta = getmetatable(value)
  local behind = type(meta) == "table" and rawget(meta, "__index")
  if type(behind) == "table" then add_keys(out, behind, accept) end
  if type(value) == "table" then add_keys(out, value, accept) end
end

local function globals(env, out)
  add_keys(out, env)
  add_keys(out, _G)
  add(out, { "aws", "eksrun", "jmespath", "json", "task" })
  add(out, names.services(), "service")
  for word in pairs(scan.keywords) do out[#out + 1] = { word } end
end

-- Values of a shape that are known, as Lua or as the inside of a string.
local function values(shape, inside, out)
  if shape.type == "list" then shape = shape.element end
  for _, value in ipairs(shape and shape.enum or {}) do
    out[#out + 1] = { inside and value or ('"%s"'):format(value) }
  end
  if shape and shape.type == "boolean" and not inside then add(out, { "true", "false" }) end
end

local function parameters(shape, given, out)
  for _, member in ipairs(shape.members or {}) do
    if given[member.name] == nil then
      out[#out + 1] = { member.name, member.required and "required" or nil, ends = " = " }
    end
  end
end

-- What a string may be that is the first argument of a method or of aws.client.
local function argument(env, chain, out)
  local client, method = names.called(env, chain)
  if client then
    if method == "wait" then add(out, names.waiters(client:service())) end
    if BY_OPERATION[method] then add(out, names.methods(client:service())) end
    return
  end
  local last = chain[#chain]
  if type(last) == "table" and last.name == "client" and names.is_session(names.value(env, chain, #chain - 1))
  then
    add(out, require("eksrun.aws").services())
  end
end

-- The shape of the value that is being typed in a table of parameters.
local function value_shape(env, frame)
  local shape, call = names.shape(env, frame)
  if not shape then return nil end
  if shape.type == "structure" then
    if not frame.current then return nil end
    return shapes.part(shape, frame.current), call, frame.current
  end
  return shape.element or frame.current and shape.value, call, frame.key
end

local function in_string(env, place, out, result)
  local frame = place.frame
  local chain = place.callee or frame and frame.open == "(" and frame.commas == 0 and frame.callee
  if chain then return argument(env, chain, out) end
  local shape, call, name = value_shape(env, frame)
  if not shape then return end
  values(shape, true, out)
  for _, candidate in ipairs(out) do candidate.ends = place.quote end
  if #out == 0 and name and call then
    result.remote = { client = call.client, operation = call.operation, parameter = name,
      given = call.frame.given, ends = place.quote }
  end
end

local function at_name(env, place, out, result)
  if place.sep then
    local value = place.chain and names.value(env, place.chain)
    if value ~= nil then
      fields(value, place.sep, out)
      result.colon = place.sep == "." and names.client_of(value) ~= nil
    end
    return
  end
  local frame = place.frame
  local begins = place.after == "open" or place.after == "comma"
  local shape = frame and begins and names.shape(env, frame)
  if shape and shape.type == "structure" then return parameters(shape, frame.given, out) end
  local wanted = frame and frame.open == "{" and (frame.current or begins) and value_shape(env, frame)
  if wanted then values(wanted, false, out) end
  if #out == 0 then globals(env, out) end
end

--- The words of a list that begin so: each once, sorted, what is required first.
--- @param list eksrun.repl.Candidate[]
--- @param beginning string
--- @return eksrun.repl.Candidate[]
function M.matching(list, beginning)
  local out, seen = {}, {}
  for _, candidate in ipairs(list) do
    local word = candidate[1]
    local hidden = beginning == "" and word:sub(1, 1) == "_"
    if word:sub(1, #beginning) == beginning and not hidden and not seen[word] then
      seen[word] = true
      out[#out + 1] = candidate
    end
  end
  table.sort(out, function(a, b)
    local first, second = a[2] == "required", b[2] == "required"
    if first ~= second then return first end
    return a[1] < b[1]
  end)
  return out
end

--- @param env table of the session
--- @param before string Lua, up to the cursor
--- @return eksrun.repl.Completion
function M.complete(env, before)
  local place = scan.scan(before)
  local result, out = { text = place.text }, {}
  if place.kind == "string" then
    in_string(env, place, out, result)
  elseif place.kind == "name" then
    at_name(env, place, out, result)
  end
  result.list = M.matching(out, place.text)
  for _, candidate in ipairs(result.list) do
    if candidate[1] == "try" then result.colon = false end
  end
  return result
end

--- What all words begin with.
--- @param list eksrun.repl.Candidate[]
--- @return string
function M.common(list)
  local common = list[1] and list[1][1] or ""
  for _, candidate in ipairs(list) do
    local n = 0
    while n < #common and common:byte(n + 1) == candidate[1]:byte(n + 1) do n = n + 1 end
    common = common:sub(1, n)
  end
  return common
end

--- The candidates in columns.
--- @param list eksrun.repl.Candidate[]
--- @param columns integer of the terminal
--- @param rows_max integer
--- @return string lines
function M.show(list, columns, rows_max)
  local shown, width = {}, 0
  for i, candidate in ipairs(list) do
    shown[i] = line.clean(candidate[1]) .. (candidate[2] == "required" and "*" or "")
    width = math.max(width, text.width(shown[i]))
  end
  width = math.min(width, columns - 1)
  local per_row = math.max(1, (columns + 1) // (width + 2))
  local rows = (#shown + per_row - 1) // per_row
  local kept = math.min(rows, math.max(rows_max, 1))
  local out = {}
  for row = 1, kept do
    local cells = {}
    for column = 0, per_row - 1 do
      local word = shown[row + column * rows]
      if word then cells[#cells + 1] = line.fit(word, width) end
    end
    out[row] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  if kept < rows then
    local left = 0
    for i = 1, #shown do
      if (i - 1) % rows >= kept then left = left + 1 end
    end
    out[#out + 1] = ("… %d more"):format(left)
  end
  return table.concat(out, "\n") .. "\n"
end

return M
