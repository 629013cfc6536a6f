--- Who holds a lock: a process on a machine, and for people a user and a command.
local process = require "eksrun.process"
local util = require "eksrun.util"

local M = {}

local function line_of(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local _ <close> = file
  return file:read "l"
end

--- This machine since it was started: the same for all its processes, and for no other machine.
--- @return string?
function M.machine()
  local id, boot = line_of "/etc/machine-id", line_of "/proc/sys/kernel/random/boot_id"
  if not boot then return nil end
  -- Containers of one machine do not see each other's processes; the first line names the root of theirs.
  return util.fingerprint(id or "", boot, line_of "/proc/self/mountinfo" or ""):sub(1, 16)
end

-- When a process was started, in ticks since the machine was; nil when there is none. One that has ended and
-- that nobody has asked about yet (a zombie) is none.
local function started(pid)
  local stat = line_of(("/proc/%d/stat"):format(pid))
  -- The name, in brackets, may hold anything.
  local rest = stat and stat:match "^.*%) (.*)$"
  if not rest or rest:find "^[ZX]" then return nil end
  local i = 0
  for field in rest:gmatch "%S+" do
    i = i + 1
    if i == 20 then return field end
  end
end

local own_nonce

--- 128 random bits as text, the same for the whole life of this process.
--- @return string
function M.nonce()
  if not own_nonce then
    local file = assert(io.open("/dev/urandom", "rb"))
    own_nonce = file:read(16):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
    file:close()
  end
  return own_nonce
end

-- Who runs this, as the system knows it: services and containers often have no USER.
local function account()
  local status <close> = io.open "/proc/self/status"
  local uid = status and status:read("a"):match "\nUid:%s+%d+%s+(%d+)"
  if not uid then return nil end
  local file <close> = io.open "/etc/passwd"
  if not file then return "uid " .. uid end
  for line in file:lines() do
    local name, id = line:match "^([^:]+):[^:]*:(%d+):"
    if id == uid then return name end
  end
  return "uid " .. uid
end

-- A record has little room. Not cut within a character.
local function short(text, max)
  text = text:gsub("%c", "?")
  if #text <= max then return text end
  return (text:sub(1, max):gsub("[\xC0-\xFF][\x80-\xBF]*$", ""))
end

--- @param command string
--- @return table
function M.me(command)
  local pid = process.pid()
  return {
    user = short(process.env "USER" or process.env "LOGNAME" or account() or "?", 64),
    host = short(line_of "/proc/sys/kernel/hostname" or process.env "HOSTNAME" or "?", 64),
    pid = pid, started = started(pid), machine = M.machine(), command = short(command, 200),
  }
end

--- Whether the holder was a process of this machine that is no more: nothing has to be waited for then.
--- @param record eksrun.lock.Record
--- @return boolean
function M.is_dead(record)
  local who = record.owner or {}
  local here = M.machine()
  if not here or who.machine ~= here or not who.pid or not who.started then return false end
  return started(who.pid) ~= who.started
end

return M
