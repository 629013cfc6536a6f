--- Virtual time: a client that polls would sleep between its polls, on real time, so time goes on within
--- requests.
local M = {}

-- Services write them in their own ways: "shutting-down", "InProgress", "Delete in progress".
local CHANGING = {}
for word in ([[creating updating deleting pending inprogress in_progress shutting_down stopping terminating
  provisioning modifying associating disassociating attaching detaching initializing active_impaired
  create_in_progress update_in_progress delete_in_progress update_complete_cleanup_in_progress
  rollback_in_progress update_rollback_in_progress cancelling]]):gmatch "%S+" do
  CHANGING[word] = true
end

-- How far a read may have time go on, and how far and how little a call that is refused, in seconds.
local PATIENCE, LATER, SOON = 6 * 3600, 1800, 10

-- Whether an answer shows a state that does not last.
local function changing(value, in_state)
  if type(value) == "string" then return in_state and CHANGING[value:lower():gsub("[ -]", "_")] end
  if type(value) ~= "table" then return false end
  for key, part in pairs(value) do
    local state = type(key) == "string" and key:find "[Ss]tat[eu]s?$"
    if changing(part, state or in_state and (key == "Name" or key == "Code")) then return true end
  end
  return false
end

-- Goes on to what happens next, if that is within so many seconds; whether anything did.
local function skip(sandbox, within)
  local at = sandbox.world:next_event_at()
  if not at or at > sandbox.world.state.now + within then return false end
  sandbox:advance(at)
  return true
end

--- What is read in the midst of a change is read behind it; and behind a call that is refused, which may be
--- right a little later, time goes on, to what happens next if something does.
--- @param sandbox eksrun.Sandbox
--- @param operation string
--- @param perform fun(): boolean, any asks once more
--- @param ok boolean how it went the first time
--- @param output any
--- @return boolean ok, any output
function M.pass(sandbox, operation, perform, ok, output)
  if operation:find "^Describe" or operation:find "^Get" or operation:find "^List" then
    local last = sandbox.world.state.now + PATIENCE
    while ok and changing(output) and skip(sandbox, last - sandbox.world.state.now) do
      ok, output = perform()
    end
  elseif not ok then
    sandbox:advance(sandbox.world.state.now + SOON)
    skip(sandbox, LATER)
  end
  return ok, output
end

return M
