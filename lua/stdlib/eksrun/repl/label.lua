--- The text of the prompt: who we are, where, and what is allowed.
local aws = require "eksrun.aws"
local clock = require "eksrun.clock"
local credentials = require "eksrun.aws.credentials"
local line = require "eksrun.cli.progress.line"

local M = {}

local EXPIRES_SOON = 15 * 60 -- seconds

--- @class eksrun.repl.Label
--- @field identity? table as aws.identity() has it
--- @field expiration? number of the credentials of the last call
local Label = {}
Label.__index = Label

--- @param scope eksrun.Scope where it asks AWS
--- @param changed fun() is called when the text is another one by itself
--- @return eksrun.repl.Label
function M.new(scope, changed) return setmetatable({ scope = scope, changed = changed }, Label) end

--- Another profile or region: who we are is to be found out anew.
function Label:reset()
  self.identity, self.expiration, self.asked = nil, nil, nil
  self:find()
end

-- Whether credentials can be had without asking anybody, running anything, or waiting for a network.
local function at_hand()
  local ok, found = pcall(function()
    local context = credentials.context { profile = aws.profile() }
    for _, place in ipairs(credentials.places) do
      local candidate = place[2](context)
      if candidate.err then return false end
      if candidate.load then return candidate.at_hand end
    end
  end)
  return ok and found or false
end

--- Asks who we are, beside the prompt; once, and only when it bothers nobody.
--- @param known? boolean calls were signed already: the credentials are there
function Label:find(known)
  if self.asked or not (known or at_hand()) then return end
  self.asked = true
  self.scope:spawn(function()
    local ok, identity = pcall(aws.identity)
    if ok then
      self.identity = identity
      self.changed()
    end
  end)
end

--- What stands before a line: account, region, role, and whether changes are allowed.
--- @param mode string
--- @param beside integer tasks that go on beside the prompt
--- @return string
function Label:text(mode, beside)
  local parts = {}
  local function add(part) parts[#parts + 1] = part end
  local who = self.identity
  if who then add(who.account) end
  local ok, region = pcall(aws.region)
  add(ok and region or "no region")
  local role = who and (who.arn:match ":assumed%-role/([^/]+)" or who.arn:match ":user/(.+)$")
  if role then add(role) end
  if self.expiration then
    local left = self.expiration - clock.now()
    if left < EXPIRES_SOON then add(("%dm left"):format(math.max(left // 60, 0))) end
  end
  if beside > 0 then add(("%d running"):format(beside)) end
  add(mode)
  return line.clean(table.concat(parts, " ")) .. "> "
end

return M
