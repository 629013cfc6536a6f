--- What took how long in a run, and the path that decided it, as data.
local M = {}

--- @class eksrun.timeline.Row a step that was begun
--- @field address string
--- @field type string
--- @field kind "create"|"update"|"delete"|"wait"
--- @field status "done"|"failed"|"unready"
--- @field id string?
--- @field start number seconds since the run began
--- @field elapsed number seconds
--- @field usual number? seconds that such a step takes usually
--- @field state string? what AWS said last
--- @field err any of a failed step
--- @field longest boolean whether it lies on the longest path

--- @class eksrun.Timeline
--- @field elapsed number seconds, of the whole run
--- @field rows eksrun.timeline.Row[] in the order of their beginning
--- @field path eksrun.timeline.Row[] the longest path: each began when the one before had ended
--- @field path_seconds number the time its steps took
--- @field not_started { address: string, type: string, kind: string, blocker: string? }[]

--- What a step takes usually, in seconds; nil where nobody knows.
--- @param step eksrun.Step
--- @return number?
function M.usual(step)
  local typical = step.action.type.typical
  local seconds = typical and typical[step.kind == "wait" and "create" or step.kind]
  if step.kind ~= "update" or not typical or not typical.of then return seconds end
  for _, change in ipairs(step.action.changes or {}) do
    local own = typical.of[change.input]
    if own and (not seconds or own > seconds) then seconds = own end
  end
  return seconds
end

-- The step that ended last among some; ties go to the address, so that the answer is always the same.
local function last(steps)
  local best, at
  for step in pairs(steps) do
    if step.started and step.elapsed then
      local ended = step.started + step.elapsed
      if not best or ended > at or ended == at and step.address < best.address then best, at = step, ended end
    end
  end
  return best
end

--- @param result eksrun.Result
--- @return eksrun.Timeline
function M.of(result)
  local rows, by_step, begun, waiting = {}, {}, {}, {}
  for _, step in ipairs(result.steps) do
    if step.started and step.elapsed and step.status ~= "not started" then
      local row = {
        address = step.address, type = step.action.type.name, kind = step.kind, status = step.status,
        id = step.id and tostring(step.id), start = step.started - result.started, elapsed = step.elapsed,
        usual = M.usual(step), state = step.state, err = step.err, longest = false,
      }
      rows[#rows + 1], by_step[step], begun[step] = row, row, true
    else
      waiting[#waiting + 1] = {
        address = step.address, type = step.action.type.name, kind = step.kind,
        blocker = step.blocker and step.blocker.address,
      }
    end
  end
  local path, seconds, step = {}, 0, last(begun)
  while step and by_step[step] do
    local row = by_step[step]
    row.longest = true
    table.insert(path, 1, row)
    seconds = seconds + row.elapsed
    step = last(step.needs)
  end
  table.sort(rows, function(a, b)
    if a.start ~= b.start then return a.start < b.start end
    return a.address < b.address
  end)
  return { elapsed = result.elapsed, rows = rows, path = path, path_seconds = seconds, not_started = waiting }
end

return M
