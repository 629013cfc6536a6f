--- What the functions of a resource type get: the AWS client, the stack's tags and tokens, waits.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local stack = require "eksrun.engine.stack"
local tags = require "eksrun.resource.tags"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Context
--- @field aws table clients as in eksrun.aws; calls raise error objects
--- @field stack eksrun.Stack
--- @field type eksrun.ResourceType
--- @field address string? of the resource at hand; nil in observe
--- @field tags table<string, string>? all tags of the resource at hand
--- @field token string? for the call's client token
--- @field memo table answers shared by the types, one round of observation long
--- @field only string? id of the one thing to observe, whoever it belongs to
--- @field sweep boolean? whether observe has to look for more than what is wanted
--- @field on_state fun(state: string)?
--- @field stopping (fun(): any)? whether nothing new is to be begun
local Context = {}
Context.__index = Context

--- @param fields table
--- @return eksrun.Context
function M.new(fields) return setmetatable(fields, Context) end

--- The same context for another type: for what hangs on that type's things.
--- @param type_ eksrun.ResourceType
--- @return eksrun.Context
function Context:of(type_)
  local fields = {}
  for name, value in pairs(self) do fields[name] = value end
  fields.type = type_
  return M.new(fields)
end

--- The same context, with nothing remembered: what is asked now is asked anew.
--- @return eksrun.Context
function Context:fresh()
  local ctx = self:of(self.type)
  ctx.memo = {}
  return ctx
end

--- Parameters of a creation, with the tags in the form that the API takes. The table is changed.
--- @param params table
--- @return table params
function Context:tagged(params)
  local tagging = self.type.tagging
  tags.scheme(tagging[1]).put(params, self.tags, tagging[2])
  return params
end

--- The TagSpecifications alone, for a call that tags something else than the type's kind.
--- @param kind string "security-group-rule"
--- @return table params
function Context:tag_specification(kind)
  local params = {}
  local own = self.tags or self.stack:tags_of(self.address)
  tags.scheme("ec2").put(params, own, kind)
  return params
end

-- Kinds that EC2 does not filter by their ids: all of them are asked for.
local NO_ID_FILTER = { ["ec2.egress_only_internet_gateway"] = true, ["ec2.launch_template"] = true }

--- For EC2's Describe calls: what carries the stack's tag, or is the one thing that is looked for.
--- @return table[] Filters
function Context:stack_filter()
  if self.only then
    if NO_ID_FILTER[self.type.name] then return {} end
    local name = self.type.id:gsub("(%l)(%u)", "%1-%2"):lower()
    return { { Name = name, Values = { self.only } } }
  end
  return { { Name = "tag:" .. stack.TAG_STACK, Values = { self.stack.name } } }
end

--- What to observe from an answer: its fields by AWS's names, the tags as a table by key, the
--- address when it is this stack's.
--- @param answer table
--- @param raw_tags? table tags in any form; default: answer.Tags, answer.TagSet or answer.tags
--- @return table record
function Context:record(answer, raw_tags)
  local record = {}
  for key, value in pairs(answer) do record[key] = value end
  record.tags = tags.read(raw_tags or answer.Tags or answer.TagSet or answer.tags)
  record.address = self.stack:owns(record.tags, self.type)
  return record
end

--- The result of fn, called once per round of observation for the same key, by whichever type asks
--- first; the others wait for it.
--- @generic T
--- @param key string
--- @param fn fun(): T
--- @return T
function Context:once(key, fn)
  local entry = self.memo[key]
  if not entry then
    entry = { done = task.event() }
    self.memo[key] = entry
    entry.ok, entry.value = pcall(fn)
    entry.done:set()
  end
  entry.done:wait()
  if not entry.ok then error(entry.value, 0) end
  return entry.value
end

--- All pages of a Describe or List call as one list; shared like once().
--- @param service string
--- @param operation string
--- @param params table
--- @param field string the list in each page
--- @return table[]
function Context:list(service, operation, params, field)
  return self:once(service .. ":" .. operation .. json.encode(params), function()
    local out = {}
    for page in self.aws[service]:pages(operation, params) do
      for _, item in ipairs(page[field] or {}) do out[#out + 1] = item end
    end
    return out
  end)
end

--- fn of every item, at once; the results in order.
--- @param items any[]
--- @param fn fun(item: any): any
--- @return any[]
function Context:each(items, fn) -- luacheck: no self
  local jobs = {}
  for i, item in ipairs(items) do jobs[i] = function() return fn(item) end end
  return task.all(jobs)
end

--- The result of fn, or nil when AWS says that there is no such thing.
--- @param fn fun(): any
--- @param ... string further error codes that mean so
--- @return any
function Context:found(fn, ...) -- luacheck: no self
  local ok, result = pcall(fn)
  if ok then return result end
  local code = type(result) == "table" and result.code
  if type(code) == "string" then
    if code:find("NotFound", 1, true) or code == "NoSuchEntity" then return nil end
    for i = 1, select("#", ...) do
      if code == select(i, ...) then return nil end
    end
  end
  error(result, 0)
end

--- Runs fn; that what it does was done already, which AWS says by one of the codes, is as good.
--- @param fn fun()
--- @param ... string error codes
function Context:done_already(fn, ...) -- luacheck: no self
  local ok, err = pcall(fn)
  if ok then return end
  for i = 1, select("#", ...) do
    if type(err) == "table" and err.code == select(i, ...) then return end
  end
  error(err, 0)
end

--- Says what AWS reports, for the progress.
--- @param state string
function Context:state(state)
  if self.on_state then self.on_state(state) end
end

--- A waiter of the API's model, with progress.
--- @param client table
--- @param waiter string
--- @param params table
--- @param options? table as for client:wait
function Context:wait(client, waiter, params, options)
  options = util.copy(options or {})
  options.on_state = options.on_state or function(state) self:state(state) end
  return client:wait(waiter, params, options)
end

--- Asks until there is an answer: check() returns it, or nil and the state to report.
--- @generic T
--- @param check fun(): T?, string?
--- @param options? { timeout?: number, delay?: number, max_delay?: number } seconds
--- @return T
function Context:poll(check, options)
  options = options or {}
  local deadline = clock.monotonic() + (options.timeout or 1800)
  local delay = options.delay or 0.5
  while true do
    local value, state = check()
    if value ~= nil then return value end
    if state then self:state(state) end
    if clock.monotonic() >= deadline then
      util.fail("timeout", "%s: still %s after %d s", self.address or self.type.name,
        state or "not there", options.timeout or 1800)
    end
    task.sleep(delay)
    delay = math.min(delay * 1.5, options.max_delay or 5)
  end
end

--- @class eksrun.Retry
--- @field code string
--- @field message? string part of the message, plain
--- @field seconds? number how long, default 120

local function passes(rules, err)
  if type(err) ~= "table" then return nil end
  for _, rule in ipairs(rules or {}) do
    if rule.code == err.code
      and (not rule.message or tostring(err.message):find(rule.message, 1, true)) then
      return rule
    end
  end
end

--- The result of fn, tried again while it fails with one of the errors that pass.
--- @generic T
--- @param rules? eksrun.Retry[]
--- @param fn fun(): T
--- @return T
function Context:retry(rules, fn)
  local start, delay = clock.monotonic(), 0.5
  while true do
    local results = table.pack(pcall(fn))
    if results[1] then return table.unpack(results, 2, results.n) end
    local rule = passes(rules, results[2])
    local over = rule and clock.monotonic() - start > (rule.seconds or 120)
    if not rule or over or self.stopping and self.stopping() then error(results[2], 0) end
    self:state("waiting: " .. tostring(results[2].message or results[2].code))
    task.sleep(delay)
    delay = math.min(delay * 2, 8)
  end
end

return M
