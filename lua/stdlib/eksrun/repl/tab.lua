--- What Tab does: types what is certain, lists what is not, and asks AWS beside the prompt for what only it
--- knows.
local commands = require "eksrun.repl.commands"
local complete = require "eksrun.repl.complete"
local line = require "eksrun.cli.progress.line"
local lookup = require "eksrun.repl.lookup"

local M = {}

local function insert(state, completion, word, ends)
  local drop = #completion.text
  if completion.colon and word ~= "" then
    state.editor:insert(":" .. word .. (ends or ""), drop + 1)
  elseif word ~= completion.text or ends then
    state.editor:insert(word .. (ends or ""), drop)
  end
end

-- Types what is certain, and lists what is not.
local function offer(state, completion)
  local list = completion.list
  if #list == 0 then return false end
  if #list == 1 then
    insert(state, completion, list[1][1], list[1].ends)
  else
    local columns, rows = state.size()
    state.editor:above(complete.show(list, columns, rows - 3))
    insert(state, completion, complete.common(list))
  end
  return true
end

local function candidates(values, ends)
  local out = {}
  for i, value in ipairs(values) do out[i] = { value, ends = ends } end
  return out
end

-- Asks AWS beside the prompt; what it says counts if the line is still the same then.
local function ask(state, completion, question, listing)
  local typed, cursor = state.editor:text()
  state:dim(("asking %s %s ..."):format(question.client:service_name(), listing.operation))
  state.scope:spawn(function()
    local ok, values = pcall(state.lookup.ask, state.lookup, question, listing)
    local now, place = state.editor:text()
    if not ok then
      if now then state:dim(line.failure(values)) end
    elseif now == typed and place == cursor then
      completion.list = complete.matching(candidates(values, question.ends), completion.text)
      if not offer(state, completion) then state:dim "there is none" end
    end
  end)
end

local function complete_command(state, before)
  local list = {}
  for i, command in ipairs(commands.list) do list[i] = { command[1], ends = " " } end
  local completion = { text = before, list = complete.matching(list, before) }
  offer(state, completion)
end

--- Tab was pressed: the line is open.
--- @param state eksrun.repl.State
function M.press(state)
  local typed, cursor = state.editor:text()
  local before = typed:sub(1, cursor)
  if before:find "^%.%a*$" then return complete_command(state, before) end
  local completion = complete.complete(state.env, (before:gsub("^%.%a+%s+[%d.]*%s*", "")))
  local question = completion.remote
  if not question then return offer(state, completion) end
  local listing = lookup.listing(question)
  if not listing then return end
  local known = state.lookup:known(question, listing)
  if not known then return ask(state, completion, question, listing) end
  completion.list = complete.matching(candidates(known, question.ends), completion.text)
  offer(state, completion)
end

return M
