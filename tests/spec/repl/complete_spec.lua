local complete = require "eksrun.repl.complete"
local lookup = require "eksrun.repl.lookup"
local names = require "eksrun.repl.names"
local scan = require "eksrun.repl.scan"
local session = require "eksrun.repl.session"
local text = require "eksrun.text"

local env

local function completion(before) return complete.complete(env, before) end

local function offered(before)
  local out = {}
  for i, candidate in ipairs(completion(before).list) do out[i] = candidate[1] end
  return out
end

local function has(list, word)
  for _, one in ipairs(list) do
    if one == word then return true end
  end
  return false
end

describe("completion", function()
  before_each(function() env = session.new().env end)

  it("knows services, session names, globals and keywords", function()
    assert.same({ "eks", "eks_auth", "eksrun" }, offered "ek")
    env.elephant = 1
    assert.is_true(has(offered "x = el", "elephant"))
    assert.is_true(has(offered "loc", "local"))
    assert.is_true(has(offered "for _, v in ipa", "ipairs"))
  end)

  it("offers operations of a client, however it is named", function()
    for _, client in ipairs { "eks", "aws.eks", "aws.try.eks", "eks.try", "mine" } do
      env.mine = env.eks
      local found = offered(client .. ":describe_clus")
      assert.same({ "describe_cluster", "describe_cluster_versions" }, found, client)
    end
    assert.is_true(completion("eks.describe_clus").colon)
    assert.is_falsy(completion("eks:describe_clus").colon)
    assert.same({ "try" }, offered "eks.tr")
    assert.is_falsy(completion("eks.tr").colon)
  end)

  it("offers parameters that are not given yet, the required ones first", function()
    local list = completion("eks:describe_nodegroup { ").list
    assert.same({ "clusterName", "required", ends = " = " }, list[1])
    assert.same({ "nodegroupName", "required", ends = " = " }, list[2])
    assert.same({ "nodegroupName" }, offered "eks:describe_nodegroup({ clusterName = 'a', ")
    assert.same({ "subnetIds" }, offered "eks:create_cluster { name = 'x', resourcesVpcConfig = { sub")
    assert.same({ "Key" }, offered "ec2:create_tags { Tags = { { Value = 'x', K")
  end)

  it("offers values", function()
    assert.same({ "SPOT" }, offered "eks:create_nodegroup { capacityType = 'SP")
    assert.equal("'", completion("eks:create_nodegroup { capacityType = 'SP").list[1].ends)
    assert.same({ '"CAPACITY_BLOCK"', '"ON_DEMAND"', '"SPOT"' },
      offered "eks:create_nodegroup { capacityType = ")
    assert.same({ "false", "true" },
      offered "eks:create_cluster { resourcesVpcConfig = { endpointPublicAccess = ")
    assert.same({ "audit", "authenticator" },
      offered 'eks:create_cluster { logging = { clusterLogging = { { types = { "api", "au')
  end)

  it("offers waiters, operations and services as strings", function()
    assert.same({ "cluster_active", "cluster_deleted" }, offered "eks:wait('cluster")
    assert.same({ "list_clusters" }, offered 'eks:pages "list_cl')
    assert.same({ "ecr", "ecr-public" }, offered "aws.client('ecr")
  end)

  it("offers fields of live values, and runs nothing for it", function()
    local calls = 0
    env.t = setmetatable({ clusters = { { name = "a", next = 1 } }, ["not a name"] = 1, _hidden = 1 },
      { __index = function() calls = calls + 1 end })
    assert.same({ "clusters" }, offered "t.")
    assert.same({ "name", "next" }, offered "t.clusters[1].n")
    assert.same({ "name" }, offered "t['clusters'][1].na")
    assert.same({ "rep", "reverse" }, offered "t.clusters[1].name:re")
    assert.same({}, offered "t.none.x")
    assert.equal(0, calls)
  end)

  it("is silent where anything or nothing may stand", function()
    for _, before in ipairs { "-- ek", "--[[ ek", "x = 'ek", "x = [[ek", "f().e", "('x').e" } do
      assert.same({}, offered(before), before)
    end
    assert.is_true(has(offered "'a' .. to", "tostring"))
  end)

  it("finds the operation that lists what a parameter names", function()
    local function listing(before)
      local question = completion(before).remote
      local found = question and lookup.listing(question)
      return found and found.operation .. " " .. table.concat(found.path, ".")
    end
    for before, wanted in pairs {
      ["eks:describe_cluster { name = '"] = "ListClusters clusters",
      ["eks:describe_addon { clusterName = 'a', addonName = '"] = "ListAddons addons",
      ["eks:describe_fargate_profile { clusterName = 'a', fargateProfileName = '"] =
        "ListFargateProfiles fargateProfileNames",
      ["ec2:describe_subnets { SubnetIds = { '"] = "DescribeSubnets Subnets.SubnetId",
      ["ec2:describe_instances { InstanceIds = { '"] = "DescribeInstances Reservations.Instances.InstanceId",
      ["ec2:describe_security_groups { GroupIds = { '"] = "DescribeSecurityGroups SecurityGroups.GroupId",
      ["iam:get_role { RoleName = '"] = "ListRoles Roles.RoleName",
      ["iam:get_policy { PolicyArn = '"] = "ListPolicies Policies.Arn",
      ["kms:describe_key { KeyId = '"] = "ListKeys Keys.KeyId",
      ["s3:list_objects_v2 { Bucket = '"] = "ListBuckets Buckets.Name",
    } do
      assert.equal(wanted, listing(before), before)
    end
    -- The cluster has to be known.
    assert.is_nil(listing "eks:describe_nodegroup { nodegroupName = '")
    local question = completion("eks:describe_addon { clusterName = 'prod', addonName = '").remote
    assert.same({ clusterName = "prod" }, lookup.listing(question).params)
  end)

  it("fits lists to the screen", function()
    local list = {}
    for i = 1, 90 do list[i] = { ("word-%02d-準備"):format(i), i == 1 and "required" or nil } end
    for columns = 10, 100, 15 do
      local shown = complete.show(list, columns, 5)
      assert.matches("^word%-01%-準備%*", columns >= 20 and shown or "word-01-準備*")
      local rows, cells = 0, 0
      for row in shown:gmatch "[^\n]+" do
        rows = rows + 1
        assert.is_true(text.width(row) <= columns, row)
        cells = cells + select(2, row:gsub("word%-", ""))
      end
      assert.is_true(rows <= 6)
      assert.equal(90 - cells, tonumber(shown:match "(%d+) more\n$"))
    end
  end)
end)

describe("what is kept of a line", function()
  it("is nothing that holds a secret of the model", function()
    env = session.new().env
    local function secret(line) return names.holds_secret(env, scan.scan(line .. " ").frames) end
    assert.is_true(secret "iam:create_login_profile { UserName = 'x', Password = 'p' }")
    assert.is_true(secret "x = aws.iam:create_login_profile({ Password = p })")
    assert.is_false(secret "iam:create_user { UserName = 'x' }")
  end)
end)
