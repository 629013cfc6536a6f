--- What callers get wrong about clients: each function raises, at the caller's line, what is wrong and
--- which names are near.
local text = require "eksrun.text"

local M = {}

--- Raises a message.
--- @param format string
function M.tell(format, ...) require("eksrun.aws.errors").misuse(format:format(...)) end

local function did_you_mean(near)
  if #near == 0 then return "" end
  return ", did you mean " .. table.concat(near, " or ") .. "?"
end

--- No such service.
--- @param name string
--- @param system? eksrun.aws.System
function M.service(name, system)
  local names = require("eksrun.aws.models").services(system)
  M.tell("there is no service '%s'%s", name, did_you_mean(text.suggest(name, names)))
end

--- No such operation.
--- @param state table of the client
--- @param name string
function M.operation(state, name)
  M.tell("%s has no operation '%s'%s", state.name, name, did_you_mean(state.service:suggest(name)))
end

--- No such option.
--- @param name any
--- @param names string[] those that there are
function M.option(name, names)
  M.tell("aws.client: unknown option '%s'%s", name, did_you_mean(text.suggest(tostring(name), names)))
end

--- Called with a dot.
--- @param name string of the operation
function M.receiver(name) M.tell("call %s with a colon: client:%s { ... }", name, name) end

--- Called after close.
--- @param name string of the operation
function M.closed(name) M.tell("%s: the client is closed", name) end

return M
