-- What lives in a cluster: moto knows none of it but node groups and Fargate profiles.
local diff = require "eksrun.engine.diff"
local fake = require "tests.spec.support.fake_aws"
local json = require "eksrun.json"
local resource = require "eksrun.resource"
local task = require "eksrun.task"

local OWN, type_with = fake.OWN, fake.type_with

local CLUSTER = { cluster = { name = "c", status = "ACTIVE", tags = OWN } }

describe("what lives in a cluster", function()
  local sleep = task.sleep

  setup(function() task.sleep = function() end end)
  teardown(function() task.sleep = sleep end)

  describe("eks.cluster", function()
    local BEFORE = { name = "c", encryptionConfig = {}, resourcesVpcConfig = {} }
    local DONE = { update = { id = "u", status = "Successful" } }

    it("switches Auto Mode in one call, with all of its parts", function()
      local cluster, ctx, calls = type_with("eks.cluster", {
        update_cluster_config = DONE, describe_cluster = CLUSTER,
      })
      local inputs = {
        computeConfig = { enabled = true, nodePools = { "system" }, nodeRoleArn = "arn:r" },
        storageConfig = { blockStorage = { enabled = true } },
        kubernetesNetworkConfig = {
          serviceIpv4Cidr = "10.1.0.0/16", elasticLoadBalancing = { enabled = true },
        },
      }
      local changes = diff.compare(cluster.inputs, inputs, {
        kubernetesNetworkConfig = { serviceIpv4Cidr = "10.1.0.0/16" },
      })
      local changed = {}
      for _, change in ipairs(changes) do
        changed[change.input] = true
        assert.is_false(change.replaces, change.path)
      end
      assert.same({ computeConfig = true, storageConfig = true, kubernetesNetworkConfig = true }, changed)
      cluster.update(ctx, BEFORE, inputs, changed)
      assert.same({
        name = "c",
        computeConfig = inputs.computeConfig,
        storageConfig = inputs.storageConfig,
        kubernetesNetworkConfig = { elasticLoadBalancing = { enabled = true } },
      }, calls.update_cluster_config)
      assert.equal(2, #calls)
    end)

    it("is replaced by another range of its services, not by its load balancing", function()
      local cluster = type_with("eks.cluster", {})
      local function range(cidr) return { kubernetesNetworkConfig = { serviceIpv4Cidr = cidr } } end
      local changes = diff.compare(cluster.inputs, range "10.2.0.0/16", range "10.1.0.0/16")
      assert.equal(1, #changes)
      assert.is_true(changes[1].replaces)
    end)

    it("refuses a version that is no single step up, and says what to do", function()
      local cluster = type_with("eks.cluster", {})
      local function refusal(has, wanted)
        return cluster.refuse {
          record = { name = "c", version = has, resourcesVpcConfig = {} },
          inputs = { version = wanted, resourcesVpcConfig = {} },
        }
      end
      assert.equal("version 1.34 -> 1.36: EKS goes up one minor version at a time: 1.35 first",
        refusal("1.34", "1.36"))
      assert.equal("version 1.34 -> 1.33: a recipe takes no cluster back: keep version 1.34; EKS rolls an "
        .. "upgrade back for some days: eksrun call eks update-cluster-version --name c "
        .. "--kubernetes-version 1.33", refusal("1.34", "1.33"))
      assert.equal("version 1.34 -> 1.31: a recipe takes no cluster back: keep version 1.34",
        refusal("1.34", "1.31"))
      assert.equal("version 1.9 -> 1.11: EKS goes up one minor version at a time: 1.10 first",
        refusal("1.9", "1.11"))
      for _, fine in ipairs { { "1.34", "1.34" }, { "1.34", "1.35" }, { "1.9", "1.10" }, { "1.34" }, {} } do
        assert.is_nil(refusal(fine[1], fine[2]))
      end
      assert.is_nil(refusal("1.34", require("eksrun.engine.ref").unknown))
    end)

    it("takes on encryption once", function()
      local cluster, ctx, calls = type_with("eks.cluster", {
        associate_encryption_config = DONE, describe_cluster = CLUSTER,
      })
      local inputs = { encryptionConfig = { { resources = { "secrets" }, provider = { keyArn = "arn:k" } } } }
      assert.equal(1, #diff.compare(cluster.inputs, inputs, {}))
      assert.same({}, diff.compare(cluster.inputs, inputs, inputs))
      cluster.update(ctx, BEFORE, inputs, { encryptionConfig = true })
      assert.same(inputs.encryptionConfig, calls.associate_encryption_config.encryptionConfig)
      local ok, err = pcall(cluster.update, ctx, { name = "c", encryptionConfig = inputs.encryptionConfig }, {
        encryptionConfig = { { resources = { "secrets" }, provider = { keyArn = "arn:other" } } },
      }, { encryptionConfig = true })
      assert.is_false(ok)
      assert.matches("the key cannot be changed or taken away", tostring(err))
    end)
  end)

  it("eks.nodegroup: tells what helps where EC2 has no room", function()
    local message = "We currently do not have sufficient g5.xlarge capacity in the Availability Zone you "
      .. "requested (eu-west-1a). Launching EC2 instance failed."
    local group, ctx = type_with("eks.nodegroup", {
      describe_nodegroup = { nodegroup = {
        nodegroupName = "n", clusterName = "c", status = "CREATE_FAILED",
        health = { issues = { { code = "AsgInstanceLaunchFailures", message = message } } },
      } },
    })
    local ok, err = pcall(group.ready, ctx, { clusterName = "c", nodegroupName = "n" })
    assert.is_false(ok)
    assert.matches("instance failed; give the node group further instance types, or subnets in other zones",
      tostring(err), 1, true)
  end)

  it("eks.fargate_profile: selectors without labels are the same however AWS says so", function()
    local profile, ctx = type_with("eks.fargate_profile", {
      list_clusters = { clusters = { "c" } },
      describe_cluster = CLUSTER,
      list_fargate_profiles = { fargateProfileNames = { "f" } },
      describe_fargate_profile = { fargateProfile = {
        fargateProfileName = "f", clusterName = "c", status = "ACTIVE", tags = OWN,
        selectors = { { namespace = "a", labels = {} }, { namespace = "b", labels = { x = "y" } } },
      } },
    })
    local record = profile.observe(ctx, {})[1]
    assert.same({}, diff.compare(profile.inputs, {
      selectors = { { namespace = "b", labels = { x = "y" } }, { namespace = "a" } },
    }, record))
  end)

  describe("eks.addon", function()
    it("is found in the stack's clusters, declared or not", function()
      local addon, ctx, calls = type_with("eks.addon", {
        list_clusters = { clusters = { "c" } },
        describe_cluster = CLUSTER,
        list_addons = { addons = { "coredns", "vpc-cni" } },
        describe_addon = function(params)
          local name = params.addonName
          return { addon = { clusterName = "c", addonName = name, status = "ACTIVE", tags = OWN } }
        end,
      })
      local found = addon.observe(ctx, { { clusterName = "c", addonName = "coredns" } })
      assert.equal(2, #found)
      local describes = 0
      for _, operation in ipairs(fake.operations(calls)) do
        if operation == "describe_addon" then describes = describes + 1 end
      end
      assert.equal(2, describes)
    end)

    it("stays DEGRADED until a node comes", function()
      local statuses = { "CREATING", "DEGRADED", "ACTIVE" }
      local addon, ctx = type_with("eks.addon", {
        describe_addon = function()
          return { addon = { addonName = "coredns", status = table.remove(statuses, 1) } }
        end,
      })
      assert.equal("ACTIVE", addon.ready(ctx, { clusterName = "c", addonName = "coredns" }).status)
    end)

    it("fails with EKS's reason", function()
      local addon, ctx = type_with("eks.addon", {
        describe_addon = { addon = {
          status = "CREATE_FAILED", health = { issues = { { code = "AccessDenied", message = "no role" } } },
        } },
      })
      local ok, err = pcall(addon.ready, ctx, { clusterName = "c", addonName = "coredns" })
      assert.is_false(ok)
      assert.matches("CREATE_FAILED: AccessDenied: no role", tostring(err), 1, true)
    end)

    it("compares configuration by meaning, and keeps a version that is not declared", function()
      local addon, ctx, calls = type_with("eks.addon", { update_addon = {} })
      assert.same({}, diff.compare(addon.inputs, { configurationValues = { replicaCount = 2 } },
        { configurationValues = '{ "replicaCount" : 2 }' }))
      addon.update(ctx, { clusterName = "c", addonName = "coredns", addonVersion = "v1" },
        { clusterName = "c", addonName = "coredns", configurationValues = { replicaCount = 3 } },
        { configurationValues = true })
      assert.equal("v1", calls.update_addon.addonVersion)
      assert.equal('{"replicaCount":3}', calls.update_addon.configurationValues)
    end)
  end)

  it("is not looked for where the cluster is only being made", function()
    for _, status in ipairs { "CREATING", "FAILED" } do
      local entry, ctx, calls = type_with("eks.access_entry", {
        list_clusters = { clusters = { "c" } },
        describe_cluster = { cluster = { name = "c", status = status, tags = OWN } },
        list_access_entries = { accessEntries = { "arn:ours" } },
      })
      assert.same({}, entry.observe(ctx, {}))
      assert.is_nil(calls.list_access_entries, status)
    end
  end)

  describe("eks.access_entry and its policies", function()
    it("belong to the stack together", function()
      local policy, ctx = type_with("eks.access_policy_association", {
        list_clusters = { clusters = { "c" } },
        describe_cluster = CLUSTER,
        list_access_entries = { accessEntries = { "arn:ours", "arn:theirs" } },
        describe_access_entry = function(params)
          return { accessEntry = {
            clusterName = "c", principalArn = params.principalArn,
            tags = params.principalArn == "arn:ours" and OWN or {},
          } }
        end,
        list_associated_access_policies = function(params)
          assert.equal("arn:ours", params.principalArn)
          return { associatedAccessPolicies = {
            { policyArn = "arn:admin", accessScope = { type = "namespace", namespaces = { "b", "a" } } },
          } }
        end,
      })
      local found = policy.observe(ctx, {})
      assert.equal(1, #found)
      assert.equal("c|arn:ours|arn:admin", policy:key_of(found[1]))
      ctx.sweep, ctx.memo = false, {}
      assert.equal(0, #policy.observe(ctx, {}))
      assert.same(found, policy.observe(ctx, { { clusterName = "c", principalArn = "arn:ours" } }))
      assert.same({}, diff.compare(policy.inputs,
        { accessScope = { type = "namespace", namespaces = { "a", "b" } } }, found[1]))
      local changes = diff.compare(policy.inputs, { accessScope = { type = "cluster" } }, found[1])
      assert.equal("accessScope.type", changes[1].path)
    end)

    it("changes groups alone", function()
      local entry, ctx, calls = type_with("eks.access_entry", {})
      entry.update(ctx, { clusterName = "c", principalArn = "arn:p" },
        { kubernetesGroups = { "viewers" }, username = "u" }, { kubernetesGroups = true })
      assert.same({
        clusterName = "c", principalArn = "arn:p", kubernetesGroups = { "viewers" },
        clientRequestToken = "token-1",
      }, calls.update_access_entry)
    end)
  end)

  describe("eks.pod_identity_association", function()
    it("is found by namespace and service account, and described by AWS's id", function()
      local association, ctx, calls = type_with("eks.pod_identity_association", {
        list_clusters = { clusters = {} },
        describe_cluster = CLUSTER,
        list_pod_identity_associations = { associations = {
          { namespace = "n", serviceAccount = "s", associationId = "a-1" },
        } },
        describe_pod_identity_association = { association = {
          clusterName = "c", namespace = "n", serviceAccount = "s", associationId = "a-1", roleArn = "arn:r",
          tags = OWN,
        } },
      })
      local found = association.observe(ctx, { { clusterName = "c", namespace = "n", serviceAccount = "s" } })
      assert.equal(1, #found)
      assert.same({ clusterName = "c", associationId = "a-1" }, calls.describe_pod_identity_association)
      assert.equal("c|n|s", association:key_of(found[1]))
    end)

    it("takes a policy as text or as a table, and sends text", function()
      local policy = { Statement = { { Action = "s3:GetObject", Effect = "Allow", Resource = "*" } } }
      for _, given in ipairs { policy, json.encode(policy) } do
        local association, ctx, calls = type_with("eks.pod_identity_association", {})
        local inputs = { clusterName = "c", namespace = "n", serviceAccount = "s", policy = given }
        association.create(ctx, inputs)
        association.update(ctx, { clusterName = "c", associationId = "a-1" }, inputs, { policy = true })
        assert.same(policy, json.decode(calls.create_pod_identity_association.policy))
        assert.same(policy, json.decode(calls.update_pod_identity_association.policy))
      end
    end)
  end)

  describe("eks.fargate_profile", function()
    it("is made and deleted one at a time in a cluster, and never changed", function()
      local profile = resource.get "eks.fargate_profile"
      assert.equal(profile.exclusive.create, profile.exclusive.delete)
      assert.is_nil(profile.update)
      local changes = diff.compare(profile.inputs, { selectors = { { namespace = "b" } } },
        { selectors = { { namespace = "a" } } })
      assert.is_true(changes[1].replaces)
    end)
  end)
end)
