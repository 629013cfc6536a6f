--- Line differences, as `diff -u` shows them.
local M = {}

local CONTEXT = 3

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then lines[#lines + 1] = (line:gsub("\r?\n$", "")) end
  end
  return lines
end

-- Appends to `script` how a[i..i_end] becomes b[j..j_end]: { " " | "-" | "+", line }, by the longest
-- common subsequence.
local function compare(a, i, i_end, b, j, j_end, script)
  local n, m = i_end - i + 1, j_end - j + 1
  local length = {}
  for x = n + 1, 1, -1 do
    length[x] = {}
    for y = m + 1, 1, -1 do
      if x > n or y > m then
        length[x][y] = 0
      elseif a[i + x - 1] == b[j + y - 1] then
        length[x][y] = length[x + 1][y + 1] + 1
      else
        length[x][y] = math.max(length[x + 1][y], length[x][y + 1])
      end
    end
  end
  local x, y = 1, 1
  while x <= n or y <= m do
    if x <= n and y <= m and a[i + x - 1] == b[j + y - 1] then
      script[#script + 1] = { " ", a[i + x - 1] }
      x, y = x + 1, y + 1
    elseif y > m or (x <= n and length[x + 1][y] >= length[x][y + 1]) then
      script[#script + 1] = { "-", a[i + x - 1] }
      x = x + 1
    else
      script[#script + 1] = { "+", b[j + y - 1] }
      y = y + 1
    end
  end
end

-- Too much to compare line by line: all of the old, then all of the new.
local CELLS_MAX = 4000000

local function script_of(a, b)
  local script, head, tail = {}, 0, 0
  while head < #a and head < #b and a[head + 1] == b[head + 1] do
    head = head + 1
    script[head] = { " ", a[head] }
  end
  while tail < #a - head and tail < #b - head and a[#a - tail] == b[#b - tail] do tail = tail + 1 end
  if (#a - head - tail) * (#b - head - tail) > CELLS_MAX then
    for x = head + 1, #a - tail do script[#script + 1] = { "-", a[x] } end
    for y = head + 1, #b - tail do script[#script + 1] = { "+", b[y] } end
  else
    compare(a, head + 1, #a - tail, b, head + 1, #b - tail, script)
  end
  for x = #a - tail + 1, #a do script[#script + 1] = { " ", a[x] } end
  return script
end

--- The difference of two texts, without colors; "" if there is none. Line ends of DOS and Unix count
--- as the same.
--- @param old string
--- @param new string
--- @return string each line ends with a line end
function M.lines(old, new)
  local script = script_of(lines_of(old), lines_of(new))
  local near = {}
  for k, step in ipairs(script) do
    if step[1] ~= " " then
      for i = math.max(1, k - CONTEXT), math.min(#script, k + CONTEXT) do near[i] = true end
    end
  end
  local out, k, a, b = {}, 1, 1, 1
  while k <= #script do
    if near[k] then
      local header, old_first, new_first, olds, news = #out + 1, a, b, 0, 0
      out[header] = ""
      while near[k] do
        local sign = script[k][1]
        out[#out + 1] = sign .. script[k][2]
        if sign ~= "+" then olds = olds + 1 end
        if sign ~= "-" then news = news + 1 end
        k = k + 1
      end
      a, b = a + olds, b + news
      out[header] = ("@@ -%d,%d +%d,%d @@"):format(olds > 0 and old_first or old_first - 1, olds,
        news > 0 and new_first or new_first - 1, news)
    else
      a, b, k = a + 1, b + 1, k + 1
    end
  end
  return #out > 0 and table.concat(out, "\n") .. "\n" or ""
end

return M
