--- Help of `eksrun call` from the models: services, operations, parameters down to the last member.
local args = require "eksrun.cli.args"
local json = require "eksrun.json"
local models = require "eksrun.aws.models"
local names = require "eksrun.cli.call.names"
local util = require "eksrun.util"

local M = {}

local WIDTH = 80

local words = {
  string = "TEXT", blob = "BASE64", boolean = "true|false", integer = "N", long = "N",
  float = "NUMBER", double = "NUMBER", timestamp = "TIME", structure = "STRUCTURE", map = "MAP",
  list = "LIST", document = "JSON",
}

--- What a parameter takes, in a word: "TEXT", "TEXT...".
--- @param shape eksrun.native.aws.Shape
--- @return string
function M.kind(shape)
  if shape.type == "list" then return M.kind(shape.element) .. "..." end
  if shape.streaming then return "FILE" end
  return words[shape.type] or shape.type:upper()
end

local function bounds(shape)
  local min, max = shape.min, shape.max
  if shape.type == "list" or shape.type == "string" or shape.type == "blob" or shape.type == "map" then
    if min == 0 then min = nil end
  end
  if not min and not max then return "" end
  if min == max then return (" %s"):format(min) end
  if min and max then return (" %s..%s"):format(min, max) end
  return min and (" >= %s"):format(min) or (" <= %s"):format(max)
end

-- "list of string 1..5", "map of string to structure", "ipv4 | ipv6"
local function describe(shape)
  if shape.enum then return table.concat(shape.enum, " | ") end
  local inner = shape
  if shape.type == "list" and not shape.recursive then
    return "list of " .. describe(shape.element) .. bounds(shape)
  end
  if shape.type == "map" and not shape.recursive then
    return ("map of %s to %s%s"):format(describe(shape.key), describe(shape.value), bounds(shape))
  end
  local text = inner.streaming and "file" or inner.events and "stream of events" or inner.type
  if inner.union then text = "union, one of" end
  if inner.recursive then text = ("%s %s, as above"):format(text, inner.shape) end
  return text .. bounds(inner)
end

local function notes(shape)
  local list = {}
  if shape.required then list[#list + 1] = "required" end
  if shape.token then list[#list + 1] = "filled in if not given" end
  if shape.sensitive then list[#list + 1] = "secret" end
  if shape.deprecated then list[#list + 1] = "deprecated" end
  return #list > 0 and "; " .. table.concat(list, ", ") or ""
end

-- The members that a value of the shape has below it: of the structure in lists and maps of it.
local function inner_members(shape)
  while shape and not shape.recursive and (shape.type == "list" or shape.type == "map") do
    shape = shape.element or shape.value
  end
  return shape and not shape.recursive and shape.members or {}
end

-- "name  what it is", what wrapped behind a hanging indent.
local function add_row(out, indent, name, column, text)
  local line = (" "):rep(indent) .. name
  local hang = math.max(column, indent + 4)
  if #line + 2 > hang then
    out[#out + 1] = line
    line = (" "):rep(hang)
  else
    line = line .. (" "):rep(hang - #line)
  end
  local empty = true
  for word in text:gmatch("%S+") do
    if not empty and #line + 1 + #word > WIDTH then
      out[#out + 1] = line
      line, empty = (" "):rep(hang), true
    end
    line = line .. (empty and "" or " ") .. word
    empty = false
  end
  out[#out + 1] = line:gsub("%s+$", "")
end

local function add_members(out, members, indent)
  local width = 0
  for _, member in ipairs(members) do width = math.max(width, #member.name) end
  local column = indent + math.min(width, 28) + 2
  for _, member in ipairs(members) do
    add_row(out, indent, member.name, column, describe(member) .. notes(member))
    add_members(out, inner_members(member), indent + 2)
  end
end

-- ---- an example

local placeholders = {
  string = "TEXT", blob = "BASE64", boolean = "true", integer = "1", long = "1", float = "1.0",
  double = "1.0", timestamp = "2026-01-31T12:00:00Z", document = "{}",
}

local function example(shape, nested, depth)
  if shape.recursive or depth > 4 then return shape.type == "list" and "[]" or "{}" end
  if shape.enum then return shape.enum[1] end
  if shape.type == "list" then
    local item = example(shape.element, true, depth + 1)
    if not nested then return item end
    return "[" .. item .. "]"
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
    for i = 1, #pairs_ > 0 and 0 or math.min(shape.union and 1 or 2, #shape.members) do
      add(shape.members[i])
    end
    local inside = table.concat(pairs_, ",")
    return nested and "{" .. inside .. "}" or inside
  end
  if shape.streaming then return "FILE" end
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

local function add_example(out, request, head)
  local lines = { "  " .. head }
  for i, member in ipairs(request.parameters.list) do
    if member.required then
      lines[#lines + 1] = ("      %s %s"):format(flag(request, i), quote(example(member, false, 1)))
    end
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
  local column = 2 + math.min(width, 30) + 2
  for _, wanted in ipairs { true, false } do
    for i, member in ipairs(list) do
      if (member.required or false) == wanted then
        local name = flag(request, i)
        if member.type == "boolean" then
          add_row(out, 2, name, column, ("boolean, or --no-%s%s"):format(name:sub(3), notes(member)))
        else
          add_row(out, 2, name, column, describe(member) .. notes(member))
        end
        add_members(out, inner_members(member), 6)
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
    add_members(out, output.members, 2)
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
