--- eksrun types [TYPE]: the resource types, what each takes and says; or all of it for editors.
local args = require "eksrun.cli.args"
local file = require "eksrun.file"
local json = require "eksrun.json"
local resource = require "eksrun.resource"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local M = {
  summary = "show the resource types, or what one takes and says",
  paged = true,
  examples = {
    "eksrun types ec2.subnet",
    "eksrun types --write .types",
  },
  description = "--write makes annotations (LuaCATS), with which an editor that has\n"
    .. "lua-language-server completes and checks declarations: DIR goes into its\n"
    .. "workspace.library.",
  arguments = { { "type", "such as ec2.subnet", optional = true } },
  flags = {
    { "write", "write annotations of all types for editors, below this folder", value = "DIR" },
    { "json", "one JSON object a line" },
  },
}

local FOUND_BY = { tag = "its tags", name = "its name", relation = "what it joins" }

-- What an input is, in words.
local function about(input)
  local words = { input.type or (input.policy and "policy document" or "any") }
  if input.fields and not input.open then
    words[1] = "table of " .. table.concat(util.sorted_keys(input.fields), ", ")
  end
  if input.required then words[#words + 1] = "required" end
  if input.immutable then words[#words + 1] = "a change replaces" end
  if input.default ~= nil and type(input.default) ~= "table" then
    words[#words + 1] = "default " .. tostring(input.default)
  end
  if input.refers then words[#words + 1] = "of " .. input.refers end
  if input.opaque then words[#words + 1] = "its size is shown" end
  if input.sensitive then words[#words + 1] = "never shown" end
  return table.concat(words, "; ")
end

local function described(type_)
  local inputs, outputs = {}, {}
  for name, input in pairs(type_.inputs) do
    inputs[name] = {
      type = input.type, required = input.required, immutable = input.immutable, refers = input.refers,
      sensitive = input.sensitive, opaque = input.opaque,
      fields = input.fields and not input.open and json.array(util.sorted_keys(input.fields)) or nil,
    }
  end
  for i, name in ipairs(util.sorted_keys(type_.outputs)) do outputs[i] = name end
  return {
    event = "type", type = type_.name, identity = type_.identity, id = type_.id, key = type_.key,
    inputs = inputs, outputs = json.array(outputs), tags = type_.tagging ~= nil,
  }
end

local function show(type_)
  local out = { ("%s: found by %s; its id is %s%s"):format(type_.name, FOUND_BY[type_.identity], type_.id,
    type_.tagging and "" or "; takes no tags"), "", "inputs:" }
  local rows = {}
  for name, input in util.sorted_pairs(type_.inputs) do rows[#rows + 1] = { name, about(input) } end
  args.columns(rows, out)
  out[#out + 1] = ""
  out[#out + 1] = "outputs:"
  out[#out + 1] = "  " .. table.concat(util.sorted_keys(type_.outputs), ", ")
  stdout.write(table.concat(out, "\n"), "\n")
end

local LUA_TYPES = {
  string = "string", integer = "integer", number = "number", boolean = "boolean", table = "table",
}

local SHARED = [[
---@meta

---@class eksrun.types.Ref a value that AWS says when the recipe is applied
---@field [any] eksrun.types.Ref
---@field map fun(self: eksrun.types.Ref, f: fun(value: any): any): eksrun.types.Ref

---@class eksrun.types.Handle what declaring a resource returns
---@field address string
---@field [string] any

---@class eksrun.types.Declaration what every resource takes
---@field [1]? string name, the last part of the address
---@field tags? table<string, string>
---@field depends_on? any[] what comes first: resources, or addresses declared anywhere
---@field protect? boolean refuse to replace or delete it
---@field was? string[] addresses that it had before
]]

local function annotated(type_, out)
  local class = "eksrun.types." .. type_.name
  out[#out + 1] = ("\n---@class %s: eksrun.types.Declaration"):format(class)
  for name, input in util.sorted_pairs(type_.inputs) do
    local kind = LUA_TYPES[input.type] or "any"
    if kind ~= "any" then kind = kind .. "|eksrun.types.Ref" end
    out[#out + 1] = ("---@field %s%s %s %s"):format(name, input.required and "" or "?", kind, about(input))
  end
  out[#out + 1] = ("\n---@class %s.Handle: eksrun.types.Handle"):format(class)
  for _, name in ipairs(util.sorted_keys(type_.outputs)) do
    out[#out + 1] = ("---@field %s eksrun.types.Ref"):format(name)
  end
  out[#out + 1] = ("\n---@param declaration %s\n---@return %s.Handle\nfunction M.%s(declaration) end"):format(
    class, class, type_.short_name)
end

-- A file for each service, as editors look for what `require "eksrun.ec2"` is.
local function write_annotations(folder)
  local services = {}
  for _, name in ipairs(resource.names()) do
    local type_ = resource.get(name)
    local service = name:match "^[^.]+"
    services[service] = services[service] or {
      ("---@meta eksrun.%s\n\n---@class eksrun.types.%s\n---@field [string] any\nlocal M = {}"):format(
        service, service),
    }
    annotated(type_, services[service])
  end
  services.types = { SHARED }
  file.mkdir_p(folder .. "/eksrun", { mode = 493 }) -- 0755
  for service, lines in util.sorted_pairs(services) do
    if service ~= "types" then lines[#lines + 1] = "\nreturn M\n" end
    local path = ("%s/eksrun/%s.lua"):format(folder, service)
    file.write_atomic(path, table.concat(lines, "\n"), { mode = 420 }) -- 0644
    stdout.write(path, "\n")
  end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if parsed.write then
    write_annotations(parsed.write)
    return 0
  end
  local names = resource.names()
  if parsed.type then
    if not util.contains(names, parsed.type) then
      util.fail("usage", "no resource type '%s'%s (see eksrun types)", parsed.type,
        util.did_you_mean(parsed.type, names))
    end
    names = { parsed.type }
  end
  local rows = {}
  for _, name in ipairs(names) do
    local type_ = resource.get(name)
    if parsed.json then
      stdout.write(json.encode(described(type_)), "\n")
    elseif parsed.type then
      show(type_)
    end
    rows[#rows + 1] = { name, "found by " .. FOUND_BY[type_.identity] }
  end
  if parsed.json or parsed.type then return 0 end
  local out = {}
  args.columns(rows, out)
  stdout.write(table.concat(out, "\n"), "\n")
  return 0
end

return M
