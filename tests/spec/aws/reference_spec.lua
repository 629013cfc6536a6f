-- The examples of docs/reference/aws.md, run against an AWS in a table.
local aws = require "eksrun.aws"
local file = require "eksrun.file"
local native = require "eksrun.native.aws"
local system = require "eksrun.aws.system"

local tail = native.service("logs"):operation "start_live_tail"
local events = tail:serialize({}).body .. tail:serialize_event("sessionUpdate", {
  sessionResults = { { message = "a line" } },
})

-- A streamed body in one piece.
local function stream(bytes)
  return {
    try_read = function()
      local piece = bytes
      bytes = nil
      return piece
    end,
    close = function() end,
  }
end

local answers = {
  { "^GET /clusters/demo$", '{"cluster": {"name": "demo", "status": "ACTIVE", "version": "1.33"}}' },
  { "^POST /clusters$", '{"cluster": {"name": "demo", "status": "CREATING"}}' },
  { "^GET /clusters$", '{"clusters": ["demo"]}' },
  { "Action=DescribeInstances", "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>" },
  { "logGroupIdentifiers", events },
  { "list%-type=2", "<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>" },
}

local object = {
  chunks = function() return function() return nil end end,
  try_save = function(_, path) return os.remove(path) and 0 end,
}

local function world()
  return system.with {
    env = function(name)
      return ({
        AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "s", AWS_REGION = "eu-west-1",
      })[name]
    end,
    read_file = function(path) return path:find "config" and "[profile audit]\n" or nil end,
    sleep = function() end,
    request = function(request)
      local line = ("%s %s"):format(request.method, request.url:gsub("^https?://[^/]+", ""))
      if line:find "/k" then
        return { status = 200, headers = {}, body = request.stream and object or "" }
      end
      for _, answer in ipairs(answers) do
        if line:find(answer[1]) or (request.body or ""):find(answer[1]) then
          return { status = 200, headers = {}, body = request.stream and stream(answer[2]) or answer[2] }
        end
      end
      error("nothing to answer to " .. line)
    end,
  }
end

describe("the reference of the AWS client", function()
  local text = file.read "docs/reference/aws.md"

  setup(function() aws.configure { system = world() } end)
  -- There is no taking an option back: the module is loaded anew.
  teardown(function() package.loaded["eksrun.aws"] = nil end)

  local count = 0
  for code in text:gmatch "```lua\n(.-)```" do
    count = count + 1
    it("has an example that runs: " .. count, function()
      local env = setmetatable({ print = function() end, require = function(name)
        return name == "eksrun.aws" and aws or require(name)
      end }, { __index = _G })
      assert(load(code, "=example", "t", env))()
    end)
  end

  it("names every option of a client", function()
    local source = file.read "lua/stdlib/eksrun/aws/client_options.lua"
    local list = source:match "local known_options = (%b{})"
    for option in list:gmatch '"([%w_]+)"' do
      if option ~= "system" then assert.matches("`" .. option .. "`", text, 1, true) end
    end
  end)
end)
