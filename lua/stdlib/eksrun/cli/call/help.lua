--- Help of `eksrun call` from the models: services, operations, parameters down to the last member.
local args = require "eksrun.cli.args"
local json = require "eksrun.json"
local models = require "eksrun.aws.models"
local names = require "eksrun.cli.call.names"
local util = require "eksrun.util"

local M = {}

local WIDTH = 80

local kinds = {
  string = "TEXT", blob = "BASE64", boolean = "true|false", integer = "N", long = "N",
  float = "NUMBER", double = "NUMBER", timestamp = "TIME", structure = "STRUCTURE", map = "MAP",
  list = "LIST", document = "JSON",
}

local scalars = { integer = "number", long = "number", float = "number", double = "number" }

--- What a parameter takes, in a word: "TEXT", "TEXT...".
--- @param shape eksrun.native.aws.Shape
--- @return string
function M.kind(shape)
  if shape.type == "list" then return M.kind(shape.element) .. "..." end
  if shape.streaming then return "FILE" end
  return kinds[shape.type] or shape.type:upper()
end

-- "1..5", ">= 1", "<= 5"; "" without any.
local function range(shape)
  local min, max = shape.min, shape.max
  local is_number = scalars[shape.type] == "number"
  if min == 0 and not is_number then min = nil end
  if not min and not max then return "" end
  if min == max then return tostring(min) end
  if min and max then return ("%s..%s"):format(min, max) end
  return min and (">= %s"):format(min) or ("<= %s"):format(max)
end

-- "list of string, 1..5 of them", "map of string to structure", "ipv4 | ipv6"
local function describe(shape)
  local bounds = range(shape)
  if shape.enum then return table.concat(shape.enum, " | ") end
  if shape.element or shape.key then
    local text = shape.element and "list of " .. describe(shape.element)
      or ("map of %s to %s"):format(describe(shape.key), describe(shape.value))
    return text .. (bounds ~= "" and (", %s of them"):format(bounds) or "")
  end
  local text = shape.streaming and "file" or shape.events and "stream of events"
    or shape.union and "structure of one of" or shape.type
  return text .. (bounds ~= "" and " " .. bounds or "")
end

local function notes(shape)
  local list = {}
  if shape.required then list[#list + 1] = "required" end
  if shape.token then list[#list + 1] = "filled in if not given" end
  if shape.sensitive then list[#list + 1] = "secret" end
  if shape.deprecated then list[#list + 1] = "deprecated" end
  return #list > 0 and "; " .. table.concat(list, ", ") or ""
end

-- What is in lists and maps of it, down to the first that is neither.
local function innermost(shape)
  while not shape.recursive and (shape.type == "list" or shape.type == "map") do
    shape = shape.element or shape.value
  end
  return shape
end

-- "name  what it is", what wrapped behind a hanging indent.
local function add_row(out, indent, name, column, text)
  args.hanging(out, (" "):rep(indent) .. name, math.max(column, indent + 4), text)
end

local add_members

-- A member, and the members below it, which are told once: `told` has the paths of structures.
local function add_member(out, member, name, text, indent, column, inner_indent, told, path)
  local inner = innermost(member)
  path = path and path .. "." .. name or name
  local before = told[inner.shape]
  if before then text = ("%s, as %s"):format(text, before) end
  add_row(out, indent, name, column, text .. notes(member))
  if before or not inner.members or #inner.members == 0 then return end
  told[inner.shape] = path
  add_members(out, inner.members, inner_indent, told, path)
end

function add_members(out, members, indent, told, path)
  local width = 0
  for _, member in ipairs(members) do width = math.max(width, #member.name) end
  local column = indent + math.min(width, 28) + 2
  for _, member in ipairs(members) do
    add_member(out, member, member.name, describe(member), indent, column, indent + 2, told, path)
  end
end

--- Adds a line for each member, with those below it.
--- @param out string[]
--- @param members eksrun.native.aws.Shape[]
function M.members(out, members) add_members(out, members, 2, {}) end

-- ---- an example

local placeholders = {
  string = "TEXT", blob = "aGVsbG8=", boolean = "true", integer = "1", long = "1", float = "1.0",
  double = "1.0", timestamp = "2026-01-31T12:00:00Z", document = "{}",
}

local function example(shape, nested, depth)
  if shape.recursive or depth > 12 then return shape.type == "list" and "[]" or "{}" end
  if shape.enum then return shape.enum[1] end
  if shape.type == "list" then
    if nested then return "[" .. example(shape.element, true, depth + 1) .. "]" end
    if shape.element.type == "list" then return "[[]]" end -- shorthand has none
    return example(shape.element, false, depth + 1)
  elseif shape.type == "map" then
    local pair = "KEY=" .. example(shape.value, true, depth + 1)
    return nested and "{" .. pair .. "}" or pair
  elseif shape.type == "structure" then
    local pairs_ = {}
    local function add(member)
      pairs_[#pairs_ + 1] = member.name .. "=" .. example(member, true, depth + 1)
    end
    for _, member in ipairs(shape.members) do
      if member.required then add(member) end
    end
    if #pairs_ == 0 and shape.members[1] then add(shape.members[1]) end
    local inside = table.concat(pairs_, ",")
    return nested and "{" .. inside .. "}" or inside
  end
  if shape.streaming then return "FILE" end
  if scalars[shape.type] and (shape.min or 0) > 1 then return tostring(shape.min) end
  return placeholders[shape.type] or "TEXT"
end

local function quote(word)
  if word:find("[^%w%-_.,=:/@%%+]") then return "'" .. word .. "'" end
  return word
end

local function flag(request, i)
  local kebab = request.parameters.kebab[i]
  local member = request.parameters.list[i]
  for _, own in ipairs(require("eksrun.cli.call").flags) do
    if own[1] == kebab then return "--" .. member.name end
  end
  for _, own in ipairs(args.common) do
    if own[1] == kebab then return "--" .. member.name end
  end
  return "--" .. kebab
end

--- The required parameters with a value each, as words of a command line.
--- @param request eksrun.cli.call.Request
--- @return { [1]: string, [2]: string }[] flag and value
function M.example(request)
  local out = {}
  for i, member in ipairs(request.parameters.list) do
    if member.required then out[#out + 1] = { flag(request, i), example(member, false, 1) } end
  end
  return out
end

local function add_example(out, request, head)
  local lines = { "  " .. head }
  for _, words in ipairs(M.example(request)) do
    lines[#lines + 1] = ("      %s %s"):format(words[1], quote(words[2]))
  end
  if #lines == 2 and #lines[1] + #lines[2] < WIDTH then
    lines = { lines[1] .. " " .. lines[2]:match("^%s*(.*)") }
  end
  out[#out + 1] = table.concat(lines, " \\\n")
end

-- ---- pages of help

local function add_parameters(out, request)
  local list = request.parameters.list
  if #list == 0 then
    out[#out + 1] = "parameters: none"
    return
  end
  out[#out + 1] = "parameters:"
  local width = 0
  for i in ipairs(list) do width = math.max(width, #flag(request, i)) end
  local column, told = 2 + math.min(width, 30) + 2, {}
  for _, wanted in ipairs { true, false } do
    for i, member in ipairs(list) do
      if (member.required or false) == wanted then
        local name = flag(request, i)
        local text = member.type == "boolean" and "boolean, or --no-" .. name:sub(3) or describe(member)
        add_member(out, member, name, text, 2, column, 6, told)
      end
    end
  end
end

local function add_flags(out)
  out[#out + 1] = ""
  out[#out + 1] = "eksrun call --help says how values are written, and which flags there are."
end

local function operation_page(request)
  local operation, service = request.operation, request.service_name
  local kebab = names.kebab(operation:name())
  local head = ("eksrun call %s %s"):format(service, kebab)
  local info, output = operation:info(), operation:output()
  local out = { ("%s %s (%s)"):format(service, kebab, operation:name()), "" }
  if info.deprecated then
    out[#out + 1] = "deprecated"
    out[#out + 1] = ""
  end
  local stream = require("eksrun.cli.call.present").stream(output)
  out[#out + 1] = "usage: " .. head .. " [--param value ...] [flags]" .. (stream and " [FILE]" or "")
  out[#out + 1] = ""
  add_example(out, request, head)
  out[#out + 1] = ""
  add_parameters(out, request)
  out[#out + 1] = ""
  if output and #output.members > 0 then
    out[#out + 1] = "answer:"
    add_members(out, output.members, 2, {})
  else
    out[#out + 1] = "answer: empty"
  end
  if #info.errors > 0 then
    out[#out + 1] = ""
    add_row(out, 0, "errors:", 8, table.concat(info.errors, ", "))
  end
  if request.service:paginator(operation:name()) then
    out[#out + 1] = ""
    out[#out + 1] = "comes in pages: --all-pages fetches and joins them"
  end
  add_flags(out)
  return table.concat(out, "\n") .. "\n"
end

local function waiter_page(request)
  local facts = request.service:waiter(request.waiter)
  local kebab = names.kebab(request.waiter)
  local head = ("eksrun call %s wait %s"):format(request.service_name, kebab)
  local out = {
    ("%s wait %s (%s)"):format(request.service_name, kebab, request.waiter), "",
    "usage: " .. head .. " [--param value ...] [flags]", "",
  }
  add_example(out, request, head)
  out[#out + 1] = ""
  out[#out + 1] = ("calls %s every %s s, at most %s times, until"):format(
    names.kebab(facts.operation), facts.delay, facts.maxAttempts)
  local rows = {}
  for _, acceptor in ipairs(facts.acceptors) do
    local what = acceptor.matcher:find("^path") and acceptor.argument or acceptor.matcher
    rows[#rows + 1] = { acceptor.state, ("%s%s is %s"):format(what,
      acceptor.matcher == "pathAll" and " (all)" or acceptor.matcher == "pathAny" and " (any)" or "",
      json.encode(acceptor.expected)) }
  end
  args.columns(rows, out)
  out[#out + 1] = ""
  add_parameters(out, request)
  add_flags(out)
  return table.concat(out, "\n") .. "\n"
end

-- Names in as many columns as there is room for.
local function add_columns(out, list)
  local width = 0
  for _, name in ipairs(list) do width = math.max(width, #name) end
  local columns = math.max(1, (WIDTH - 2) // (width + 2))
  local rows = (#list + columns - 1) // columns
  for row = 1, rows do
    local cells = {}
    for i = row, #list, rows do cells[#cells + 1] = list[i] .. (" "):rep(width - #list[i]) end
    out[#out + 1] = ("  " .. table.concat(cells, "  ")):gsub("%s+$", "")
  end
end

local function kebab_names(list)
  for i, name in ipairs(list) do list[i] = names.kebab(name) end
  table.sort(list)
  return list
end

local function service_page(request)
  local service, metadata = request.service, request.service:metadata()
  local operations, waiters = kebab_names(service:operations()), kebab_names(service:waiters())
  local out = {
    ("%s: %s, %d operations"):format(request.service_name,
      metadata.serviceFullName or metadata.serviceId or request.service_name, #operations), "",
    ("usage: eksrun call %s OPERATION [--param value ...] [flags]"):format(request.service_name),
  }
  if #waiters > 0 then
    out[#out + 1] = ("       eksrun call %s wait WAITER [--param value ...] [flags]")
      :format(request.service_name)
  end
  if not request.wait then
    out[#out + 1] = ""
    out[#out + 1] = "operations:"
    add_columns(out, operations)
  end
  if #waiters > 0 then
    out[#out + 1] = ""
    out[#out + 1] = "waiters:"
    add_columns(out, waiters)
  end
  out[#out + 1] = ""
  out[#out + 1] = ("eksrun call %s OPERATION --help shows the parameters of one.")
    :format(request.service_name)
  return table.concat(out, "\n") .. "\n"
end

-- ---- the same for programs

local function operation_data(request)
  local info = request.operation:info()
  return {
    service = request.service_name, operation = request.operation:name(), waiter = request.waiter,
    input = request.operation:input(), output = request.operation:output(),
    errors = json.array(info.errors), deprecated = info.deprecated,
    paginator = request.service:paginator(request.operation:name()),
    wait = request.waiter and request.service:waiter(request.waiter) or nil,
  }
end

local function service_data(request)
  return {
    service = request.service_name, metadata = request.service:metadata(),
    operations = json.array(request.service:operations()),
    waiters = json.array(request.service:waiters()),
  }
end

--- The text of --help for what the words name.
--- @param parsed table
--- @return string|nil nil: of the command itself
function M.text(parsed)
  local request = parsed.request
  if not request.service then return nil end
  if parsed.json then
    local data = request.operation and operation_data(request) or service_data(request)
    return json.encode(data, { indent = 2 }) .. "\n"
  end
  if request.waiter then return waiter_page(request) end
  if request.operation then return operation_page(request) end
  return service_page(request)
end

--- All services, with the numbers of their operations.
--- @param as_json? boolean
--- @return string
function M.list(as_json)
  local rows, total = {}, 0
  for _, name in ipairs(models.services()) do
    local service = models.service(name)
    local count, metadata = #service:operations(), service:metadata()
    total = total + count
    rows[#rows + 1] = { service = name, operations = count, waiters = #service:waiters(),
      name = metadata.serviceFullName or metadata.serviceId, version = metadata.apiVersion }
  end
  if as_json then return json.encode(json.array(rows), { indent = 2 }) .. "\n" end
  local out = {}
  for _, row in ipairs(rows) do
    out[#out + 1] = ("%-28s %5d  %s"):format(row.service, row.operations, util.escape(row.name or "", true))
  end
  out[#out + 1] = ("%d services, %d operations"):format(#rows, total)
  return table.concat(out, "\n") .. "\n"
end

return M
