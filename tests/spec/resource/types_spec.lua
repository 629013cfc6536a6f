-- The resource types alone: what they read out of AWS's answers and which calls they make of a change.
local errors = require "eksrun.error"
local fake = require "tests.spec.support.fake_aws"
local json = require "eksrun.json"
local resource = require "eksrun.resource"
local stacks = require "eksrun.engine.stack"

local STACK = fake.STACK
local OWN, ec2_tags, operations, type_with = fake.OWN, fake.tags, fake.operations, fake.type_with

local function not_found() return errors.new { code = "ResourceNotFoundException", message = "none" } end

describe("resource types", function()
  local task = require "eksrun.task"
  local sleep = task.sleep

  setup(function() task.sleep = function() end end)
  teardown(function() task.sleep = sleep end)

  describe("ec2.vpc", function()
    it("sets only the attributes that a new network has otherwise", function()
      local vpc, ctx, calls = type_with("ec2.vpc", {
        create_vpc = { Vpc = { VpcId = "vpc-1", State = "available" } },
      })
      local inputs = { CidrBlock = "10.0.0.0/16", EnableDnsSupport = true, EnableDnsHostnames = true }
      vpc.ready(ctx, vpc.create(ctx, inputs), inputs)
      assert.same({ "create_vpc", "modify_vpc_attribute" }, operations(calls))
      assert.same({ VpcId = "vpc-1", EnableDnsHostnames = { Value = true } }, calls[2][2])
    end)

    it("waits for a new network to be seen", function()
      local missing = errors.new { code = "InvalidVpcID.NotFound", message = "none" }
      local vpc, ctx, calls = type_with("ec2.vpc", {
        describe_vpcs = { one_by_one = {
          missing, { Vpcs = { { State = "pending" } } }, { Vpcs = { { State = "available" } } },
        } },
        modify_vpc_attribute = { one_by_one = { missing, {} } },
      })
      vpc.ready(ctx, { VpcId = "v", State = "pending", EnableDnsHostnames = false },
        { EnableDnsHostnames = true })
      assert.same({
        "describe_vpcs", "describe_vpcs", "describe_vpcs", "modify_vpc_attribute", "modify_vpc_attribute",
      }, operations(calls))
    end)

    it("turns support on first and off last", function()
      local vpc, ctx, calls = type_with("ec2.vpc", {})
      vpc.update(ctx, { VpcId = "v", EnableDnsSupport = false, EnableDnsHostnames = false },
        { EnableDnsSupport = true, EnableDnsHostnames = true })
      vpc.update(ctx, { VpcId = "v", EnableDnsSupport = true, EnableDnsHostnames = true },
        { EnableDnsSupport = false, EnableDnsHostnames = false })
      assert.is_table(calls[1][2].EnableDnsSupport)
      assert.is_table(calls[2][2].EnableDnsHostnames)
      assert.is_table(calls[3][2].EnableDnsHostnames)
      assert.is_table(calls[4][2].EnableDnsSupport)
    end)
  end)

  describe("ec2.internet_gateway", function()
    it("attaches behind the creation, and repairs a lost attachment", function()
      local gateway, ctx, calls = type_with("ec2.internet_gateway", {
        create_internet_gateway = { InternetGateway = { InternetGatewayId = "igw-1" } },
        describe_internet_gateways = {
          InternetGateways = { { InternetGatewayId = "igw-1", Attachments = {}, Tags = ec2_tags(OWN) } },
        },
      })
      gateway.ready(ctx, gateway.create(ctx, {}), { VpcId = "vpc-1" })
      assert.same({ "create_internet_gateway", "attach_internet_gateway" }, operations(calls))
      local found = gateway.observe(ctx, {})[1]
      assert.equal("a", found.address)
      assert.equal("detached", found.VpcId)
      gateway.update(ctx, found, { VpcId = "vpc-2" })
      assert.same({ InternetGatewayId = "igw-1", VpcId = "vpc-2" }, calls[#calls][2])
      assert.equal(4, #calls)
    end)

    it("detaches before it deletes", function()
      local gateway, ctx, calls = type_with("ec2.internet_gateway", {})
      gateway.delete(ctx, { InternetGatewayId = "igw-1", VpcId = "vpc-1" })
      gateway.delete(ctx, { InternetGatewayId = "igw-2", VpcId = "detached" })
      assert.same({ "detach_internet_gateway", "delete_internet_gateway", "delete_internet_gateway" },
        operations(calls))
    end)
  end)

  describe("ec2.nat_gateway", function()
    it("waits while it is pending and says why it failed", function()
      local states = { one_by_one = {
        { NatGateways = { { NatGatewayId = "nat-1", State = "pending" } } },
        { NatGateways = { {
          NatGatewayId = "nat-1", State = "failed",
          FailureCode = "Gateway.NotAttached", FailureMessage = "no way",
        } } },
      } }
      local nat, ctx = type_with("ec2.nat_gateway", { describe_nat_gateways = states })
      local ok, err = pcall(nat.ready, ctx, { NatGatewayId = "nat-1" })
      assert.is_false(ok)
      assert.equal("NAT gateway nat-1 failed: Gateway.NotAttached: no way", err.message)
    end)

    it("does not ask for those that are gone, and knows the pending ones", function()
      local nat, ctx, calls = type_with("ec2.nat_gateway", {
        describe_nat_gateways = { NatGateways = {
          { NatGatewayId = "nat-1", State = "pending", NatGatewayAddresses = { { AllocationId = "e-1" } } },
        } },
      })
      local found = nat.observe(ctx, {})[1]
      assert.is_true(found.pending)
      assert.equal("e-1", found.AllocationId)
      assert.same({ Name = "state", Values = { "pending", "available", "deleting" } }, calls[1][2].Filter[2])
    end)

    it("creates with the token", function()
      local nat, ctx, calls = type_with("ec2.nat_gateway", { create_nat_gateway = { NatGateway = {} } })
      nat.create(ctx, { SubnetId = "s", AllocationId = "e" })
      assert.equal("token-1", calls[1][2].ClientToken)
      assert.equal("natgateway", calls[1][2].TagSpecifications[1].ResourceType)
    end)
  end)

  describe("ec2.route and its table", function()
    local tables = {
      describe_route_tables = { RouteTables = { {
        RouteTableId = "rtb-1",
        Tags = ec2_tags(OWN),
        Routes = {
          { DestinationCidrBlock = "10.0.0.0/16", GatewayId = "local", Origin = "CreateRouteTable" },
          { DestinationCidrBlock = "0.0.0.0/0", NatGatewayId = "nat-1", Origin = "CreateRoute" },
          { DestinationIpv6CidrBlock = "::/0", GatewayId = "igw-1", Origin = "CreateRoute" },
          { DestinationCidrBlock = "9.0.0.0/8", GatewayId = "vgw-1", Origin = "EnableVgwRoutePropagation" },
        },
        Associations = {
          { Main = true, RouteTableAssociationId = "rtbassoc-0" },
          { Main = false, RouteTableAssociationId = "rtbassoc-1", SubnetId = "subnet-1" },
        },
      } } },
    }

    it("reads those that somebody made", function()
      local route, ctx = type_with("ec2.route", tables)
      assert.same({
        { RouteTableId = "rtb-1", DestinationCidrBlock = "0.0.0.0/0", NatGatewayId = "nat-1",
          RouteId = "rtb-1/0.0.0.0/0" },
        { RouteTableId = "rtb-1", DestinationIpv6CidrBlock = "::/0", GatewayId = "igw-1",
          RouteId = "rtb-1/::/0" },
      }, route.observe(ctx, {}))
    end)

    it("sees a target of another kind", function()
      local diff = require "eksrun.engine.diff"
      local route, ctx = type_with("ec2.route", tables)
      local changes = diff.compare(route.inputs, { GatewayId = "igw-1" }, route.observe(ctx, {})[1])
      assert.equal("GatewayId", changes[1].path)
      assert.equal("none", changes[1].from)
    end)

    it("deletes by destination, replaces with the target", function()
      local route, ctx, calls = type_with("ec2.route", tables)
      local found = route.observe(ctx, {})
      route.delete(ctx, found[2])
      assert.same({ RouteTableId = "rtb-1", DestinationIpv6CidrBlock = "::/0" }, calls[2][2])
      local wanted = { RouteTableId = "rtb-1", DestinationCidrBlock = "0.0.0.0/0", GatewayId = "g" }
      route.update(ctx, found[1], wanted)
      assert.same({ "replace_route", wanted }, calls[3])
    end)

    it("reads the associations of subnets, from the same call", function()
      local association, ctx, calls = type_with("ec2.route_table_association", tables)
      assert.same({ { AssociationId = "rtbassoc-1", RouteTableId = "rtb-1", SubnetId = "subnet-1" } },
        association.observe(ctx, {}))
      resource.get("ec2.route_table").observe(ctx, {})
      assert.equal(1, #calls)
    end)
  end)

  describe("iam.role", function()
    local answers = {
      list_roles = { Roles = { { RoleName = "demo-old-us-east-1" }, { RoleName = "other" } } },
      get_role = function(params)
        return { Role = {
          RoleName = params.RoleName,
          AssumeRolePolicyDocument = { Version = "v" },
          Tags = ec2_tags {
            [stacks.TAG_STACK] = STACK, [stacks.TAG_RESOURCE] = "r", [stacks.TAG_REGION] = "us-east-1",
          },
          PermissionsBoundary = { PermissionsBoundaryArn = "arn:b", PermissionsBoundaryType = "Policy" },
        } }
      end,
      list_attached_role_policies = {
        AttachedPolicies = { { PolicyArn = "arn:1" }, { PolicyArn = "arn:2" } },
      },
      list_role_policies = { PolicyNames = { "inline" } },
    }

    it("finds the declared ones and those named like the stack", function()
      local role, ctx = type_with("iam.role", answers)
      local found = role.observe(ctx, { { RoleName = "mine" } })
      table.sort(found, function(a, b) return a.RoleName < b.RoleName end)
      assert.equal(2, #found)
      assert.equal("demo-old-us-east-1", found[1].RoleName)
      assert.same({ "arn:1", "arn:2" }, found[2].PolicyArns)
      assert.is_true(require("eksrun.engine.diff").same_policy('{"Version":"v"}',
        found[2].AssumeRolePolicyDocument))
      assert.equal("arn:b", found[2].PermissionsBoundary)
    end)

    it("attaches and detaches what differs", function()
      local role, ctx, calls = type_with("iam.role", {})
      role.update(ctx, { RoleName = "r", PolicyArns = { "arn:1", "arn:2" } },
        { PolicyArns = { "arn:2", "arn:3" } }, { PolicyArns = true })
      assert.same({
        { "attach_role_policy", { RoleName = "r", PolicyArn = "arn:3" } },
        { "detach_role_policy", { RoleName = "r", PolicyArn = "arn:1" } },
      }, calls)
    end)

    it("waits for a new role to be seen, not for a policy that is not there", function()
      local tries = 0
      local role, ctx = type_with("iam.role", { attach_role_policy = function()
        tries = tries + 1
        if tries < 3 then
          return errors.new { code = "NoSuchEntity", message = "The role with name r cannot be found." }
        end
        return errors.new { code = "NoSuchEntity", message = "Policy x does not exist or is not attachable." }
      end })
      local record = { RoleName = "r", PolicyArns = {} }
      local ok, err = pcall(role.ready, ctx, record, { PolicyArns = { "x" } })
      assert.is_false(ok)
      assert.equal(3, tries)
      assert.matches("is not attachable", err.message)
    end)

    it("is deleted with all that hangs on it", function()
      local role, ctx, calls = type_with("iam.role", answers)
      role.delete(ctx, { RoleName = "r", PolicyArns = { "arn:1" } })
      local seen = {}
      for _, call in ipairs(calls) do
        seen[call[1] .. " " .. (call[2].PolicyArn or call[2].PolicyName or "")] = true
      end
      assert.is_true(seen["detach_role_policy arn:1"] and seen["detach_role_policy arn:2"])
      assert.is_true(seen["delete_role_policy inline"])
      assert.equal("delete_role", calls[#calls][1])
    end)
  end)

  describe("eks.cluster", function()
    local function described(fields)
      local cluster = {
        name = "demo", arn = "arn:demo", status = "ACTIVE", version = "1.33", tags = OWN,
        logging = { clusterLogging = {
          { types = { "api", "audit" }, enabled = true }, { types = { "scheduler" }, enabled = false },
        } },
        resourcesVpcConfig = { subnetIds = { "s-2", "s-1" }, endpointPublicAccess = true },
      }
      for key, value in pairs(fields or {}) do cluster[key] = value end
      return { cluster = cluster }
    end

    it("finds the declared one, and others of the stack", function()
      local cluster, ctx, calls = type_with("eks.cluster", {
        list_clusters = { clusters = { "demo", "old", "foreign", "going" } },
        describe_cluster = function(params)
          if params.name == "foreign" then return described { name = "foreign", tags = {} } end
          if params.name == "going" then return described { name = "going", status = "DELETING" } end
          return described { name = params.name }
        end,
      })
      local names = {}
      for _, record in ipairs(cluster.observe(ctx, { { name = "demo" } })) do
        names[#names + 1] = record.name .. (record.leaving and ", being deleted" or "")
      end
      table.sort(names)
      assert.same({ "demo", "going, being deleted", "old" }, names)
      assert.equal(5, #calls)
    end)

    it("reads which logs are on, and whether it is still becoming ready", function()
      local cluster, ctx = type_with("eks.cluster", { describe_cluster = described { status = "CREATING" } })
      local record = cluster.observe(ctx, { { name = "demo" } })[1]
      assert.same({ "api", "audit" }, { table.unpack(record.logging) })
      assert.is_true(record.pending)
    end)

    it("makes one update of each change and waits for it", function()
      local cluster, ctx, calls = type_with("eks.cluster", {
        describe_cluster = described(),
        update_cluster_config = { update = { id = "u-1", status = "InProgress", type = "LoggingUpdate" } },
        update_cluster_version = { update = { id = "u-2", status = "Successful" } },
        describe_update = { update = { id = "u-1", status = "Successful" } },
      })
      cluster.update(ctx, { name = "demo", resourcesVpcConfig = described().cluster.resourcesVpcConfig }, {
        version = "1.34",
        logging = { "audit" },
        resourcesVpcConfig = { subnetIds = { "s-1", "s-2" }, endpointPublicAccess = false },
      }, { version = true, logging = true, resourcesVpcConfig = true })
      assert.same({
        "update_cluster_config", "describe_update", "describe_cluster",
        "update_cluster_config", "describe_update", "describe_cluster",
        "update_cluster_version", "describe_cluster",
      }, operations(calls))
      assert.same({ endpointPublicAccess = false }, calls[1][2].resourcesVpcConfig)
      local groups = calls[4][2].logging.clusterLogging
      assert.equal("audit", table.concat(groups[1].types, ","))
      assert.equal("api,authenticator,controllerManager,scheduler", table.concat(groups[2].types, ","))
      assert.is_false(groups[2].enabled)
    end)

    it("says why an update failed", function()
      local cluster, ctx = type_with("eks.cluster", {
        update_cluster_version = { update = {
          id = "u", type = "VersionUpdate", status = "Failed",
          errors = { { errorCode = "IpNotAvailable", errorMessage = "no address left" } },
        } },
      })
      local ok, err = pcall(cluster.update, ctx, { name = "demo" }, { version = "1.34" }, { version = true })
      assert.is_false(ok)
      assert.equal("VersionUpdate of cluster demo failed: IpNotAvailable: no address left", err.message)
    end)

    it("waits for an update that EKS does not show yet", function()
      local cluster, ctx, calls = type_with("eks.cluster", {
        update_cluster_version = { update = { id = "u-1", status = "InProgress", type = "VersionUpdate" } },
        describe_update = { one_by_one = {
          not_found(), { update = { id = "u-1", status = "Successful" } },
        } },
        describe_cluster = described {},
      })
      cluster.update(ctx, { name = "demo" }, { version = "1.34" }, { version = true })
      assert.same({ "update_cluster_version", "describe_update", "describe_update", "describe_cluster" },
        operations(calls))
    end)

    it("waits for a namesake that is being deleted, then creates", function()
      local in_use = errors.new { code = "ResourceInUseException", message = "Cluster already exists" }
      local cluster, ctx, calls = type_with("eks.cluster", {
        create_cluster = { one_by_one = { in_use, described { status = "CREATING" } } },
        describe_cluster = { one_by_one = {
          described { status = "DELETING" }, described { status = "DELETING" }, not_found(),
        } },
      })
      local made = cluster.create(ctx, { name = "demo", roleArn = "arn:r", resourcesVpcConfig = {} })
      assert.equal("CREATING", made.status)
      assert.same({
        "create_cluster", "describe_cluster", "describe_cluster", "describe_cluster", "create_cluster",
      }, operations(calls))
      assert.equal("token-1", calls[1][2].clientRequestToken)
      assert.equal(STACK, calls[1][2].tags[stacks.TAG_STACK])
    end)

    it("takes no namesake that lives", function()
      local cluster, ctx = type_with("eks.cluster", {
        create_cluster = errors.new { code = "ResourceInUseException", message = "Cluster already exists" },
        describe_cluster = described(),
      })
      local ok, err = pcall(cluster.create, ctx, { name = "demo" })
      assert.is_false(ok)
      assert.equal("ResourceInUseException", err.code)
    end)

    it("gives up a cluster that has failed, with EKS's reasons", function()
      local cluster, ctx = type_with("eks.cluster", { describe_cluster = described {
        status = "FAILED", health = { issues = { { code = "Other", message = "no luck" } } },
      } })
      local ok, err = pcall(cluster.ready, ctx, { name = "demo" })
      assert.is_false(ok)
      assert.equal("cluster demo is FAILED: Other: no luck", err.message)
    end)

    it("refuses a log type that EKS does not have", function()
      local cluster = resource.get "eks.cluster"
      assert.is_nil(cluster.inputs.logging.check { "api", "scheduler" })
      assert.matches("'apis' is no log type", cluster.inputs.logging.check { "apis" })
    end)
  end)

  describe("eks.nodegroup", function()
    it("finds others of the stack, and asks nothing of clusters that are not there", function()
      local nodegroup, ctx, calls = type_with("eks.nodegroup", {
        list_clusters = { clusters = { "demo" } },
        describe_cluster = function(params)
          if params.name == "gone" then return not_found() end
          return { cluster = { name = "demo", status = "ACTIVE", tags = OWN } }
        end,
        list_nodegroups = { nodegroups = { "old" } },
        describe_nodegroup = function(params)
          if params.clusterName == "gone" then return not_found() end
          return { nodegroup = {
            clusterName = "demo", nodegroupName = params.nodegroupName, status = "ACTIVE", tags = OWN,
          } }
        end,
      })
      local found = nodegroup.observe(ctx, { { clusterName = "gone", nodegroupName = "general" } })
      assert.equal(1, #found)
      assert.equal("old", found[1].nodegroupName)
      for _, call in ipairs(calls) do
        if call[1] == "list_nodegroups" then assert.equal("demo", call[2].clusterName) end
      end
    end)

    it("changes labels, taints and sizes in one update", function()
      local nodegroup, ctx, calls = type_with("eks.nodegroup", {
        describe_nodegroup = { nodegroup = { status = "ACTIVE" } },
        update_nodegroup_config = { update = { id = "u", status = "Successful" } },
      })
      nodegroup.update(ctx, {
        clusterName = "c", nodegroupName = "n",
        labels = { keep = "1", change = "1", go = "1" },
        taints = { { key = "keep", effect = "NO_EXECUTE" }, { key = "go", effect = "NO_SCHEDULE" } },
      }, {
        scalingConfig = { minSize = 0, maxSize = 3 },
        labels = { keep = "1", change = "2", new = "1" },
        taints = { { key = "keep", effect = "NO_EXECUTE" }, { key = "new", effect = "NO_SCHEDULE" } },
      }, { scalingConfig = true, labels = true, taints = true })
      local params = calls[1][2]
      assert.equal("c", params.clusterName)
      assert.same({ minSize = 0, maxSize = 3 }, params.scalingConfig)
      assert.same({ addOrUpdateLabels = { change = "2", new = "1" }, removeLabels = { "go" } }, params.labels)
      assert.same({
        addOrUpdateTaints = { { key = "new", effect = "NO_SCHEDULE" } },
        removeTaints = { { key = "go", effect = "NO_SCHEDULE" } },
      }, params.taints)
      assert.same({ "update_nodegroup_config", "describe_nodegroup" }, operations(calls))
    end)

    it("is compared only where the recipe says something", function()
      local diff = require "eksrun.engine.diff"
      local inputs = resource.get("eks.nodegroup").inputs
      local have = {
        scalingConfig = { minSize = 1, maxSize = 6, desiredSize = 5 }, capacityType = "ON_DEMAND",
        subnets = json.array { "s-2", "s-1" }, diskSize = 20, labels = {},
      }
      assert.same({}, diff.compare(inputs, {
        scalingConfig = { minSize = 1, maxSize = 6 },
        subnets = { "s-1", "s-2" },
        updateConfig = { maxUnavailable = 1 },
      }, have))
      local changes = diff.compare(inputs, {
        scalingConfig = { desiredSize = 4 },
        capacityType = "SPOT",
      }, have)
      assert.equal(2, #changes)
      assert.is_true(changes[1].replaces)
      assert.equal("scalingConfig.desiredSize", changes[2].path)
    end)
  end)
end)
