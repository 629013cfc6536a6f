--- Customisations of single values: members of parameters and outputs that clients encode, decode or
--- rename. Each function makes the hook of an operation, or nil if its model has no such member.
local json = require "eksrun.json"
local shapes = require "eksrun.aws.shapes"
local text = require "eksrun.text"

local M = {}

-- Parameters with some changed; the caller's table stays as it is.
local function with(params, name, value)
  local changed = {}
  for key, old in pairs(params) do changed[key] = old end
  changed[name] = value
  return changed
end

--- A parameter that goes out as base64: callers give plain text.
--- @param _ eksrun.native.aws.Operation
--- @param name string
--- @return eksrun.aws.Hook
function M.encode_base64(_, name)
  return {
    params = function(_, params)
      local value = params[name]
      if type(value) == "string" then return with(params, name, text.base64(value)) end
    end,
  }
end

--- A member of the output that came as base64; what is not base64 stays.
--- @param _ eksrun.native.aws.Operation
--- @param name string
--- @return eksrun.aws.Hook
function M.decode_base64(_, name)
  return {
    output = function(_, output)
      local value = output[name]
      local ok, plain = pcall(text.unbase64, value and value:gsub("%s", ""))
      if value and ok then output[name] = plain end
    end,
  }
end

--- A member of the output that is a JSON document; what is not JSON stays text.
--- @param _ eksrun.native.aws.Operation
--- @param name string
--- @return eksrun.aws.Hook
function M.read_json(_, name)
  return {
    output = function(_, output)
      local value = type(output[name]) == "string" and json.try_decode(output[name])
      if value ~= nil and value ~= false then output[name] = value end
    end,
  }
end

--- A second name of a parameter.
--- @param operation eksrun.native.aws.Operation
--- @param name string the model's
--- @param alias string
--- @return eksrun.aws.Hook|nil
function M.alias(operation, name, alias)
  local members = shapes.members(operation:input())
  if not members[name] or members[alias] then return nil end
  return {
    params = function(_, params)
      if params[alias] == nil or params[name] ~= nil then return nil end
      return with(with(params, name, params[alias]), alias, nil)
    end,
  }
end

--- Identifiers of which only what follows the last slash is sent.
--- @param operation eksrun.native.aws.Operation
--- @param ... string names of shapes
--- @return eksrun.aws.Hook|nil
function M.last_segment(operation, ...)
  local wanted, names = {}, {}
  for _, shape in ipairs { ... } do wanted[shape] = true end
  for name, member in pairs(shapes.members(operation:input())) do
    if wanted[member.shape] then names[#names + 1] = name end
  end
  if #names == 0 then return nil end
  return {
    params = function(_, params)
      for _, name in ipairs(names) do
        local value = params[name]
        if type(value) == "string" then params = with(params, name, value:match "[^/]*$") end
      end
      return params
    end,
  }
end

-- A function that reads the documents within a value of a shape, or nil if there can be none.
local function reader(shape, name, read)
  if shape.shape == name then return read end
  if shape.recursive then return nil end
  if shape.type == "list" then
    local element = reader(shape.element, name, read)
    return element and function(list)
      for i, value in ipairs(list) do list[i] = element(value) end
      return list
    end
  end
  if shape.type ~= "structure" then return nil end
  local readers = {}
  for _, member in ipairs(shape.members) do readers[member.name] = reader(member, name, read) end
  return next(readers) and function(value)
    for key, part in pairs(readers) do
      if value[key] ~= nil then value[key] = part(value[key]) end
    end
    return value
  end
end

-- Percent-encoded JSON; nil: it is something else.
local function read_document(value)
  local ok, plain = pcall(text.percent_decode, value)
  return ok and json.try_decode(plain) or value
end

--- Policy documents, which IAM gives as JSON in percent-encoding: tables.
--- @param operation eksrun.native.aws.Operation
--- @param shape string name of the shape
--- @return eksrun.aws.Hook|nil
function M.read_policies(operation, shape)
  local output = operation:output()
  local read = output and reader(output, shape, read_document)
  return read and { output = function(_, value) return read(value) end }
end

--- OAuth puts an error's message where no model looks for it.
--- @return eksrun.aws.Hook
function M.oauth_errors()
  return {
    response = function(_, response)
      if response.status < 400 or type(response.body) ~= "string" then return nil end
      local body = json.try_decode(response.body)
      local message = type(body) == "table" and body.error_description
      if not message or body.message or body.Message then return nil end
      local changed = {}
      for key, value in pairs(response) do changed[key] = value end
      body.message = message
      changed.body = json.encode(body)
      return changed
    end,
  }
end

--- A request that names a SourceRegion carries a URL, signed for that region, by which the service
--- fetches the source on the caller's behalf; and its own region.
--- @return eksrun.aws.Hook
function M.presign_source()
  return {
    sign = function(call, out)
      local source = call.params.SourceRegion
      if not source or not call.credentials or out.body:find "&PresignedUrl=" then return nil end
      local scheme = call.scheme
      local here = scheme.signing_region
      local form = out.body:gsub("&DestinationRegion=[^&]*", "")
      local base = out.base:gsub("%f[%w]" .. here:gsub("%p", "%%%0") .. "%f[%W]", (source:gsub("%%", "%%%%")))
      local query = require("eksrun.sigv4").presign {
        method = "GET",
        path = out.path,
        query = ("%s&DestinationRegion=%s"):format(form, here),
        headers = { host = base:match "//(.*)$" },
        credentials = call.credentials,
        region = source,
        service = scheme.signing_name,
        time = require("eksrun.aws.clock_skew").now(call),
        expires = 3600,
      }
      out.body = ("%s&PresignedUrl=%s&DestinationRegion=%s"):format(form,
        text.percent_encode(base .. out.path .. "?" .. query), here)
    end,
  }
end

return M
