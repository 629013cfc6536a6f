-- luacheck: ignore 122 (io.stdout and io.stderr are caught)
--- What a function writes to stdout and stderr.
local M = {}

local function stream(list)
  return {
    write = function(self, ...)
      for _, text in ipairs { ... } do list[#list + 1] = tostring(text) end
      return self
    end,
    flush = function() end,
  }
end

--- Calls f with streams of its own and another session of AWS.
--- @param aws table instead of the module eksrun.aws
--- @param f function
--- @param ... any its arguments
--- @return any what f returns
--- @return string stdout
--- @return string stderr
function M.of(aws, f, ...)
  local out, err = {}, {}
  local stdout, stderr, before = io.stdout, io.stderr, package.loaded["eksrun.aws"]
  io.stdout, io.stderr, package.loaded["eksrun.aws"] = stream(out), stream(err), aws
  local ok, result = pcall(f, ...)
  io.stdout, io.stderr, package.loaded["eksrun.aws"] = stdout, stderr, before
  assert(ok, result)
  return result, table.concat(out), table.concat(err)
end

return M
