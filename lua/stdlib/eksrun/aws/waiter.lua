--- Waiting for a state, as the models' waiters describe it: poll an operation, judge its answer.
local error = error
local errors = require "eksrun.aws.errors"
local jmespath = require "eksrun.jmespath"

local M = {}

local matchers = {}

function matchers.status(acceptor, answer) return answer.status == acceptor.expected end

function matchers.error(acceptor, answer)
  local code = answer.error and answer.error.code
  if type(acceptor.expected) == "boolean" then return acceptor.expected == (code ~= nil) end
  return code == acceptor.expected
end

function matchers.path(acceptor, answer)
  return answer.output and jmespath.search(acceptor.argument, answer.output) == acceptor.expected
end

local function each(acceptor, answer)
  local list = answer.output and jmespath.search(acceptor.argument, answer.output)
  return type(list) == "table" and list or {}
end

function matchers.pathAll(acceptor, answer)
  local list = each(acceptor, answer)
  for _, value in ipairs(list) do
    if value ~= acceptor.expected then return false end
  end
  return #list > 0
end

function matchers.pathAny(acceptor, answer)
  for _, value in ipairs(each(acceptor, answer)) do
    if value == acceptor.expected then return true end
  end
  return false
end

--- @class eksrun.aws.Answer
--- @field output? table
--- @field error? table error object
--- @field status? integer HTTP status

--- What an answer means: the first acceptor that matches decides.
--- @param facts table waiter of the model
--- @param answer eksrun.aws.Answer
--- @return "success"|"failure"|"retry"|"error" state "error": an error that no acceptor knows
--- @return table|nil acceptor
function M.judge(facts, answer)
  for _, acceptor in ipairs(facts.acceptors) do
    local match = matchers[acceptor.matcher]
    if match and match(acceptor, answer) then return acceptor.state, acceptor end
  end
  return answer.error and "error" or "retry"
end

--- The state an answer shows, in a word: what the waiter's paths find, or the error's code.
--- @param facts table waiter of the model
--- @param answer eksrun.aws.Answer
--- @return string|nil
function M.seen(facts, answer)
  if answer.error then return answer.error.code end
  for _, acceptor in ipairs(facts.acceptors) do
    if acceptor.argument and answer.output then
      local value = jmespath.search(acceptor.argument, answer.output)
      if type(value) == "string" then return value end
      if type(value) == "table" then
        local words, known = {}, {}
        for _, word in ipairs(value) do
          if type(word) == "string" and not known[word] then
            known[word] = true
            words[#words + 1] = word
          end
        end
        if #words > 0 then return table.concat(words, ", ") end
      end
    end
  end
  return nil
end

--- @class eksrun.aws.WaitOptions
--- @field delay? number seconds between two polls; the model's if not given
--- @field max_attempts? integer polls; the model's if neither this nor timeout is given
--- @field timeout? number seconds for the whole wait
--- @field on_state? fun(state: string|nil, answer: eksrun.aws.Answer, progress: eksrun.aws.WaitProgress)
--- after each poll

--- @class eksrun.aws.WaitProgress
--- @field poll integer the first is 1
--- @field elapsed number seconds since the wait began
--- @field failed boolean whether this answer ends the wait with an error, which says what it showed

local function describe(waiter, seen) return waiter .. (seen and (" (last seen: %s)"):format(seen) or "") end

local function wait_error(client, waiter, fields, answer, seen)
  fields.service = client:service_name()
  fields.operation = fields.service .. ":" .. waiter
  fields.message = ("%s: %s"):format(describe(fields.operation, seen), fields.message)
  fields.state = seen
  fields.output = answer.output
  fields.cause = answer.error
  return errors.new(fields)
end

-- One poll: what it answered, in the time that is left.
local function ask(client, facts, params, left)
  local options = { feature = "waiter" }
  if left < math.huge then
    options.timeout = math.min(rawget(client, "_state").options.timeout or 60, math.max(left, 0.001))
  end
  local output, err, response = client:invoke(facts.operation, params, options)
  return { output = output, error = err, status = response and response.status }
end

--- Waits. A service that was there and is out of order for a while does not end a wait; nor does the
--- wait hold up other tasks, and canceling its task ends it.
--- @param client eksrun.aws.Client
--- @param name string
--- @param params? table
--- @param options? eksrun.aws.WaitOptions
--- @return table output
--- Raises { code = "wait_failed" | "timeout" } and what a call raises; for a waiter that there is none of, at
--- the caller's line.
function M.wait(client, name, params, options)
  options = options or {}
  local facts = client:service():waiter(name)
  if not facts then
    local near = require("eksrun.text").suggest(name, client:service():waiters())
    errors.misuse(("%s has no waiter '%s'%s"):format(client:service_name(), name,
      #near > 0 and ", did you mean " .. table.concat(near, " or ") .. "?" or ""))
  end
  local system = rawget(client, "_state").system
  local delay = options.delay or facts.delay
  local polls = options.max_attempts or (options.timeout and math.huge or facts.maxAttempts)
  local started = system.now()
  local deadline = options.timeout and started + options.timeout or math.huge
  local poll, answered = 0, false
  while true do
    poll = poll + 1
    local answer = ask(client, facts, params, deadline - system.now())
    local err = answer.error
    local state, seen = M.judge(facts, answer), M.seen(facts, answer)
    local fatal = state == "error" and not (answered and err.retryable)
    if options.on_state then
      options.on_state(seen, answer, {
        poll = poll, elapsed = system.now() - started, failed = fatal or state == "failure",
      })
    end
    if state == "success" then return answer.output or {} end
    if fatal then error(err, 0) end
    if state == "failure" then
      error(wait_error(client, name, { code = "wait_failed", message = "cannot be reached any more" },
        answer, seen), 0)
    end
    answered = answered or not err
    if poll >= polls or system.now() + delay > deadline then
      local message = ("not reached after %d poll%s"):format(poll, poll == 1 and "" or "s")
      error(wait_error(client, name, { code = "timeout", message = message }, answer, seen), 0)
    end
    system.sleep(delay)
  end
end

return M
