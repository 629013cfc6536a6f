-- eksrun doctor, through the program.
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"
local folder

local function doctor(env, ...)
  local own = { PATH = folder, HOME = folder, AWS_EC2_METADATA_DISABLED = "true" }
  own.EKSRUN_STDLIB = process.env "EKSRUN_STDLIB"
  for name, value in pairs(env) do own[name] = value end
  return process.run { argv = { program, "doctor", ... }, env = own, max_output = 1 << 20 }
end

local function findings(result)
  local by_name = {}
  for line in result.stdout:gmatch "[^\n]+" do
    local event = json.decode(line)
    by_name[event.name or event.event] = event
  end
  return by_name
end

local function kubectl(version)
  file.write_atomic(folder .. "/kubectl", ([[#!/bin/sh
echo '{"clientVersion":{"gitVersion":"%s"}}'
]]):format(version), { mode = 493 })
end

describe("eksrun doctor", function()
  before_each(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  after_each(function() process.run { argv = { "rm", "-rf", folder } } end)

  it("finds all in order where it is", function()
    kubectl "v1.32.4"
    local result = doctor({}, "--sandbox", "--json")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    local found = findings(result)
    local names = { "region", "credentials", "clock", "eks", "ec2", "iam", "lock", "kubectl", "kubeconfig" }
    for _, name in ipairs(names) do assert.equal("ok", found[name].status, name) end
    assert.equal("kubectl v1.32.4", found.kubectl.message)
    assert.equal(0, found.result.failure)
  end)

  it("says what is not, what to do, and not what follows from it", function()
    local result = doctor({})
    assert.equal(1, result.code)
    assert.matches("✗ region +no region: give %-%-region", result.stdout)
    assert.matches("- credentials  not checked: no region", result.stdout, 1, true)
    assert.matches("! kubectl +kubectl is not there\n +%-> https://", result.stdout)
    assert.matches("1 not in order, 6 not checked", result.stdout)
    local keys = { AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "x" }
    local refused = doctor(keys, "eks", "clock", "--region", "us-east-1",
      "--endpoint-url", "http://127.0.0.1:9")
    assert.equal(1, refused.code)
    assert.matches("✗ credentials  sts:GetCallerIdentity: connection to 127.0.0.1:9 refused",
      refused.stdout, 1, true)
    assert.matches("- eks          not checked: credentials not in order", refused.stdout, 1, true)
    assert.matches("- clock        not checked: no answer with a date", refused.stdout, 1, true)
    assert.is_nil(refused.stdout:find "kubectl")
  end)

  it("says once that there are no credentials", function()
    local result = doctor({}, "clock", "iam", "--region", "us-east-1")
    assert.equal(1, result.code)
    assert.equal(1, select(2, result.stdout:gsub("not in the environment", "")))
    assert.matches("- clock        not checked: no credentials\n- iam          not checked: no credentials\n",
      result.stdout, 1, true)
    assert.matches("1 in order, 0 to look at, 1 not in order, 2 not checked", result.stdout, 1, true)
    assert.is_nil(result.stdout:find("->", 1, true))
  end)

  it("doubts a region that AWS does not list", function()
    local found = findings(doctor({ AWS_REGION = "eu-wst-1" }, "region", "--json"))
    assert.equal("warning", found.region.status)
    assert.matches("region 'eu-wst-1' (AWS_REGION) is not in AWS's list; did you mean 'eu-west-1'?",
      found.region.message, 1, true)
  end)

  it("knows what is too old or no kubeconfig", function()
    kubectl "v1.19.0"
    file.write_atomic(folder .. "/config", "- no\n")
    local found = findings(doctor({ KUBECONFIG = folder .. "/config" }, "kubectl", "kubeconfig", "--json"))
    assert.equal("warning", found.kubectl.status)
    assert.matches("v1.19.0 is too old", found.kubectl.message)
    assert.equal("failure", found.kubeconfig.status)
  end)

  it("lists its checks and refuses others", function()
    assert.matches("lock +locks of stacks can be read\n", doctor({}, "--list").stdout)
    local refused = doctor({}, "credential")
    assert.equal(2, refused.code)
    assert.matches("no check 'credential'; did you mean 'credentials'", refused.stderr)
  end)
end)
