--- Where credentials would come from, for eksrun config.
local credentials = require "eksrun.aws.credentials"

local M = {}

--- What a search would find and why not elsewhere, without asking anybody.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return { name: string, state: string, text: string, credentials: table|nil }[] rows in the order of
--- the search. state: "used", "maybe" (it would be asked, and may have none), "empty", "wrong", "unused";
--- credentials: those used, in the clear, if they are at hand
function M.places(options, system)
  local ctx = credentials.context(options, system)
  local rows, decided = {}, false
  for _, place in ipairs(credentials.places) do
    local candidate = place[2](ctx)
    local state = "empty"
    if decided and (candidate.err or candidate.load) then
      state = "unused"
    elseif candidate.err then
      state, decided = "wrong", true
    elseif candidate.load then
      decided = place[1] ~= "instance"
      state = decided and "used" or "maybe"
    end
    rows[#rows + 1] = {
      name = place[1],
      state = state,
      text = candidate.err and tostring(candidate.err) or candidate.detail or candidate.reason,
      credentials = state == "used" and candidate.at_hand and candidate.load(ctx) or nil,
    }
  end
  return rows
end

return M
