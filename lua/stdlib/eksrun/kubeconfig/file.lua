--- Writes kubeconfig files: locked against kubectl, atomically, nobody else's to read.
local error_object = require "eksrun.error"
local file = require "eksrun.file"

local M = {}

-- Seconds to wait for another writer, and between two looks.
local LOCK_TIMEOUT, LOCK_PAUSE = 10, 0.05

--- The text of a file.
--- @param path string
--- @return string|nil text nil if there is no such file
--- Raises { code = "io" | "limit" } for a file that cannot be read, or has more than 16 MiB.
function M.read(path)
  local text, err = file.try_read(path, { max = 16 * 1024 * 1024 })
  if text == nil and err.code ~= "not_found" then error(err, 0) end
  return text
end

-- Waits for the lock that kubectl takes as well.
local function lock(path)
  local native = require "eksrun.native.kubeconfig"
  local clock, task = require "eksrun.clock", require "eksrun.task"
  local deadline = clock.monotonic() + LOCK_TIMEOUT
  while true do
    local held = native.lock(path .. ".lock")
    if held then return held end
    if clock.monotonic() > deadline then
      error(error_object.new {
        code = "kubeconfig",
        message = ("%s.lock exists: another program writes the file, or one left the lock behind")
          :format(path),
        hint = ("if no other program is at work: rm %s.lock"):format(path),
      }, 0)
    end
    task.sleep(LOCK_PAUSE, true)
  end
end

--- Raises where update() is known to fail, and writes nothing.
--- @param path string
--- Raises { code = "kubeconfig" }.
function M.check_writable(path)
  local function fail(reason)
    error(error_object.new {
      code = "kubeconfig", message = ("kubeconfig %s cannot be written: %s"):format(path, reason),
    }, 0)
  end
  local target = file.realpath(path) or path
  local found = file.stat(target)
  if found and found.type ~= "file" then fail "not a file" end
  local folder = target
  repeat
    local parent = folder:match("^(.*)/[^/]*$")
    folder = parent == "" and "/" or parent or "."
    found = file.stat(folder)
  until found or folder == "/" or folder == "."
  if not found or found.type ~= "directory" then fail(folder .. " is not a folder") end
  if not file.is_writable(folder) then fail("no permission to write into the folder " .. folder) end
end

--- Replaces a file's text by what a function makes of it, under the lock. A symbolic link stays one:
--- what it leads to is written. A new file has mode 0600, an old one keeps its own.
--- @param path string
--- @param change fun(text: string): string
--- @return string text as written
function M.update(path, change)
  local target = file.exists(path) and file.realpath(path) or path
  local folder = target:match("^(.*)/[^/]*$")
  if folder and folder ~= "" then file.mkdir_p(folder) end
  local held <close> = lock(target) -- luacheck: ignore held
  local old = M.read(target)
  local new = change(old or "")
  if new ~= old then
    local mode = old and file.stat(target).mode
    file.write_atomic(target, new, { mode = mode and mode & 0x1ff or 384 }) -- 0600
  end
  return new
end

return M
