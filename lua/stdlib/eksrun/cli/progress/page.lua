--- A run as one page that needs nothing else: --report FILE. The timeline is a picture (SVG) with a table
--- that says the same in words; no scripts, nothing loaded from anywhere.
local clock = require "eksrun.clock"
local util = require "eksrun.util"

local M = {}

local WIDTH, LABEL, ROW, BAR, TOP = 1000, 300, 22, 14, 28
local PLOT = WIDTH - LABEL - 90 -- behind a bar stands its time
local LABEL_CHARS = 40

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Text as HTML and SVG take it: nothing in it is markup, controls are made visible.
--- @param value any
--- @return string
function M.escape(value) return (util.escape(tostring(value)):gsub("[&<>\"']", entities)) end
local escape = M.escape

local style = [[
:root { --back: #fff; --text: #1b1f24; --faint: #59636e; --line: #d1d9e0; --done: #2f6f9f; --path: #b35900;
  --failed: #c4202c; --unready: #7d5bbf; }
@media (prefers-color-scheme: dark) { :root { --back: #10141a; --text: #e6edf3; --faint: #9aa4af;
  --line: #2f3742; --done: #6cb0e0; --path: #f0a04b; --failed: #ff7b80; --unready: #bca0f5; } }
:root { color-scheme: light dark; }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 1040px; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--faint); }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.picture { overflow-x: auto; }
svg { min-width: 700px; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); } svg .faint { fill: var(--faint); } svg .grid { stroke: var(--line); }
.done { fill: var(--done); } .path { fill: var(--path); } .failed { fill: var(--failed); }
.unready { fill: var(--unready); }
.usual { fill: none; stroke: var(--faint); stroke-dasharray: 3 2; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--failed);
  padding-left: .75rem; }
]]

-- A round step for about six marks on the axis.
local function grid_step(seconds)
  for _, step in ipairs { 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600 } do
    if seconds / step <= 8 then return step end
  end
  return 7200
end

local function picture(timeline, out)
  local seconds = math.max(timeline.elapsed, 0.001)
  for _, row in ipairs(timeline.rows) do seconds = math.max(seconds, row.start + row.elapsed) end
  local function x(at) return LABEL + PLOT * at / seconds end
  local height = TOP + ROW * #timeline.rows + 8
  out '<div class="picture" tabindex="0" role="region" aria-label="Timeline">'
  out('<svg role="img" viewBox="0 0 %d %d" aria-labelledby="picture-title picture-text">\n', WIDTH, height)
  out('<title id="picture-title">Timeline of the run</title>\n')
  out('<desc id="picture-text">A bar for each of %d steps, from its beginning to its end; the whole took %s. '
    .. 'The table below says the same in words.</desc>\n', #timeline.rows, util.duration(timeline.elapsed))
  local step = grid_step(seconds)
  for i = 0, math.floor(seconds / step) do
    local at = x(i * step)
    out('<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>', at, at, TOP - 6, height)
    out('<text class="faint" x="%.1f" y="16">%s</text>\n', at + 3, util.duration(i * step))
  end
  for i, row in ipairs(timeline.rows) do
    local y = TOP + ROW * (i - 1)
    local kind = row.status ~= "done" and row.status or row.longest and "path" or "done"
    local label = row.address
    if #label > LABEL_CHARS then label = "…" .. label:sub(-LABEL_CHARS + 1) end
    local words = ("%s %s: %s, %s%s"):format(row.kind, row.address, row.status, util.duration(row.elapsed),
      row.longest and ", on the longest path" or "")
    out('<g><title>%s</title>', escape(words))
    out('<text x="%d" y="%d" text-anchor="end">%s</text>', LABEL - 8, y + 11, escape(label))
    out('<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="2"/>', kind, x(row.start), y,
      math.max(PLOT * row.elapsed / seconds, 1.5), BAR)
    if row.usual and row.usual >= 5 and row.start + row.usual <= seconds then
      out('<rect class="usual" x="%.1f" y="%d" width="%.1f" height="%d" rx="2"/>', x(row.start), y - 1,
        PLOT * row.usual / seconds, BAR + 2)
    end
    local sign = row.status == "failed" and "✗ " or row.longest and "◆ " or ""
    out('<text class="faint" x="%.1f" y="%d">%s%s</text></g>\n',
      x(row.start + row.elapsed) + 5, y + 11, sign, util.duration(row.elapsed))
  end
  out "</svg></div>\n"
  out "<p>◆ lies on the longest path; ✗ failed; a dashed frame is how long such a step takes usually.</p>\n"
end

local columns = { "step", "type", "what", "result", "id", "began", "took", "usually" }

-- A row: its first cell is its head, its last three are numbers.
local function table_row(out, cells)
  out "<tr>"
  for i = 1, #columns do
    local cell = escape(cells[i] or "")
    if i == 1 then
      out('<th scope="row">%s</th>', cell)
    else
      out('<td%s>%s</td>', i > 5 and ' class="number"' or "", cell)
    end
  end
  out "</tr>\n"
end

local function steps_table(timeline, out)
  out "<h2>Steps</h2>\n<table><caption>In the order of their beginning</caption>\n<thead><tr>"
  for i, name in ipairs(columns) do
    out('<th scope="col"%s>%s</th>', i > 5 and ' class="number"' or "", name)
  end
  out "</tr></thead>\n<tbody>\n"
  for _, row in ipairs(timeline.rows) do
    table_row(out, {
      row.address, row.type, row.kind, row.status .. (row.longest and ", longest path" or ""), row.id or "",
      util.duration(row.start), util.duration(row.elapsed), row.usual and util.duration(row.usual),
    })
  end
  for _, step in ipairs(timeline.not_started) do
    table_row(out, {
      step.address, step.type, step.kind,
      "not started" .. (step.blocker and ", needs " .. step.blocker or ""),
    })
  end
  out "</tbody></table>\n"
end

--- @class eksrun.progress.Page
--- @field stack eksrun.Stack
--- @field destroy boolean?
--- @field timeline eksrun.Timeline
--- @field began number seconds since 1970
--- @field interrupted string?
--- @field outcome string the summary's first line

--- The page.
--- @param run eksrun.progress.Page
--- @return string html
function M.html(run)
  local parts = {}
  local function out(text, ...)
    parts[#parts + 1] = select("#", ...) > 0 and text:format(...) or text
  end
  local title = (run.destroy and "Destroying " or "Applying ") .. run.stack.name
  out '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
  out '<meta http-equiv="Content-Security-Policy" '
  out "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
  out '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
  out("<title>%s</title>\n", escape(title))
  out("<style>\n" .. style .. "</style>\n</head>\n<body>\n<main>\n")
  out("<h1>%s</h1>\n<p>%s</p>\n", escape(title), escape(run.outcome))
  out("<p>Account %s, region %s; began %s%s.</p>\n", escape(run.stack.account or "?"),
    escape(run.stack.region or "?"), clock.format_iso8601(math.floor(run.began)),
    run.interrupted and escape("; interrupted by " .. run.interrupted) or "")
  local timeline, failed = run.timeline, false
  if timeline.rows[1] then
    out "<h2>Timeline</h2>\n"
    picture(timeline, out)
    out("<h2>Longest path</h2>\n<p>%s of %s. Each step began when the one before had ended.</p>\n<ol>\n",
      util.duration(timeline.path_seconds), util.duration(timeline.elapsed))
    for _, row in ipairs(timeline.path) do
      out("<li>%s %s, %s</li>\n", row.kind, escape(row.address), util.duration(row.elapsed))
    end
    out "</ol>\n"
    steps_table(timeline, out)
  else
    out "<p>There was nothing to do.</p>\n"
  end
  for _, row in ipairs(timeline.rows) do
    if row.status == "failed" then
      if not failed then out "<h2>Failures</h2>\n" end
      failed = true
      out("<h3>%s</h3>\n<pre>%s</pre>\n", escape(row.address), escape(util.describe(row.err)))
    end
  end
  out "</main>\n</body>\n</html>\n"
  return table.concat(parts)
end

return M
