-- eksrun policy: what is printed is enough, and nothing in it is too much. EKSRUN_TEST_POLICIES=all tries
-- every action of every recipe, which takes minutes.
local document = require "eksrun.cli.policy.document"
local file = require "eksrun.file"
local grammar = require "eksrun.sandbox.iam.document"
local json = require "eksrun.json"
local least = require "eksrun.cli.policy.least"
local lives = require "eksrun.cli.policy.life"
local process = require "eksrun.process"
local recipes = require "tests.spec.support.recipes"
local util = require "eksrun.util"

local ALL = process.env "EKSRUN_TEST_POLICIES" == "all"
local program = file.realpath "/proc/self/exe"

local function without(documents, action)
  documents = util.copy(documents)
  for _, one in ipairs(documents) do
    for i = #one.Statement, 1, -1 do
      local actions, left = one.Statement[i].Action, {}
      for _, name in ipairs(type(actions) == "table" and actions or { actions }) do
        if name ~= action then left[#left + 1] = name end
      end
      one.Statement[i].Action = left
      if not left[1] then table.remove(one.Statement, i) end
    end
  end
  return documents
end

local function eksrun(...)
  return process.run { argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB" }, max_output = 1 << 20 }
end

local function statement_of(one, action, key)
  for _, statement in ipairs(one.Statement) do
    local actions = type(statement.Action) == "table" and statement.Action or { statement.Action }
    for _, name in ipairs(actions) do
      local equals = statement.Condition and statement.Condition.StringEquals or {}
      if name == action and (key == nil or equals[key]) then return statement end
    end
  end
end

describe("the least policy of a recipe", function()
  for _, stem in ipairs(ALL and recipes.stems() or { "vpc" }) do
    it("is enough for " .. stem .. ", and without any of its actions is not", function()
      local words, state = recipes.account(stem)
      local found = least.of {
        recipe = recipes.path(stem), words = words, region = "us-east-1", state = state,
      }
      assert.is_true(found.course.done)
      local actions = document.actions(found.documents)
      assert.is_true(#actions > 10)
      for _, one in ipairs(found.documents) do grammar.parse(json.encode(one), "managed") end
      -- Which ones are tried without changes from version to version, all are in time.
      for i = ALL and 1 or #actions % 6 + 1, #actions, ALL and 1 or 6 do
        local other = lives.without(found.course, without(found.documents, actions[i]), actions[i])
        assert.is_false(other.done, actions[i] .. " is not needed")
      end
    end)
  end

  it("makes last what AWS does not take back, and leaves out what it refuses", function()
    local path = os.tmpname()
    file.write_atomic(path, [[
local eksrun = require "eksrun"
local p = eksrun.params {
  version = { "1.33", "of the cluster", choices = { "1.32", "1.33", "1.34" } },
  zones = { 2, "zones", max = 3 },
}
local net = require("eksrun.vpc").network { name = "s", zones = 3, nat = "none" }
require("eksrun.cluster").create {
  name = "s", version = p.version, subnets = table.move(net.public, 1, p.zones, 1, {}),
}
]])
    local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
    local asked = lives.watch { recipe = path, words = {}, region = "us-east-1" }
    assert.same({ { "zones=3" }, { "version=1.34" } }, asked.changes)
    assert.is_true(asked.one_way)
  end)

  it("names what it can, and narrows the rest by the stack's tag", function()
    local found = least.of {
      recipe = "recipes/managed-cluster.lua", words = { "name=prod", "nat=none", "zones=2" },
      region = "eu-west-1", changes = { { "name=prod", "nat=none", "zones=2", "nodes=3" } },
    }
    assert.equal(1, #found.documents)
    local one = found.documents[1]
    assert.is_true(document.size(one) <= document.SIZE_MAX)
    assert.equal("2012-10-17", one.Version)
    local made = statement_of(one, "ec2:CreateVpc")
    local stack = "managed-cluster/prod"
    assert.same({ StringEquals = { ["aws:RequestTag/eksrun:stack"] = stack } }, made.Condition)
    assert.equal("arn:aws:ec2:eu-west-1:*:vpc/*", made.Resource)
    local gone = statement_of(one, "ec2:DeleteVpc")
    assert.same({ StringEquals = { ["aws:ResourceTag/eksrun:stack"] = stack } }, gone.Condition)
    local passed = statement_of(one, "iam:PassRole")
    assert.same({ StringEquals = { ["iam:PassedToService"] = "eks.amazonaws.com" } }, passed.Condition)
    assert.same({
      "arn:aws:iam::*:role/managed-cluster-prod-cluster-role-eu-west-1",
      "arn:aws:iam::*:role/managed-cluster-prod-nodes-role-eu-west-1",
    }, passed.Resource)
    assert.truthy(statement_of(one, "iam:CreateServiceLinkedRole", "iam:AWSServiceName"))
    assert.truthy(statement_of(one, "ec2:CreateTags", "aws:RequestTag/eksrun:stack"))
    assert.equal("arn:aws:eks:eu-west-1:*:cluster/prod", statement_of(one, "eks:CreateCluster").Resource)
    assert.equal("arn:aws:eks:eu-west-1:*:nodegroup/prod/general/*",
      statement_of(one, "eks:UpdateNodegroupConfig").Resource) -- of nodes=3
    assert.matches("^arn:aws:ssm:eu%-west%-1:%*:parameter/eksrun/managed%-cluster%-prod%-%x+/%*$",
      statement_of(one, "ssm:PutParameter").Resource)
    assert.is_nil(statement_of(one, "kms:ListKeys"))
  end)

  it("takes ids and accounts out of names", function()
    for arn, general in pairs {
      ["arn:aws:ec2:us-east-1:111122223333:subnet/subnet-0a1b2c3d4e5f60718"] =
        "arn:aws:ec2:us-east-1:*:subnet/*",
      ["arn:aws:eks:us-east-1:111122223333:addon/demo/vpc-cni/cd459296-13dd-462c-8b65-91ef00ef37db"] =
        "arn:aws:eks:us-east-1:*:addon/demo/vpc-cni/*",
      ["arn:aws:eks:us-east-1:111122223333:access-entry/x/role/111122223333/dev/"
        .. "cd459296-13dd-462c-8b65-91ef00ef37db"] = "arn:aws:eks:us-east-1:*:access-entry/x/role/*/dev/*",
      ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"] = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
      ["arn:aws:iam::111122223333:role/teams/dev"] = "arn:aws:iam::*:role/teams/dev",
      ["arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABCDEFGH23456789"] =
        "arn:aws:iam::*:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/*",
      ["arn:aws:ssm:us-east-1:111122223333:parameter/eksrun/x-1a2b3c4d/lock/000000000012"] =
        "arn:aws:ssm:us-east-1:*:parameter/eksrun/x-1a2b3c4d/*",
      ["arn:aws:kms:us-east-1:111122223333:key/cd459296-13dd-462c-8b65-91ef00ef37db"] =
        "arn:aws:kms:us-east-1:*:key/*",
      ["*"] = "*",
    } do assert.equal(general, document.general(arn)) end
  end)

  it("holds new keys to the stack's tag", function()
    local function of(action, resource, tag)
      local context = { [tag .. "/eksrun:stack"] = "s" }
      return document.of({ { action = action, resource = resource, context = context } }, "s")[1].Statement[1]
    end
    assert.same({ StringEquals = { ["aws:RequestTag/eksrun:stack"] = "s" } },
      of("kms:CreateKey", "*", "aws:RequestTag").Condition)
    local key = of("kms:ScheduleKeyDeletion",
      "arn:aws:kms:us-east-1:1:key/cd459296-13dd-462c-8b65-91ef00ef37db", "aws:ResourceTag")
    assert.same({ StringEquals = { ["aws:ResourceTag/eksrun:stack"] = "s" } }, key.Condition)
    assert.equal("arn:aws:kms:us-east-1:*:key/*", key.Resource)
    assert.is_nil(of("ec2:DescribeVpcs", "*", "aws:RequestTag").Condition)
  end)

  it("becomes several where one would be too large for IAM", function()
    local requests = {}
    for i = 1, 200 do
      requests[i] = {
        action = ("iam:Do%d"):format(i), context = {},
        resource = ("arn:aws:iam::111122223333:role/%s-%d"):format(("r"):rep(30), i),
      }
    end
    local found = document.of(requests, "s")
    assert.is_true(#found > 1)
    for _, one in ipairs(found) do assert.is_true(document.size(one) <= document.SIZE_MAX) end
    assert.equal(200, #document.actions(found))
  end)

  it("is printed by the program, and begins with what an account has", function()
    local folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    finally(function() process.run { argv = { "rm", "-rf", folder } } end)
    local made = eksrun("recipes/vpc.lua", "internet=false", "--yes", "--sandbox=" .. folder .. "/a.json")
    assert.equal(0, made.code, made.stderr)
    local vpc = next(json.decode(file.read(folder .. "/a.json")).regions["us-east-1"]["ec2.vpc"])
    local printed = eksrun("policy", "recipes/private-endpoints.lua", "vpc=" .. vpc,
      "--sandbox=" .. folder .. "/a.json")
    assert.equal(0, printed.code, printed.stderr)
    assert.truthy(statement_of(json.decode(printed.stdout), "ec2:CreateVpcEndpoint"))
    assert.matches("%d+ actions, %d+ of 6144 characters; enough to create, read and destroy it",
      printed.stderr)
    assert.equal(2, eksrun("policy", "recipes/private-endpoints.lua", "vpc=vpc-0123456789abcdef0").code)
  end)
end)
