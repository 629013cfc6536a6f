-- The endpoint of the sandbox's clusters; kubectl's own view of it is in tests/integration.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local kubernetes = require "eksrun.sandbox.kubernetes"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"
local text = require "eksrun.text"
local token = require "eksrun.token"

local OWN = { access_key_id = "AKIAOWN", secret_access_key = "own-secret" }
local NODE_ROLE = "arn:aws:iam::111122223333:role/nodes"

-- A cluster "demo", and what asks it: get(path, options) returns status, decoded body, answer.
local function open(fields)
  local world = sandbox.new { keys = { AKIAOWN = "own-secret" } }
  clock.simulate(world.started)
  local options = world:options()
  options.credentials = OWN
  local aws = require("eksrun.aws").session(options)
  local api = kubernetes.new(world, clock.now, "https://127.0.0.1:1", "certificate")
  local cluster, _, subnets = support.cluster(aws, fields)
  local function get(path, given)
    given = given or {}
    local made = given.token or token.generate {
      cluster = given.cluster or "demo", region = "us-east-1", credentials = given.credentials or OWN,
      now = given.now or clock.now(),
    }
    local answer = api:answer {
      method = given.method or "GET", path = "/clusters/us-east-1/demo" .. path, query = given.query or "",
      headers = { authorization = "Bearer " .. made, accept = given.accept },
    }
    return answer.status, json.try_decode(answer.body or ""), answer
  end
  return get, aws, cluster, subnets, world
end

-- All that a stream writes.
local function read(stream)
  local out = {}
  stream(function(bytes)
    out[#out + 1] = bytes
    return true
  end)
  return table.concat(out)
end

local function add_nodes(aws, subnets, count, name)
  if name == "general" then support.role(aws, "nodes", "ec2.amazonaws.com") end
  aws.eks:create_nodegroup {
    clusterName = "demo", nodegroupName = name, subnets = subnets, nodeRole = NODE_ROLE,
    scalingConfig = { minSize = 0, maxSize = 5, desiredSize = count }, labels = { team = "a" },
    taints = { { key = "k", value = "v", effect = "NO_SCHEDULE" } },
  }
end

describe("a cluster's endpoint in the sandbox", function()
  after_each(support.close)

  it("is where the cluster says it is", function()
    local _, _, cluster = open()
    assert.equal("https://127.0.0.1:1/clusters/us-east-1/demo", cluster.endpoint)
    assert.equal("certificate", require("eksrun.text").unbase64(cluster.certificateAuthority.data))
  end)

  it("is no part of the state: elsewhere the cluster is where AWS has it", function()
    local _, _, _, _, world = open()
    local state = json.decode(json.encode(world:save(clock.now())))
    support.close()
    local aws, again = support.open { state = state }
    local function endpoint() return aws.eks:describe_cluster({ name = "demo" }).cluster.endpoint end
    assert.matches("^https://%x+%.gr7%.us%-east%-1%.eks%.amazonaws%.com$", endpoint())
    kubernetes.new(again, clock.now, "https://127.0.0.1:2", "certificate")
    assert.equal("https://127.0.0.1:2/clusters/us-east-1/demo", endpoint())
  end)

  it("says its version and what it has", function()
    local get = open { version = "1.33" }
    assert.equal("33+", select(2, get "/version").minor)
    assert.same({ "v1" }, select(2, get "/api").versions)
    assert.equal("APIGroupList", select(2, get "/apis").kind)
    assert.equal("nodes", select(2, get "/api/v1").resources[1].name)
    assert.equal(404, (get "/api/v1/pods"))
    assert.equal(405, (get("/api/v1/nodes", { method = "DELETE" })))
  end)

  it("takes tokens for itself, of known keys, for 15 minutes", function()
    local get = open()
    local function status(options) return (get("/version", options)) end
    assert.equal(200, status())
    assert.equal(200, status { now = clock.now() - 14 * 60 })
    assert.equal(401, status { now = clock.now() - 16 * 60 })
    assert.equal(401, status { cluster = "other" })
    assert.equal(401, status { credentials = { access_key_id = "AKIAOWN", secret_access_key = "guess" } })
    assert.equal(401, status {
      credentials = { access_key_id = "AKIANOBODY", secret_access_key = "own-secret" },
    })
    assert.equal(401, status { token = "k8s-aws-v1.aGVsbG8" })
    assert.equal(401, status { token = "secret" })
    assert.equal("Unauthorized", select(2, get("/version", { token = "secret" })).reason)
  end)

  it("lets in whom an access entry names, as far as its policies go", function()
    local get, aws = open()
    aws.iam:create_role {
      RoleName = "viewer", AssumeRolePolicyDocument = json.encode {
        Version = "2012-10-17", Statement = { { Effect = "Allow", Action = "sts:AssumeRole",
          Principal = { AWS = "arn:aws:iam::111122223333:root" } } },
      },
    }
    task.sleep(60)
    local arn = "arn:aws:iam::111122223333:role/viewer"
    local given = aws.sts:assume_role({ RoleArn = arn, RoleSessionName = "me" }).Credentials
    local options = { credentials = {
      access_key_id = given.AccessKeyId, secret_access_key = given.SecretAccessKey,
      session_token = given.SessionToken,
    } }
    assert.equal(401, (get("/version", options)))
    aws.eks:create_access_entry { clusterName = "demo", principalArn = arn }
    assert.equal(200, (get("/version", options)))
    local status, refusal = get("/api/v1/nodes", options)
    assert.equal(403, status)
    assert.matches("assumed%-role/viewer/me", refusal.message)
    aws.eks:associate_access_policy {
      clusterName = "demo", principalArn = arn, accessScope = { type = "cluster" },
      policyArn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
    }
    assert.equal(200, (get("/api/v1/nodes", options)))
    aws.eks:delete_access_entry { clusterName = "demo", principalArn = arn }
    assert.equal(401, (get("/version", options)))
  end)

  it("has the nodes that its node groups made, once they have joined", function()
    local get, aws, _, subnets = open()
    assert.same({}, select(2, get "/api/v1/nodes").items)
    add_nodes(aws, subnets, 2, "general")
    assert.same({}, select(2, get "/api/v1/nodes").items)
    task.sleep(300)
    local list = select(2, get "/api/v1/nodes").items
    assert.equal(2, #list)
    local node = list[1]
    assert.equal("general", node.metadata.labels["eks.amazonaws.com/nodegroup"])
    assert.equal("a", node.metadata.labels.team)
    assert.same({ { key = "k", value = "v", effect = "NoSchedule" } }, node.spec.taints)
    assert.equal("Ready", node.status.conditions[1].type)
    assert.same(node, select(2, get("/api/v1/nodes/" .. node.metadata.name)))
    assert.equal(404, (get "/api/v1/nodes/none"))
    local query = "fieldSelector=metadata.name%3D" .. node.metadata.name
    assert.equal(1, #select(2, get("/api/v1/nodes", { query = query })).items)
  end)

  it("prints them as a table", function()
    local get, aws, _, subnets = open()
    add_nodes(aws, subnets, 1, "general")
    task.sleep(600)
    local table = select(2, get("/api/v1/nodes", { accept = "application/json;as=Table;v=v1;g=meta.k8s.io" }))
    assert.equal("Table", table.kind)
    assert.equal(#table.columnDefinitions, #table.rows[1].cells)
    assert.equal("Ready", table.rows[1].cells[2])
    assert.matches("^%d+m$", table.rows[1].cells[4])
  end)

  it("tells who watches what comes and goes", function()
    local get, aws, _, subnets = open()
    add_nodes(aws, subnets, 1, "general")
    task.sleep(300)
    local version = select(2, get "/api/v1/nodes").metadata.resourceVersion
    local function watch(from, seconds)
      local status, _, answer = get("/api/v1/nodes",
        { query = ("watch=true&resourceVersion=%s&timeoutSeconds=%d"):format(from, seconds) })
      local out = {}
      for line in (answer.stream and read(answer.stream) or ""):gmatch "[^\n]+" do
        local event = json.decode(line)
        out[#out + 1] = event.type .. " " .. event.object.kind
      end
      return table.concat(out, ","), status
    end
    assert.equal("", (watch(version, 2)))
    add_nodes(aws, subnets, 1, "more")
    assert.equal("ADDED Node", (watch(version, 300)))
    assert.equal("ADDED Node,ADDED Node", (watch("0", 5)))
    version = select(2, get "/api/v1/nodes").metadata.resourceVersion
    aws.eks:wait("nodegroup_active", { clusterName = "demo", nodegroupName = "more" })
    aws.eks:delete_nodegroup { clusterName = "demo", nodegroupName = "more" }
    assert.equal("DELETED Node", (watch(version, 600)))
    assert.equal(410, select(2, watch("999", 5)))
    local _, _, left = get("/api/v1/nodes", { query = "watch=1&resourceVersion=0" })
    local writes = 0
    left.stream(function()
      writes = writes + 1
      return writes < 3
    end)
    assert.equal(3, writes)
  end)

  it("shows those that labels and fields select", function()
    local get, aws, _, subnets = open()
    add_nodes(aws, subnets, 1, "general")
    add_nodes(aws, subnets, 2, "more")
    task.sleep(600)
    local function names(selector, kind)
      local query = (kind or "labelSelector") .. "=" .. text.percent_encode(selector)
      local status, list = get("/api/v1/nodes", { query = query })
      if status ~= 200 then return status, list.message end
      local out = {}
      for i, node in ipairs(list.items) do out[i] = node.metadata.labels["eks.amazonaws.com/nodegroup"] end
      table.sort(out)
      return table.concat(out, ",")
    end
    local group = "eks.amazonaws.com/nodegroup"
    assert.equal("general", names(group .. "=general"))
    assert.equal("general", names(group .. " in (general, none)"))
    assert.equal("more,more", names(group .. "!=general,team==a"))
    assert.equal("more,more", names(group .. " notin (general,none),team"))
    assert.equal("", names "!team")
    assert.equal("general,more,more", names "!nobody")
    assert.equal(400, (names("none", "fieldSelector")))
    assert.equal("general,more,more", names("metadata.name!=none,spec.unschedulable=false", "fieldSelector"))
    assert.same({ 400, "field label not supported: spec.x" }, { names("spec.x=1", "fieldSelector") })
    assert.equal(400, (names "a b"))
  end)

  -- A client lists, keeps the version of what it saw last, and goes on from there when a watch ends.
  it("has each node in the version of its last change", function()
    local get, aws, _, subnets = open()
    add_nodes(aws, subnets, 1, "general")
    task.sleep(300)
    local list = select(2, get "/api/v1/nodes")
    local node = list.items[1]
    assert.equal(list.metadata.resourceVersion, node.metadata.resourceVersion)
    local function watch(query)
      local _, _, answer = get("/api/v1/nodes", { query = "watch=true&timeoutSeconds=300&" .. query })
      local out = {}
      for line in read(answer.stream):gmatch "[^\n]+" do out[#out + 1] = json.decode(line) end
      return out
    end
    add_nodes(aws, subnets, 1, "more")
    local seen = watch("resourceVersion=" .. node.metadata.resourceVersion)
    assert.equal(1, #seen)
    local newer = seen[1].object.metadata.resourceVersion
    assert.is_true(tonumber(newer) > tonumber(node.metadata.resourceVersion))
    assert.same({}, watch("resourceVersion=" .. newer))
    assert.same(node, select(2, get("/api/v1/nodes/" .. node.metadata.name)))
    -- Of one node, it is told of no other.
    local one = watch("resourceVersion=0&fieldSelector=metadata.name%3D" .. node.metadata.name)
    assert.same({ { type = "ADDED", object = node } }, one)
    -- Who lists by watching is told where the list ends.
    local all = watch "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    assert.equal(3, #all)
    assert.equal("BOOKMARK", all[3].type)
    assert.same({
      resourceVersion = newer, annotations = { ["k8s.io/initial-events-end"] = "true" },
    }, all[3].object.metadata)
    assert.same({}, watch "sendInitialEvents=false")
  end)

  it("goes with its cluster", function()
    local get, aws = open()
    aws.eks:delete_cluster { name = "demo" }
    aws.eks:wait("cluster_deleted", { name = "demo" })
    assert.equal(404, (get "/version"))
  end)

  it("takes a query that is not encoded as it is", function()
    local get = open()
    assert.equal(200, (get("/api/v1/nodes", { query = "limit=%zz&%=1" })))
  end)
end)
