--- What the prompt may do to AWS: read, until `.rw` or --yes allows more; then it asks before each call that
--- changes something. Answers for every call of the process (aws/call.lua's `permit`).
local aws = require "eksrun.aws"
local calls = require "eksrun.aws.call"
local error_object = require "eksrun.error"
local lock_guard = require "eksrun.engine.lock.guard"
local text = require "eksrun.text"

local M = {}

local SHOWN_MAX = 60 -- characters of what a call is made on

--- @class eksrun.repl.Guard
--- @field mode "ro"|"rw"
--- @field yes boolean nothing is asked
--- @field confirm? string the cluster that may be deleted without a question
--- @field ask? fun(question: string): string|nil nil: there is nobody to ask
--- @field called fun(call: eksrun.aws.Call) is told of each call
--- @field changed fun(service: string) is told of each call that changes something
local Guard = {}
Guard.__index = Guard

--- @param options table fields of the guard
--- @return eksrun.repl.Guard
function M.new(options)
  local self = setmetatable({ mode = options.yes and "rw" or "ro" }, Guard)
  for key, value in pairs(options) do self[key] = value end
  return self
end

local function refuse(message, ...)
  error(error_object.new { code = "read_only", message = message:format(...) }, 0)
end

-- What a call is made on: the first of its parameters that are text, in the order of the model.
local function target(call)
  local input = call.operation:input()
  for _, member in ipairs(input and input.members or {}) do
    local value = call.params[member.name]
    if type(value) == "string" and not member.token and not member.sensitive then
      return (" %s=%s"):format(member.name, text.escape(value:sub(1, SHOWN_MAX), true))
    end
  end
  return ""
end

local function account()
  local ok, identity = pcall(aws.identity)
  return ok and identity.account or "an unknown account"
end

local function is_cluster_deletion(call)
  return call.client.name == "eks" and call.name == "DeleteCluster" and call.params.name
end

--- Raises { code = "read_only" } unless the call may be made. Waits for an answer.
--- @param call eksrun.aws.Call
function Guard:permit(call)
  self.called(call)
  if call.permitted or not lock_guard.changes(call) then return end
  local what = ("%s:%s%s"):format(call.client.name, call.name, target(call))
  if self.mode == "ro" then
    refuse("%s changes something, and this session only reads; %s", what,
      self.ask and ".rw allows changes" or "--yes allows changes")
  end
  local name = is_cluster_deletion(call)
  if not (self.yes or name and name == self.confirm) then
    local region = pcall(aws.region) and aws.region() or "?"
    local question = ("%s in %s, %s"):format(what, account(), region)
    local answer = self.ask and self.ask(name and question .. "; the cluster's name, to delete it: "
      or question .. "? [y/N] ")
    local agreed = answer and (name and answer == name or not name and answer:lower():find "^%s*y")
    if not agreed then refuse("%s: not allowed; nothing was changed", what) end
  end
  call.permitted = true
  self.changed(call.client.name)
end

--- Has every call of the process ask, until what it returns is closed.
--- @return table to be closed
function Guard:enforce()
  local before = calls.permit
  calls.permit = function(call)
    self:permit(call)
    return before and before(call)
  end
  return setmetatable({}, { __close = function() calls.permit = before end })
end

return M
