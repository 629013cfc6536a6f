-- eksrun's side of script/bench client. Each prints one JSON object.
--
--   eksrun lua tests/bench/client.lua instances FILE       an answer of DescribeInstances into tables
--   eksrun lua tests/bench/client.lua items FILE           an answer of DynamoDB's Scan into tables
--   eksrun lua tests/bench/client.lua make-items FILE      writes that answer: 1,000 items
--   eksrun lua tests/bench/client.lua sign                 signed requests, all of the client's part
--   eksrun lua tests/bench/client.lua first ec2|curl       processor time of the first call
--   eksrun lua tests/bench/client.lua calls N TASKS        small calls, so many in flight
-- The last three ask AWS_ENDPOINT_URL.
local json = require "eksrun.json"

local function peak()
  for line in io.lines "/proc/self/status" do
    local n = line:match "^VmHWM:%s*(%d+) kB"
    if n then return tonumber(n) / 1024 end
  end
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

-- Milliseconds of processor time, the best of some rounds.
local function best(rounds, f)
  local least = math.huge
  for _ = 1, rounds do
    collectgarbage()
    local start = os.clock()
    f()
    least = math.min(least, os.clock() - start)
  end
  return least * 1000
end

local function parse(service, name, path, rounds)
  local operation = require("eksrun.native.aws").service(service):operation(name)
  local body = read(path)
  return { ms = best(rounds, function() operation:parse(200, {}, body) end), bytes = #body, peak = peak() }
end

local M = {}

function M.instances(path) return parse("ec2", "describe_instances", path, 15) end
function M.items(path) return parse("dynamodb", "scan", path, 15) end

M["make-items"] = function(path)
  local items = {}
  for i = 1, 1000 do
    items[i] = {
      id = { S = ("node-%05d"):format(i) },
      cluster = { S = "arn:aws:eks:eu-west-1:123456789012:cluster/demo" },
      price = { N = ("%d.%02d"):format(i % 97, i % 100) },
      ready = { BOOL = i % 7 ~= 0 },
      note = { S = 'taints: "dedicated=gpu:NoSchedule"\nzone: eu-west-1a' },
      labels = { M = {
        ["kubernetes.io/arch"] = { S = "arm64" }, ["kubernetes.io/os"] = { S = "linux" },
        pool = { S = "general" }, generation = { N = tostring(i) },
      } },
      addresses = { L = { { S = ("10.0.%d.%d"):format(i // 250, i % 250) }, { S = "fd00::1" } } },
      zones = { SS = { "eu-west-1a", "eu-west-1b" } },
      nothing = { NULL = true },
    }
  end
  local file = assert(io.open(path, "wb"))
  file:write(json.encode { Items = items, Count = 1000, ScannedCount = 1000 })
  file:close()
  return {}
end

function M.sign()
  local kms = require("eksrun.aws").kms
  local params = { KeyId = "arn:aws:kms:eu-central-1:123456789012:key/alias/cluster" }
  kms:dry("describe_key", params)
  local start, n = os.clock(), 20000
  for _ = 1, n do kms:dry("describe_key", params) end
  return { a_second = n / (os.clock() - start) }
end

-- libcurl, which the first transfer loads, is in both.
function M.first(what)
  local process = require "eksrun.process"
  local url = process.env "AWS_ENDPOINT_URL"
  local start = os.clock()
  if what == "ec2" then
    require("eksrun.aws").ec2:describe_instances {}
  else
    require("eksrun.http").request { method = "POST", url = url .. "/", body = "Action=DescribeInstances" }
  end
  return { ms = (os.clock() - start) * 1000 }
end

function M.calls(count, tasks)
  count, tasks = tonumber(count), tonumber(tasks)
  local aws, task, clock = require "eksrun.aws", require "eksrun.task", require "eksrun.clock"
  local sts = aws.sts
  sts:get_caller_identity {}
  local left = count
  local start, cpu = clock.monotonic(), os.clock()
  task.scope(function(scope)
    for _ = 1, tasks do
      scope:spawn(function()
        while left > 0 do
          left = left - 1
          assert(sts:get_caller_identity({}).Account == "123456789012")
        end
      end)
    end
  end)
  return { seconds = clock.monotonic() - start, cpu = os.clock() - cpu, peak = peak() }
end

print(json.encode(M[arg[1]](table.unpack(arg, 2))))
