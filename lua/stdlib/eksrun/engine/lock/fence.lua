--- Fences: what makes AWS itself refuse calls that arrive when the lease is over under which they were sent.
---
---   signature          dates signatures back so far that they are too old by then; needs nothing
---   session=ROLE_ARN   signs with a session of the role, whose policy denies everything from then on
---
--- What each of them guarantees: docs/lock.md.
local clock = require "eksrun.clock"
local credentials = require "eksrun.aws.credentials"
local json = require "eksrun.json"
local sts = require "eksrun.aws.provider.sts"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.lock.FenceSpec
--- @field kind "signature"|"session"
--- @field role? string ARN, of "session"

--- What --fence says.
--- @param text string
--- @param from string who says it: "--fence"
--- @return eksrun.lock.FenceSpec
--- Raises { code = "usage" } for anything else.
function M.parse(text, from)
  if text == "signature" then return { kind = "signature" } end
  local role = text:match "^session=(arn:[%w-]+:iam::%d+:role/%S+)$"
  if not role then
    util.fail("usage", "%s: '%s' is neither signature nor session=ROLE_ARN", from, text)
  end
  return { kind = "session", role = role }
end

local Signature = {}
Signature.__index = Signature

function Signature:permit(deadline) return { not_after = deadline } end -- luacheck: no self

local Session = {}
Session.__index = Session

--- The policy of a session that ends with a lease.
--- @param deadline number
--- @return string JSON
function M.policy(deadline)
  return json.encode {
    Version = "2012-10-17",
    Statement = {
      {
        Effect = "Allow", Action = "*", Resource = "*",
        Condition = { DateLessThan = { ["aws:CurrentTime"] = clock.format_iso8601(math.floor(deadline)) } },
      },
    },
  }
end

local function assume(self, deadline)
  local answer, err = self.aws.sts:invoke("assume_role", {
    RoleArn = self.role, RoleSessionName = sts.DEFAULT_SESSION, Policy = M.policy(deadline),
  }, { permit = false })
  if not answer then error(sts.failed(self.role, err), 0) end
  local found
  found, err = sts.credentials(answer, self.role)
  if not found then error(err, 0) end
  return credentials.new(found)
end

-- A session serves as long as a call that begins now ends before it does; then one for the lease of then.
function Session:permit(deadline, now, enough)
  self.turn:with(function()
    if self.held and self.deadline - now > enough then return end
    self.held, self.deadline = assume(self, deadline), deadline
  end)
  return { credentials = self.held }
end

--- The fence of a run.
--- @param spec eksrun.lock.FenceSpec
--- @param aws table
--- @return table fence permit(deadline, now, enough) -> eksrun.aws.Permit: `deadline` of the lease and `now`
--- by AWS's clock, `enough` seconds for a call
--- Raises { code = "usage" } for a role of another account.
function M.new(spec, aws)
  if spec.kind == "signature" then return setmetatable({}, Signature) end
  local account, of_role = aws.account(), spec.role:match "::(%d+):"
  if account ~= of_role then
    util.fail("usage", "--fence: %s is of account %s; what is changed is in account %s", spec.role, of_role,
      account)
  end
  return setmetatable({ aws = aws, role = spec.role, turn = task.semaphore(1) }, Session)
end

return M
