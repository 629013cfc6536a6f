--- Kubernetes versions of EKS, as of January 2026: what there is, since when and until when.
--- @class eksrun.sandbox.eks.Version
--- @field version string
--- @field platform integer number of the newest platform version
--- @field patch integer
--- @field released string date
--- @field standard string end of standard support
--- @field extended string end of extended support
local clock = require "eksrun.clock"

local M = {}

--- The oldest first; the last is what new clusters start with.
--- @type eksrun.sandbox.eks.Version[]
M.list = {
  { version = "1.29", platform = 36, patch = 15, released = "2024-01-23", standard = "2025-03-23",
    extended = "2026-03-23" },
  { version = "1.30", platform = 45, patch = 14, released = "2024-05-23", standard = "2025-07-23",
    extended = "2026-07-23" },
  { version = "1.31", platform = 41, patch = 13, released = "2024-09-26", standard = "2025-11-26",
    extended = "2026-11-26" },
  { version = "1.32", platform = 34, patch = 9, released = "2025-01-23", standard = "2026-03-23",
    extended = "2027-03-23" },
  { version = "1.33", platform = 26, patch = 5, released = "2025-05-29", standard = "2026-07-29",
    extended = "2027-07-29" },
  { version = "1.34", platform = 15, patch = 1, released = "2025-10-02", standard = "2026-12-02",
    extended = "2027-12-02" },
}

--- Seconds since 1970 of a date of the list.
--- @param date string
--- @return number
function M.at(date) return clock.parse(date .. "T00:00:00Z") end

--- @param version string?
--- @return integer? index in the list
function M.index(version)
  for i, known in ipairs(M.list) do
    if known.version == version then return i end
  end
end

--- @param version string
--- @return integer minor "1.33" -> 33
function M.minor(version) return math.tointeger(tonumber(version:match "^%d+%.(%d+)")) or 0 end

--- @return string version what new clusters start with
function M.default() return M.list[#M.list].version end

--- @param version string
--- @return string "1.33.0-20251120", the newest release of its images
function M.release(version) return version .. ".0-20251120" end

--- @param version string
--- @return string "eks.26"
function M.platform(version) return ("eks.%d"):format(M.list[M.index(version)].platform) end

--- How a version is supported at a time. Nothing goes out of support in a sandbox that is left alone for
--- years: the newest counts as standard.
--- @param version string
--- @param now number
--- @return "STANDARD"|"EXTENDED"|"UNSUPPORTED"
function M.support(version, now)
  local known = M.list[M.index(version)]
  if now < M.at(known.standard) or known == M.list[#M.list] then return "STANDARD" end
  return now < M.at(known.extended) and "EXTENDED" or "UNSUPPORTED"
end

return M
