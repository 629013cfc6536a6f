-- The methods of a cluster: what they declare, in which order, and what they refuse.
local kits = require "tests.spec.support.kits"
local ref = require "eksrun.engine.ref"

local refuses = kits.refuses

local IMAGES = {}

local fake_aws = {
  region = function() return "us-east-1" end,
  partition = function() return "aws" end,
  account = function() return "123456789012" end,
  try = {
    ssm = {
      get_parameter = function(_, params)
        local image = IMAGES[params.Name]
        if image then return { Parameter = { Value = image } } end
        return nil, { message = "no such parameter" }
      end,
    },
  },
}

describe("a cluster", function()
  local graph, cluster, eks

  local function create(more)
    local options = { name = "demo", version = "1.33", subnets = { "subnet-1", "subnet-2" } }
    for key, value in pairs(more or {}) do options[key] = value end
    return cluster.create(options)
  end

  before_each(function()
    cluster, graph = kits.open("eksrun.cluster", fake_aws)
    local path = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/"
    IMAGES = { [path .. "arm64/standard/recommended/image_id"] = "ami-arm" }
    eks = create()
  end)

  after_each(kits.close)

  it("shows of itself what a person may want, where a recipe returns it", function()
    local shown = getmetatable(eks).__outputs(eks)
    assert.equal("demo", shown.name)
    assert.is_true(ref.is(shown.endpoint))
    assert.is_nil(shown.kept)
    assert.is_nil(shown.resource)
  end)

  local function node(address) return assert(graph.by_address[address], address .. " is not declared") end

  local function needs(address, other)
    for _, one in ipairs(graph:dependencies(node(address))) do
      if one.address == other or needs(one.address, other) then return true end
    end
    return false
  end

  -- The inputs of an address, with every ref read from the table of what is known.
  local function inputs(address, known)
    return ref.resolve(node(address).inputs, function(of) return known and known[of.address] end)
  end

  local NODES = { name = "n", instance_types = { "m7g.large" }, subnets = { "subnet-1" } }

  local function nodes(more)
    local options = {}
    for key, value in pairs(NODES) do options[key] = value end
    for key, value in pairs(more or {}) do options[key] = value end
    return options
  end

  describe("add-ons", function()
    it("come before or after the nodes, wherever they are declared", function()
      eks:addon "coredns"
      eks:addon "kube-proxy"
      eks:managed_nodes(nodes { name = "a" })
      eks:self_managed_nodes(nodes { name = "b" })
      eks:addon "vpc-cni"
      eks:addon { "metrics-server", before_nodes = true }
      for _, group in ipairs { "nodes/a", "nodes/b" } do
        for _, early in ipairs { "vpc-cni", "kube-proxy", "metrics-server" } do
          assert.is_true(needs(group, "addons/" .. early), group .. " " .. early)
          assert.is_false(needs("addons/" .. early, group))
        end
        assert.is_true(needs("addons/coredns", group))
      end
      graph:order() -- raises on a cycle
    end)

    it("carry versions, configurations and roles", function()
      eks:addon { "coredns", version = "v1.2.3-eksbuild.1", configuration = { replicaCount = 3 } }
      local coredns = inputs "addons/coredns"
      assert.equal("v1.2.3-eksbuild.1", coredns.addonVersion)
      assert.same({ replicaCount = 3 }, coredns.configurationValues)
      assert.equal("OVERWRITE", coredns.resolveConflicts)
      eks:addon { "aws-ebs-csi-driver", pod_identity = true }
      local role = { ["addons/aws-ebs-csi-driver/role"] = { Arn = "arn:role" } }
      assert.same({ { serviceAccount = "ebs-csi-controller-sa", roleArn = "arn:role" } },
        inputs("addons/aws-ebs-csi-driver", role).podIdentityAssociations)
      assert.same({ "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy" },
        inputs("addons/aws-ebs-csi-driver/role").PolicyArns)
    end)

    it("wait for the agent where they use pod identity", function()
      eks:addon { "aws-efs-csi-driver", pod_identity = true }
      eks:addon { "other", pod_identity = { service_account = "x", role = "arn:aws:iam::1:role/x" } }
      eks:addon "eks-pod-identity-agent"
      assert.is_true(needs("addons/aws-efs-csi-driver", "addons/eks-pod-identity-agent"))
      assert.is_true(needs("addons/other", "addons/eks-pod-identity-agent"))
    end)

    it("refuse what means nothing", function()
      refuses("unknown field 'verson'; did you mean 'version'?", eks.addon, eks, { "coredns", verson = "1" })
      refuses("unknown field 'name'; the name comes first, without a key", eks.addon, eks,
        { name = "coredns" })
      refuses("addon x: pod_identity: unknown field 'roles'", eks.addon, eks,
        { "x", pod_identity = { roles = 1 } })
      refuses("addon x: pod_identity wants a table", eks.addon, eks, { "x", pod_identity = true })
      refuses("not both", eks.addon, eks, { "x", role = "arn:a", pod_identity = true })
      refuses("addon is called with a colon", eks.addon, "coredns")
    end)
  end)

  describe("self-managed nodes", function()
    local KNOWN = {
      ["cluster/control-plane"] = {
        endpoint = "https://e", certificateAuthority = { data = "Q0E=" }, serviceIpv4Cidr = "172.20.0.0/16",
        clusterSecurityGroupId = "sg-1",
      },
      ["nodes/self-managed/profile"] = { Arn = "arn:profile" },
      ["nodes/self-managed/role"] = { Arn = "arn:role", RoleName = "role" },
      ["nodes/n/template"] = { LaunchTemplateId = "lt-1", LatestVersionNumber = 3 },
    }

    it("join by a NodeConfig made of the cluster's values", function()
      eks:self_managed_nodes(nodes {
        labels = { zone = "b", app = "a" },
        taints = { { key = "gpu", value = "yes", effect = "NO_SCHEDULE" } },
        max_pods = 58,
        script = "#!/bin/sh\necho hello",
      })
      local data = inputs("nodes/n/template", KNOWN).LaunchTemplateData
      assert.equal([[
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="eksrun-part"

--eksrun-part
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
echo hello
--eksrun-part
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: "demo"
    apiServerEndpoint: "https://e"
    certificateAuthority: "Q0E="
    cidr: "172.20.0.0/16"
  kubelet:
    config:
      maxPods: 58
    flags:
      - "--node-labels=app=a,zone=b"
      - "--register-with-taints=gpu=yes:NoSchedule"
--eksrun-part--
]], data.UserData)
      assert.equal("ami-arm", data.ImageId)
      assert.same({ "sg-1" }, data.SecurityGroupIds)
      assert.same({ Arn = "arn:profile" }, data.IamInstanceProfile)
      assert.same({ HttpTokens = "required", HttpPutResponseHopLimit = 1 }, data.MetadataOptions)
      local group = inputs("nodes/n", KNOWN)
      assert.same({ LaunchTemplateId = "lt-1", Version = "3" }, group.LaunchTemplate)
      assert.equal("owned", node("nodes/n").tags["kubernetes.io/cluster/demo"])
      local entry = inputs("nodes/self-managed/access", KNOWN)
      assert.same({ "arn:role", "EC2_LINUX" }, { entry.principalArn, entry.type })
      assert.is_true(needs("nodes/n", "nodes/self-managed/access"))
    end)

    it("without labels and limits have no kubelet section", function()
      eks:self_managed_nodes(nodes())
      local data = inputs("nodes/n/template", KNOWN).LaunchTemplateData
      assert.is_nil(data.UserData:find("kubelet", 1, true))
      assert.is_truthy(data.UserData:find('cidr: "172.20.0.0/16"\n--eksrun-part--\n', 1, true))
    end)

    it("let pods see the metadata only when told", function()
      eks:self_managed_nodes(nodes { metadata_for_pods = true })
      local data = inputs("nodes/n/template", KNOWN).LaunchTemplateData
      assert.equal(2, data.MetadataOptions.HttpPutResponseHopLimit)
    end)

    it("mix several types, and spot", function()
      eks:self_managed_nodes(nodes {
        instance_types = { "m7g.large", "m6g.large" }, capacity = "SPOT", min = 0,
      })
      local group = inputs("nodes/n", KNOWN)
      assert.is_nil(group.LaunchTemplate)
      assert.same({ { InstanceType = "m7g.large" }, { InstanceType = "m6g.large" } },
        group.MixedInstancesPolicy.LaunchTemplate.Overrides)
      assert.equal(0, group.MixedInstancesPolicy.InstancesDistribution.OnDemandPercentageAboveBaseCapacity)
    end)

    it("share a role and its access entry, but for a role that is given", function()
      eks:self_managed_nodes(nodes { name = "a" })
      eks:self_managed_nodes(nodes { name = "b" })
      eks:self_managed_nodes(nodes { name = "c", role = "arn:aws:iam::1:role/path/own" })
      eks:access { principal = "arn:aws:iam::1:role/path/own", type = "EC2_LINUX" }
      assert.equal("own", inputs("nodes/c/profile").RoleName)
      assert.is_true(needs("nodes/c", "access/own"))
      local roles = 0
      for _, one in ipairs(graph.nodes) do
        if one.address:find("^nodes/") and one.type.name == "iam.role" then roles = roles + 1 end
      end
      assert.equal(1, roles)
    end)

    it("refuse what would fail later", function()
      refuses("no image for Kubernetes 1.33: /aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64",
        eks.self_managed_nodes, eks, nodes { instance_types = { "m7i.large" } })
      refuses("need different images", eks.self_managed_nodes, eks,
        nodes { instance_types = { "m7i.large", "m7g.large" } })
      refuses("a taint wants a key and an effect (NO_EXECUTE, NO_SCHEDULE, PREFER_NO_SCHEDULE)",
        eks.self_managed_nodes, eks, nodes { taints = { { key = "a", effect = "NoSchedule" } } })
      refuses("these must ascend", eks.self_managed_nodes, eks, nodes { min = 3, max = 1 })
      refuses("at least one instance type", eks.self_managed_nodes, eks, nodes { instance_types = {} })
      refuses("capacity is 'ON_DEMAND' or 'SPOT', not 'spot'", eks.self_managed_nodes, eks,
        nodes { capacity = "spot" })
      graph.nodes, graph.by_address = {}, {}
      local old = create { authentication_mode = "CONFIG_MAP" }
      refuses("access entries want authentication_mode", old.self_managed_nodes, old, nodes())
      refuses("access entries want authentication_mode", old.access, old,
        { principal = "arn:aws:iam::1:role/a" })
    end)
  end)

  describe("access", function()
    it("takes short names of policies, scopes and groups", function()
      eks:access {
        principal = "arn:aws:iam::1:role/ops/Ops",
        policies = { "AmazonEKSClusterAdminPolicy", { "AmazonEKSViewPolicy", namespaces = { "web" } } },
        groups = { "ops" },
      }
      assert.same({ "ops" }, inputs("access/Ops").kubernetesGroups)
      local admin = inputs "access/Ops/AmazonEKSClusterAdminPolicy"
      assert.equal("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", admin.policyArn)
      assert.same({ type = "cluster" }, admin.accessScope)
      assert.same({ type = "namespace", namespaces = { "web" } },
        inputs("access/Ops/AmazonEKSViewPolicy").accessScope)
      assert.is_true(needs("access/Ops/AmazonEKSViewPolicy", "access/Ops"))
    end)

    it("wants an ARN, or what has one", function()
      for reason, principal in pairs {
        ["123456789012:role/ops, got 'ops'"] = "ops",
        ["got 'arn:aws:iam::1:role'"] = "arn:aws:iam::1:role",
        ["got 'arn:aws:sts::1:assumed-role/ops/me'"] = "arn:aws:sts::1:assumed-role/ops/me",
        ["got number"] = 7,
      } do
        refuses("access: field 'principal' wants an iam.role or the ARN of a role or user", eks.access, eks,
          { principal = principal })
        refuses(reason, eks.access, eks, { principal = principal })
      end
      eks:access { principal = "arn:aws-cn:iam::123456789012:user/a/b" }
      eks:access { principal = eks.arn, name = "ref" }
      assert.is_truthy(graph.by_address["access/b"])
      assert.is_truthy(graph.by_address["access/ref"])
    end)

    it("wants a name where the principal has none yet", function()
      local role = require("eksrun.iam").role_for { "ops", trust = "ec2" }
      refuses("field 'name' is required", eks.access, eks, { principal = role })
      eks:access { principal = role, name = "ops" }
      assert.equal("arn:ops", inputs("access/ops", { ops = { Arn = "arn:ops" } }).principalArn)
    end)
  end)

  it("gives service accounts roles by pod identity", function()
    eks:pod_identity {
      namespace = "web", service_account = "api",
      statements = { { Action = "s3:GetObject", Resource = "*" } },
    }
    local role = inputs("pods/web/api/role", { ["pods/web/api/role/policy"] = { Arn = "arn:policy" } })
    assert.same({ "arn:policy" }, role.PolicyArns)
    local statement = role.AssumeRolePolicyDocument.Statement[1]
    assert.equal("pods.eks.amazonaws.com", statement.Principal.Service)
    assert.same({ "sts:AssumeRole", "sts:TagSession" }, statement.Action)
    assert.same({ Version = "2012-10-17", Statement = {
      { Effect = "Allow", Action = "s3:GetObject", Resource = "*" },
    } }, inputs("pods/web/api/role/policy").PolicyDocument)
    for reason, wrong in pairs {
      ["iam.role_for: statement 2: unknown field 'Resourc'; did you mean 'Resource'"] = { Resourc = "*" },
      ["iam.role_for: statement 2: unknown field 'Principal'"] = { Principal = "*" },
    } do
      refuses(reason, eks.pod_identity, eks, {
        namespace = "web", service_account = "other", statements = { { Action = "s3:*" }, wrong },
      })
    end
    refuses("one of 'role', 'policies' and 'statements' is required", eks.pod_identity, eks,
      { namespace = "a", service_account = "b" })
    refuses("not both", eks.pod_identity, eks,
      { namespace = "a", service_account = "b", role = "arn:x", policies = {} })
  end)

  it("gives service accounts roles by their tokens", function()
    eks:service_account_role { namespace = "kube-system", name = "lb", policies = { "X" } }
    eks:service_account_role { namespace = "team", name = "*", policies = { "Y" } }
    local known = {
      ["cluster/control-plane"] = { identity = { oidc = { issuer = "https://oidc.example/id/A" } } },
      ["cluster/oidc"] = { OpenIDConnectProviderArn = "arn:provider" },
    }
    assert.equal("https://oidc.example/id/A", inputs("cluster/oidc", known).Url)
    local trust = inputs("pods/kube-system/lb/irsa-role", known).AssumeRolePolicyDocument
    assert.same({
      Effect = "Allow",
      Action = "sts:AssumeRoleWithWebIdentity",
      Principal = { Federated = "arn:provider" },
      Condition = { StringEquals = {
        ["oidc.example/id/A:aud"] = "sts.amazonaws.com",
        ["oidc.example/id/A:sub"] = "system:serviceaccount:kube-system:lb",
      } },
    }, trust.Statement[1])
    assert.same({
      StringEquals = { ["oidc.example/id/A:aud"] = "sts.amazonaws.com" },
      StringLike = { ["oidc.example/id/A:sub"] = "system:serviceaccount:team:*" },
    }, inputs("pods/team/all/irsa-role", known).AssumeRolePolicyDocument.Statement[1].Condition)
  end)

  it("runs pods on Fargate by a role of its own profiles", function()
    eks:fargate_profile {
      name = "web", subnets = { "subnet-1" },
      selectors = { "default", { namespace = "web", labels = { tier = "front" } } },
    }
    eks:fargate_profile { name = "jobs", subnets = { "subnet-1" }, selectors = { "jobs" } }
    eks:addon { "coredns", configuration = { computeType = "Fargate" } }
    assert.same({ { namespace = "default" }, { namespace = "web", labels = { tier = "front" } } },
      inputs("fargate/web").selectors)
    local statement = inputs("fargate/role").AssumeRolePolicyDocument.Statement[1]
    assert.equal("arn:aws:eks:us-east-1:123456789012:fargateprofile/demo/*",
      statement.Condition.ArnLike["aws:SourceArn"])
    assert.is_true(needs("addons/coredns", "fargate/web"))
    refuses("1 to 5 namespaces", eks.fargate_profile, eks,
      { name = "x", subnets = { "s" }, selectors = { "a", "b", "c", "d", "e", "f" } })
    refuses("field 'subnets' is required", eks.fargate_profile, eks, { name = "x", selectors = { "a" } })
  end)

  describe("as a whole", function()
    before_each(function() graph.nodes, graph.by_address = {}, {} end)

    it("has Auto Mode on or off in all its parts", function()
      create { compute = "auto" }
      local plane = inputs("cluster/control-plane", { ["cluster/node-role"] = { Arn = "arn:nodes" } })
      assert.same({ enabled = true, nodePools = { "general-purpose", "system" }, nodeRoleArn = "arn:nodes" },
        plane.computeConfig)
      assert.same({ blockStorage = { enabled = true } }, plane.storageConfig)
      assert.same({ elasticLoadBalancing = { enabled = true } }, plane.kubernetesNetworkConfig)
      assert.is_false(plane.bootstrapSelfManagedAddons)
      assert.equal(5, #inputs("cluster/role").PolicyArns)
      graph.nodes, graph.by_address = {}, {}
      create { compute = "none" }
      plane = inputs "cluster/control-plane"
      assert.same({ enabled = false }, plane.computeConfig)
      assert.is_nil(plane.bootstrapSelfManagedAddons)
      assert.is_nil(graph.by_address["cluster/node-role"])
      local resource = require("eksrun.eks").cluster
      refuses("Auto Mode is on or off as a whole: computeConfig.enabled is true", resource, {
        "half", name = "x", roleArn = "arn:x", resourcesVpcConfig = {}, computeConfig = { enabled = true },
      })
      refuses("compute is 'auto' or 'none', not 'on'", create, { compute = "on" })
      refuses("node_pools are Auto Mode's", create, { node_pools = { "system" } })
      refuses("Auto Mode wants authentication_mode", create,
        { compute = "auto", authentication_mode = "CONFIG_MAP" })
    end)

    it("makes its log group and its key before itself", function()
      create { logs = { "audit" }, log_retention = 30, encryption = true }
      assert.equal("/aws/eks/demo/cluster", inputs("cluster/logs").logGroupName)
      assert.is_true(needs("cluster/control-plane", "cluster/logs"))
      assert.same({ { resources = { "secrets" }, provider = { keyArn = "arn:key" } } },
        inputs("cluster/control-plane", { ["cluster/key"] = { Arn = "arn:key" } }).encryptionConfig)
      graph.nodes, graph.by_address = {}, {}
      create { encryption = "arn:aws:kms:x" }
      assert.is_nil(graph.by_address["cluster/key"])
      assert.equal("arn:aws:kms:x", inputs("cluster/control-plane").encryptionConfig[1].provider.keyArn)
    end)
  end)
end)
