--- The outside world as the AWS client sees it: one table of functions, so that tests hand in
--- another one. Every native module is loaded at its first use only.
local M = {}

--- @class eksrun.aws.System
--- @field env fun(name: string): string|nil a variable of the environment; "" counts as unset
--- @field read_file fun(path: string): string|nil, table|nil nil without an error: no such file
--- @field read_private fun(path: string): string|nil, table|nil the same, of a file that only the user
--- can have written
--- @field write_private fun(path: string, bytes: string): true|nil, table|nil makes the folders, too
--- @field remove fun(path: string): boolean whether it was there
--- @field mode fun(path: string): integer|nil permission bits
--- @field run fun(command: table): table|nil, table|nil as process.try_run
--- @field prompt fun(text: string): string|nil a line of the person at the terminal; nil: nobody there
--- @field now fun(): number seconds since 1970
--- @field sleep fun(seconds: number)
--- @field event fun(): table with set() and wait()
--- @field request fun(request: table): table|nil, table|nil as http.try_request
--- @field random fun(): number in [0, 1)

local default = {}

function default.env(name)
  local value = require("eksrun.process").env(name)
  return value ~= "" and value or nil
end

function default.read_file(path)
  local text, err = require("eksrun.file").try_read(path, { max = 16 * 1024 * 1024 })
  if text == nil and err.code == "not_found" then return nil end
  return text, err
end

function default.read_private(path)
  local text, err = require("eksrun.file").try_read(path, { max = 1024 * 1024, private = true })
  if text == nil and err.code == "not_found" then return nil end
  return text, err
end

function default.write_private(path, bytes)
  local file = require "eksrun.file"
  local ok, err = pcall(file.mkdir_p, path:match("^(.*)/[^/]*$"), { mode = 448 }) -- 0700
  if not ok then return nil, err end
  return file.try_write_atomic(path, bytes, { mode = 384, private = true }) -- 0600
end

function default.remove(path) return require("eksrun.file").remove(path) end

function default.mode(path)
  local stat = require("eksrun.file").stat(path)
  return stat and stat.mode
end

function default.run(command) return require("eksrun.process").try_run(command) end

function default.prompt(text)
  local terminal = require "eksrun.terminal"
  if not terminal.is_tty(0) or not terminal.is_tty(2) then return nil end
  return terminal.read_line(text)
end

function default.now() return require("eksrun.clock").now() end
function default.sleep(seconds) require("eksrun.task").sleep(seconds) end
function default.event() return require("eksrun.task").event() end
function default.request(request) return require("eksrun.http").try_request(request) end
default.random = math.random

--- The real world.
--- @type eksrun.aws.System
M.default = default

--- The real world, but for what is given.
--- @param overrides? table
--- @return eksrun.aws.System
function M.with(overrides)
  return setmetatable(overrides or {}, { __index = default })
end

return M
