--- Checksums of bodies, where the model has the trait httpChecksum: of what is sent, in a header; and
--- of what comes, compared.
---
--- request_checksum_calculation (when_supported, when_required) decides whether a request gets one
--- that its operation does not demand; response_checksum_validation whether answers are asked for
--- theirs. A checksum that the caller gives is sent as it is.
local checksum = require "eksrun.checksum"
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"
local text = require "eksrun.text"

local M = {}

local DEFAULT = "CRC32"
local PREFIX = "x-amz-checksum-"
local ALGORITHM_HEADER = "x-amz-sdk-checksum-algorithm"
local no_checksums = { algorithm = true, mode = true, type = true }

local known = {}
for _, name in ipairs(checksum.algorithms()) do known[name] = true end

local function setting(state, name)
  local value, err = config.value("AWS_" .. name:upper(), name, state.options, state.system)
  if err then return nil, err end
  value = value and value:lower() or "when_supported"
  if value == "when_supported" or value == "when_required" then return value end
  return nil, errors.new {
    code = "config",
    message = ("%s '%s' is neither when_supported nor when_required"):format(name, text.escape(value, true)),
  }
end

-- What the user wants, looked up once a client.
local function settings(state)
  if state.checksums then return state.checksums end
  local request, response, err
  request, err = setting(state, "request_checksum_calculation")
  if err then return nil, err end
  response, err = setting(state, "response_checksum_validation")
  if err then return nil, err end
  state.checksums = { request = request, response = response }
  return state.checksums
end

-- Whether headers hold a checksum already.
local function has_checksum(headers)
  for name in pairs(headers) do
    local kind = name:lower():match "^x%-amz%-checksum%-(.*)$"
    if kind and not no_checksums[kind] then return true end
  end
  return false
end

--- The algorithm whose checksum a request should carry, in lower case; nil: none.
local function algorithm_for(call, request, trait, required)
  local wanted, err = settings(call.client)
  if err then return nil, err end
  if has_checksum(request.headers) then return nil end
  local member = trait.requestAlgorithmMember
  local name = member and call.params[member]
  if not name then
    if not required and not (member and wanted.request == "when_supported") then return nil end
    name = DEFAULT
    if member then request.headers[ALGORITHM_HEADER] = name end
  end
  name = name:lower()
  if known[name] then return name end
  return nil, errors.new {
    code = "validation",
    message = ("%s: parameter %s: there is no '%s' here; give the checksum itself, or one of %s"):format(
      call.name, member, text.escape(name:upper(), true), table.concat(checksum.algorithms(), ", "):upper()),
  }
end

-- Of what a function gives nothing is known before it is sent; nil without an error then.
local function digest_of(call, request, algorithm)
  local upload = call.upload
  if not upload then return checksum.digest(algorithm, request.body) end
  if not upload:is_file() then return nil end
  local digests, err = upload:digests { algorithm }
  return digests and digests[algorithm], err
end

-- The checksum that came with an answer and is cheapest to compare: algorithm and value.
local function checksum_of(headers, trait)
  local offered = {}
  for _, name in ipairs(trait.responseAlgorithms or {}) do offered[name:lower()] = true end
  for _, name in ipairs(checksum.algorithms()) do
    local value = offered[name] and headers[PREFIX .. name]
    -- "value-3" is of the parts of an upload, not of the bytes.
    if value and not value:find("-", 1, true) then return name, value end
  end
end

local function mismatch(call, algorithm, want, got)
  return errors.new {
    code = "invalid_response",
    message = ("%s:%s: the body's %s is %s, its header says %s"):format(call.client.name, call.name,
      algorithm:upper(), got, text.escape(want, true)),
    retryable = true,
  }
end

--- @param traits table of Operation:info
--- @return eksrun.aws.Hook
function M.hook(traits)
  local trait, required = traits.httpChecksum or {}, traits.checksum == true
  local mode = trait.requestValidationModeMember
  local hook = {}

  if mode then
    function hook.params(call, params)
      local wanted, err = settings(call.client)
      if err then return nil, err end
      if wanted.response ~= "when_supported" or params[mode] ~= nil then return nil end
      local changed = { [mode] = "ENABLED" }
      for key, value in pairs(params) do changed[key] = value end
      return changed
    end

    function hook.response(call, response)
      if response.status >= 300 or not call.params[mode] then return nil end
      local algorithm, want = checksum_of(response.headers, trait)
      if not algorithm then return nil end
      if response.stream then -- compared when all of it was read
        local ok, digest = pcall(text.unbase64, want)
        if not ok then return nil, mismatch(call, algorithm, want, "no such text") end
        response.stream:expect(algorithm, digest)
        return nil
      end
      local got = text.base64(checksum.digest(algorithm, response.body))
      if got ~= want then return nil, mismatch(call, algorithm, want, got) end
    end
  end

  if required or trait.requestAlgorithmMember then
    function hook.request(call, request)
      local algorithm, err = algorithm_for(call, request, trait, required)
      if err then return nil, err end
      if not algorithm then return nil end
      local digest
      digest, err = digest_of(call, request, algorithm)
      if not digest then return nil, err end
      call.checksum_header = PREFIX .. algorithm
      request.headers[call.checksum_header] = text.base64(digest)
    end
  end
  return hook
end

return M
