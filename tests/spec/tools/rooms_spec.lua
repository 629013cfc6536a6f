-- The arrows between the rooms point one way: docs/architecture.md.
local file = require "eksrun.file"
local process = require "eksrun.process"

local ROOT = "lua/stdlib/eksrun/"

-- What each room may use of the others; small modules beside them are everybody's.
local USES = {
  aws = {}, engine = { "aws", "resource" }, resource = { "engine" }, token = { "aws" },
  kubeconfig = { "aws", "token" }, sandbox = { "aws", "token" },
  vpc = { "aws", "engine", "resource" }, cluster = { "aws", "engine", "kubeconfig", "resource", "vpc" },
  cli = { "aws", "engine", "resource", "token", "kubeconfig", "sandbox", "vpc", "cluster", "repl" },
  repl = { "aws", "engine", "cli" }, -- a command's inside: cli/repl.lua is its door
}
-- The contract that the engine shares with the types, and what finds them.
local TYPES = { init = true, tags = true, leftovers = true, index = true }

local function files(...)
  local out = process.run({ argv = { "find", ... }, max_output = 1 << 20 }).stdout
  assert.is_true(#out > 0)
  return out:gmatch "[^\n]+"
end

describe("the rooms", function()
  it("of the library use only what is below them", function()
    local seen, wrong = 0, {}
    for path in files(ROOT, "-name", "*.lua") do
      local room = path:sub(#ROOT + 1):match "^[%w_]+"
      local allowed = {}
      for _, name in ipairs(USES[room] or {}) do allowed[name] = true end
      for used, part in file.read(path):gmatch 'require[ %(]*"eksrun%.([%w_]+)%.?([%w_]*)' do
        seen = seen + 1
        local other = USES[room] and USES[used] and used ~= room
        local inner = room == "engine" and used == "resource" and part ~= "" and not TYPES[part]
        if other and (not allowed[used] or inner) then
          wrong[#wrong + 1] = path .. ": " .. used .. "." .. part
        end
      end
    end
    assert.is_true(seen > 500)
    assert.same({}, wrong)
  end)

  it("of C below the bindings know no Lua", function()
    local seen = 0
    for path in files("runtime/core", "runtime/loop", "-name", "*.[ch]") do
      seen = seen + 1
      for header in file.read(path):gmatch '#include [<"]([^>"]+)' do
        assert.is_nil(header:match "^lua" or header == "lauxlib.h" or nil, path)
      end
    end
    assert.is_true(seen > 50)
  end)
end)
