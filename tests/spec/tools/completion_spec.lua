-- eksrun completion, through the program and bash; eksrun types.
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"
local resource = require "eksrun.resource"
local words = require "eksrun.cli.completion.words"

local program = file.realpath "/proc/self/exe"

local function complete(...)
  local out = {}
  for i, word in ipairs(words.complete { ... }) do out[i] = word[1] end
  return out
end

local function eksrun(...)
  return process.run { argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB" }, max_output = 1 << 20 }
end

describe("completion", function()
  it("knows commands, flags and their values", function()
    assert.same({ "plan" }, complete "pl")
    assert.is_true(#complete "" > 20)
    assert.same({ "--out=" }, complete("plan", "--ou"))
    assert.same({ "--format=dot", "--format=mermaid", "--format=svg" },
      complete("graph", "x.lua", "--format="))
    assert.same({ "mermaid" }, complete("graph", "x.lua", "--format", "m"))
    assert.same({}, complete("plan", "--profile", "p"))
    assert.same({ "--no-color", "--no-pager" }, complete("--no-"))
    assert.same({ "bash" }, complete("completion", "b"))
    assert.same({ "completion", "config" }, (function()
      local found = complete("help", "co")
      table.sort(found)
      return found
    end)())
  end)

  it("knows the parameters of a recipe, with or without a command", function()
    assert.same({ "name=", "nat=" }, complete("plan", "recipes/vpc.lua", "n"))
    assert.same({ "nat=none", "nat=single", "nat=per-zone" }, complete("recipes/vpc.lua", "--yes", "nat="))
    assert.same({ "internet=true", "internet=false" },
      complete("recipes/vpc.lua", "--region", "eu-west-1", "internet="))
    assert.same({}, complete("plan", "no-such.lua", "n"))
    assert.same({}, complete("plan", "rec")) -- files are the shell's
  end)

  it("knows services, operations and types", function()
    assert.same({ "eks", "eks-auth" }, complete("call", "eks"))
    assert.same({ "describe-cluster", "describe-cluster-versions" }, complete("call", "eks", "describe-cl"))
    assert.same({ "--max-results", "--max-items=" }, complete("call", "eks", "list-clusters", "--max-"))
    assert.same({ "--nodegroup-name" },
      complete("call", "eks", "update-nodegroup-version", "--cluster-name", "x", "--nodeg"))
    assert.same({ "ec2.vpc", "ec2.vpc_endpoint" }, complete("types", "ec2.v"))
  end)

  it("works in bash, across = as well", function()
    local script = [[
      eksrun() { :; }; command() { shift; "$EKSRUN" "$@"; }
      source <("$EKSRUN" completion bash)
      try() { COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=(); _eksrun; echo "${COMPREPLY[*]}"; }
      try "eksrun gra"; try "eksrun plan recipes/vpc.lua nat=s"; try "eksrun graph x --format "
    ]]
    local result = process.run {
      argv = { "bash", "--norc", "-c", script }, env = { "PATH", "EKSRUN_STDLIB", EKSRUN = program },
    }
    assert.equal("graph\nsingle\ndot mermaid svg\n", result.stdout, result.stderr)
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      assert.matches("completion words %-%-", eksrun("completion", shell).stdout)
    end
    assert.matches("there is no script for 'fsh'", eksrun("completion", "fsh").stderr)
  end)
end)

describe("eksrun types", function()
  it("lists them, and says what one takes", function()
    local all = eksrun("types").stdout
    for _, name in ipairs(resource.names()) do assert.matches(name, all, 1, true) end
    local one = eksrun("types", "ec2.subnet").stdout
    assert.matches("CidrBlock +string; required; a change replaces\n", one)
    assert.matches("VpcId +string; required; a change replaces; of ec2.vpc\n", one)
    local data = json.decode(eksrun("types", "ec2.subnet", "--json").stdout)
    assert.is_true(data.inputs.CidrBlock.required)
    assert.same({ "AvailabilityZoneId", "SubnetArn", "SubnetId" }, data.outputs)
    assert.matches("did you mean 'ec2.subnet'", eksrun("types", "ec2.subnt").stderr)
  end)

  it("writes annotations that are Lua", function()
    local folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    finally(function() process.run { argv = { "rm", "-rf", folder } } end)
    assert.equal(0, eksrun("types", "--write", folder).code)
    local ec2 = assert(loadfile(folder .. "/eksrun/ec2.lua"))()
    assert.is_function(ec2.subnet)
    local text = file.read(folder .. "/eksrun/ec2.lua")
    assert.matches("---@field CidrBlock string|eksrun.types.Ref ", text, 1, true)
    assert.matches("---@return eksrun.types.ec2.subnet.Handle\nfunction M.subnet(declaration) end", text, 1,
      true)
    assert(loadfile(folder .. "/eksrun/types.lua"))
  end)
end)
