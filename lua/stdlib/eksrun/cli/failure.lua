--- What a failure is to whoever ran the program: a line on stderr and an exit status.
local error_object = require "eksrun.error"
local json = require "eksrun.json"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local M = {}

local CAUSES_MAX = 8

-- What the user gave is wrong, and the same again fails again: the command line, the recipe, the
-- configuration, what AWS's endpoint rules refuse.
local statuses = { usage = 2, syntax = 2, validation = 2, recipe = 2, config = 2, endpoint = 2 }

local signals = { SIGHUP = 129, SIGINT = 130, SIGTERM = 143 }

--- The exit status of a run that a signal ended.
--- @param signal string?
--- @return integer
function M.signal_status(signal) return signals[signal] or 130 end

--- The exit status that an error stands for.
--- @param err any
--- @param usage_status? integer of what is wrong with the command line, the recipe or the
---   configuration; default 2
--- @return integer
function M.status(err, usage_status)
  if not error_object.is(err) then return 1 end
  if err.code == "interrupted" then return M.signal_status(err.signal) end
  if err.kind == "credentials" then return 4 end
  local status = statuses[err.code] or 1
  return status == 2 and usage_status or status
end

-- The answer of AWS behind an error: itself, or what caused it.
local function refusal(err)
  for _ = 1, CAUSES_MAX do
    if not error_object.is(err) then return nil end
    if err.request_id or err.region then return err end
    err = err.cause
  end
end

--- Where AWS refused a call, as far as the message does not say it: account, region, request id.
--- @param err any
--- @param message string what is said of it
--- @return string "region eu-west-1, request id 8b1f...", or ""
function M.where(err, message)
  local refused, out = refusal(err), {}
  local function add(name, value)
    if value and not message:find(tostring(value), 1, true) then
      out[#out + 1] = name .. " " .. require("eksrun.text").escape(tostring(value), true)
    end
  end
  if refused then
    add("account", refused.account)
    add("region", refused.region)
    add("request id", refused.request_id)
  end
  return table.concat(out, ", ")
end

--- Says what failed, in a form that is safe for a terminal.
--- @param err any
--- @param trace? string where it happened, lines of their own
--- @param usage_status? integer
--- @return integer status
function M.report(err, trace, usage_status)
  local line, excerpt = util.describe(err), {}
  -- What cannot be shown must not hide what failed.
  local ok, placed, lines = pcall(function() return require("eksrun.cli.excerpt").describe(err) end)
  if ok then line, excerpt = placed, lines end
  local where, status = M.where(err, line), M.status(err, usage_status)
  -- What is wrong with the credentials says itself what to do.
  local todo = status ~= 4 and require("eksrun.cli.advice").of(refusal(err) or err)
  if where ~= "" then line = ("%s (%s)"):format(line:gsub("%.$", ""), where) end
  io.stderr:write("eksrun: ", util.escape(line), "\n")
  for _, text in ipairs(excerpt) do io.stderr:write(text, "\n") end
  if todo then io.stderr:write("  what to do: ", todo, "\n") end
  if trace then io.stderr:write(util.escape(trace), "\n") end
  return status
end

--- What failed, as an event for a program, on stdout.
--- @param err any
function M.event(err)
  local fields = require("eksrun.cli.progress.events").error_fields(err)
  fields.event = "error"
  stdout.write(json.encode(fields, { replace_invalid = true }), "\n")
end

return M
