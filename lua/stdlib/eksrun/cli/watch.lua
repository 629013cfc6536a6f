--- The switches --debug and --stats: who watches the calls of a run.
local M = {}

local Watch = {}
Watch.__index = Watch

--- Has the switches among the words watch the AWS client, until close().
--- @param argv string[]
--- @return { debugging: boolean, close: fun(self) } also by <close>
function M.start(argv)
  local switches = {}
  for _, word in ipairs(argv) do
    if word == "--" then break end
    switches[word] = true
  end
  local self = setmetatable({ debugging = switches["--debug"] or false }, Watch)
  local function write(text) io.stderr:write(text) end
  if self.debugging then
    require("eksrun.aws.observe").add(require("eksrun.aws.debug_log").new(write))
  end
  if switches["--stats"] then
    local stats = require("eksrun.aws.stats").new()
    require("eksrun.aws.observe").add(stats)
    self.finish = function() write(require("eksrun.aws.stats").format(stats)) end
  end
  return self
end

--- Shows what was counted. May be called twice.
function Watch:close()
  local finish = self.finish
  self.finish = nil
  if finish then finish() end
end
Watch.__close = Watch.close

return M
