--- Values of the command line that stand in files: file://PATH as text, fileb://PATH as bytes.
local file = require "eksrun.file"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

--- Bytes that are no base64: what fileb:// reads.
--- @class eksrun.cli.call.Bytes
--- @field [1] string
local Bytes = {}

--- @param bytes string
--- @return eksrun.cli.call.Bytes
function M.bytes(bytes) return setmetatable({ bytes }, Bytes) end

--- @param value any
--- @return boolean
function M.is_bytes(value) return getmetatable(value) == Bytes end

--- The path with the home directory for "~".
--- @param path string
--- @return string
function M.expand(path)
  local rest = path:match("^~(/.*)$")
  local home = rest and require("eksrun.process").env "HOME"
  return home and home .. rest or path
end

--- The bytes of a file.
--- @param path string
--- @return string bytes
--- Raises { code = "usage" } for one that cannot be read.
function M.read(path)
  local bytes, err = file.try_read(M.expand(path))
  if not bytes then util.fail("usage", "%s", err.message) end
  return bytes
end

--- All of standard input.
--- @return string
function M.stdin() return io.stdin:read "a" end

--- What a value that names a file stands for; any other is itself.
--- @param value string
--- @return string|eksrun.cli.call.Bytes
--- Raises { code = "usage" } for a file that cannot be read, or is no text.
function M.resolve(value)
  local path = value:match("^fileb://(.*)$")
  if path then return M.bytes(M.read(path)) end
  path = value:match("^file://(.*)$")
  if not path then return value end
  local bytes = M.read(path)
  if not text.valid_utf8(bytes) then
    util.fail("usage", "%s is not text in UTF-8; fileb://%s reads bytes", path, path)
  end
  return bytes
end

return M
