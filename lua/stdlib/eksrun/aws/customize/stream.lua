--- Bodies that are streams of bytes (S3's objects): sent from a file or from a function, received in
--- pieces or into a file, so that no more than a window of them is in memory.
---
---   s3:put_object { Bucket = b, Key = k, Body = { path = "backup.tar" } }
---   s3:put_object { Bucket = b, Key = k, Body = next_piece, ContentLength = n }
---   s3:get_object({ Bucket = b, Key = k }, { save = "backup.tar" }).Body     -- { path =, length = }
---   for bytes in s3:get_object({ Bucket = b, Key = k }, { stream = true }).Body:chunks() do ... end
local errors = require "eksrun.aws.errors"
local text = require "eksrun.text"

local M = {}

local PIECE = 1024 * 1024 -- bytes read at a time for a checksum

local function invalid(call, member, message)
  return nil, errors.new {
    code = "validation",
    message = ("%s:%s: parameter %s %s"):format(call.client.name, call.name, member, message),
    problems = { { path = member, message = message } },
  }
end

local file_fields = { path = "string", offset = "integer", length = "integer" }

-- What is wrong with a table that should name a part of a file, in words.
local function flaw(part)
  for key, value in pairs(part) do
    local want = file_fields[key]
    if not want then
      return ("has no field '%s': path, offset, length"):format(text.escape(tostring(key), true))
    end
    local is = want == "integer" and math.type(value) or type(value)
    if is ~= want then return ("has a field '%s' that is no %s"):format(key, want) end
    if want == "integer" and value < 0 then return ("has a negative field '%s'"):format(key) end
  end
  if not part.path or part.path == "" then return "must name a file in its field 'path'" end
end

-- The part of a file that is sent.
local function open_part(call, member, part)
  local wrong = flaw(part)
  if wrong then return invalid(call, member, wrong) end
  local shown = text.escape(part.path, true)
  local stat = require("eksrun.file").stat(part.path)
  if not stat then return invalid(call, member, ("names a file that does not exist: %s"):format(shown)) end
  if stat.type ~= "file" then return invalid(call, member, ("names no regular file: %s"):format(shown)) end
  local offset = part.offset or 0
  local length = part.length or stat.size - offset
  if offset > stat.size or offset + length > stat.size then
    return invalid(call, member, ("is not all in %s, which has %d bytes"):format(shown, stat.size))
  end
  return { file = { path = part.path, offset = offset, length = length }, length = length }
end

local function open_pieces(call, member, pieces, params)
  local length = params.ContentLength
  if math.type(length) ~= "integer" or length < 0 then
    return invalid(call, member, "is a function: ContentLength (integer) must say how many bytes it gives")
  end
  return { pieces = pieces, length = length }
end

local Part = {}
Part.__index = Part

--- Whether it can be read before it is sent, and sent again.
--- @return boolean
function Part:is_file() return self.file ~= nil end

--- Digests of all the bytes, raw, in one reading. Other tasks run meanwhile.
--- @param algorithms string[]
--- @return table<string, string>|nil
--- @return table|nil error object
function Part:digests(algorithms)
  local sums, missing = {}, false
  self.known = self.known or {}
  for _, name in ipairs(algorithms) do
    if not self.known[name] then
      sums[name] = require("eksrun.checksum").new(name)
      missing = true
    end
  end
  if not missing then return self.known end
  local file, err = io.open(self.file.path, "rb")
  if not file then return nil, errors.new { code = "io", message = text.escape(err, true) } end
  file:seek("set", self.file.offset)
  local left = self.length
  while left > 0 do
    local bytes = file:read(math.min(left, PIECE))
    if not bytes then break end
    left = left - #bytes
    for _, sum in pairs(sums) do sum:update(bytes) end
    if left > 0 then require("eksrun.task").sleep(0) end
  end
  file:close()
  if left > 0 then
    local shown = text.escape(self.file.path, true)
    return nil, errors.new { code = "io", message = ("%s became shorter while it was read"):format(shown) }
  end
  for name, sum in pairs(sums) do self.known[name] = sum:final() end
  return self.known
end

--- The hook of what is sent. It is the first of an operation: those behind it find the body in
--- call.upload, and "" in its place.
--- @param traits table of Operation:info
--- @return eksrun.aws.Hook
function M.upload(traits)
  local member = traits.stream_input
  return {
    params = function(call, params)
      local value = params[member]
      local open = type(value) == "table" and open_part or type(value) == "function" and open_pieces
      if not open then return nil end
      local part, err = open(call, member, value, params)
      if not part then return nil, err end
      call.upload = setmetatable(part, Part)
      local changed = {}
      for key, old in pairs(params) do changed[key] = old end
      changed[member] = ""
      return changed
    end,

    request = function(call, request)
      if not call.upload then return nil end
      request.body = nil
      request.headers["Content-Length"] = nil -- the transfer's
    end,

    sign = function(call, out)
      local upload = call.upload
      if not upload then return nil end
      if upload.sent then return nil, upload.failure end
      upload.sent = not upload.file
      out.body, out.body_length = upload.file or upload.pieces, upload.pieces and upload.length or nil
      -- A refusal then costs no upload.
      out.headers.expect = "100-continue"
    end,

    -- What a function gave is gone: its failure is the call's.
    mend = function(call, err)
      if call.upload then call.upload.failure = err end
      return false
    end,
  }
end

-- ---- what is received

--- Whether the output's body is wanted in pieces.
--- @param call eksrun.aws.Call
--- @return boolean
--- Raises a caller's mistake in the options of the call.
function M.is_wanted(call)
  local options = call.options
  if not call.traits.stream_output then
    errors.misuse(("%s:%s gives no stream of bytes: leave out 'stream' and 'save'"):format(call.client.name,
      call.name))
  end
  if options.stream ~= nil and type(options.stream) ~= "boolean" then
    errors.misuse "option 'stream' must be a boolean"
  end
  if options.save ~= nil and (type(options.save) ~= "string" or options.save == "") then
    errors.misuse "option 'save' must be a path"
  end
  return options.stream or options.save ~= nil
end

--- Puts the body of an answer into the output: itself, or the file that it was saved to.
--- @param call eksrun.aws.Call
--- @param output table
--- @param body eksrun.http.Body
--- @return table|nil output
--- @return table|nil error object
function M.deliver(call, output, body)
  local member = call.traits.stream_output
  local path = call.options.save
  if not path then
    output[member] = body
    return output
  end
  local length, err = body:try_save(path)
  if not length then
    err = errors.failed(call.client.name, call.name, err)
    err.retryable = err.code == "network" or nil
    return nil, err
  end
  output[member] = { path = path, length = length }
  return output
end

return M
