--- What an operation takes, as the prompt shows it for `eks:describe_cluster?`. From the models; asks nobody.
local help = require "eksrun.cli.call.help"
local names = require "eksrun.repl.names"
local scan = require "eksrun.repl.scan"
local util = require "eksrun.util"

local M = {}

local scalars = {
  string = '"TEXT"', blob = '"BYTES"', boolean = "true", integer = "1", long = "1", float = "1.0",
  double = "1.0", timestamp = '"2026-01-31T12:00:00Z"', document = "{}",
}

-- A value as one would write it: what is required, of structures.
local function example(shape, depth)
  if shape.recursive or depth > 8 then return "{}" end
  if shape.enum then return ('"%s"'):format(shape.enum[1]) end
  if shape.type == "list" then return "{ " .. example(shape.element, depth + 1) .. " }" end
  if shape.type == "map" then return "{ KEY = " .. example(shape.value, depth + 1) .. " }" end
  if shape.type ~= "structure" then return scalars[shape.type] or '"TEXT"' end
  local parts = {}
  for _, member in ipairs(shape.members) do
    if member.required then parts[#parts + 1] = member.name .. " = " .. example(member, depth + 1) end
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local function of_operation(client, method, operation)
  local input, output = operation:input(), operation:output()
  local out = { ("%s:%s %s"):format((client:service_name():gsub("-", "_")), method,
    input and example(input, 1) or "{}"), "" }
  local members = table.move(input and input.members or {}, 1, 1000, 1, {})
  table.sort(members, function(a, b)
    if (a.required or false) ~= (b.required or false) then return a.required or false end
    return a.name < b.name
  end)
  out[#out + 1] = members[1] and "parameters:" or "parameters: none"
  help.members(out, members)
  local answer = {}
  for i, member in ipairs(output and output.members or {}) do answer[i] = member.name end
  out[#out + 1] = "answer: " .. (answer[1] and table.concat(answer, ", ") or "empty")
  return table.concat(out, "\n")
end

local function of_client(client)
  local methods = names.methods(client:service())
  return ("client of %s: %d operations, such as %s; Tab lists them"):format(client:service_name(), #methods,
    table.concat(methods, ", ", 1, math.min(3, #methods)))
end

--- What a name stands for, in lines.
--- @param env table of the session
--- @param text string "eks:describe_cluster", or with a dot
--- @return string
--- Raises { code = "usage" }.
function M.of(env, text)
  local place = scan.scan(text .. " ")
  local chain = place.ended
  if not chain then util.fail("usage", "'%s' is no name", text) end
  local client, method, operation = names.called(env, chain)
  if operation then return of_operation(client, method, operation) end
  if client and not client[method] then
    util.fail("usage", "%s has no operation '%s'", client:service_name(), method)
  end
  local value = names.value(env, chain)
  local found = names.client_of(value)
  if found then return of_client(found) end
  if value == nil then util.fail("usage", "there is no '%s'", text) end
  return ("%s: a %s"):format(text, type(value))
end

return M
