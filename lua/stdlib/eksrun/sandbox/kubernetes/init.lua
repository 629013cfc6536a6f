--- The Kubernetes endpoint of the sandbox's clusters: version, discovery and nodes, and who may see them. All
--- clusters are at one address, /clusters/REGION/NAME each; kubectl takes such a path as any server's.
local access = require "eksrun.sandbox.kubernetes.access"
local clock = require "eksrun.clock"
local instances = require "eksrun.sandbox.eks.node"
local json = require "eksrun.json"
local nodes = require "eksrun.sandbox.kubernetes.nodes"
local selector = require "eksrun.sandbox.kubernetes.selector"
local task = require "eksrun.task"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

-- Seconds of the world that a watch lasts when nobody says, and at most; and between two looks.
local WATCH, WATCH_MAX, LOOK = 300, 600, 0.2
-- Versions of a list of nodes that watches may begin at.
local REMEMBERED = 50

--- @class eksrun.sandbox.Kubernetes
--- @field sandbox eksrun.Sandbox
--- @field now fun(): number
--- @field histories table<string, { last: integer, [integer]: table }> lists of nodes by version, by cluster
local Kubernetes = {}
Kubernetes.__index = Kubernetes

--- @class eksrun.sandbox.kubernetes.Answer: eksrun.native.aws.Answer
--- @field stream? fun(write: fun(bytes: string): boolean) instead of a body: writes it until it returns, or
--- until a write says that nobody is there

--- Gives all clusters, those to come included, an endpoint.
--- @param sandbox eksrun.Sandbox
--- @param now fun(): number the time on its clock
--- @param url string "https://127.0.0.1:6443"
--- @param authority string certificate in PEM
--- @return eksrun.sandbox.Kubernetes
function M.new(sandbox, now, url, authority)
  sandbox.world.kubernetes = { url = url, authority = text.base64(authority) }
  return setmetatable({ sandbox = sandbox, now = now, histories = {} }, Kubernetes)
end

local function answer(body, status)
  return {
    status = status or 200, headers = { ["content-type"] = "application/json" }, body = json.encode(body),
  }
end

local function refuse(status, reason, message, ...)
  return answer({
    kind = "Status", apiVersion = "v1", metadata = json.object {}, status = "Failure", reason = reason,
    code = status, message = message:format(...),
  }, status)
end

local function server_version(cluster)
  local minor = cluster.version:match "%.(%d+)$"
  return answer {
    major = "1", minor = minor .. "+", gitVersion = nodes.version(cluster.version), gitTreeState = "clean",
    platform = "linux/amd64", compiler = "gc",
  }
end

local fixed = {
  ["/api"] = { kind = "APIVersions", versions = { "v1" }, serverAddressByClientCIDRs = json.array {} },
  ["/apis"] = { kind = "APIGroupList", apiVersion = "v1", groups = json.array {} },
  ["/api/v1"] = {
    kind = "APIResourceList", groupVersion = "v1", resources = {
      {
        name = "nodes", singularName = "node", namespaced = false, kind = "Node", shortNames = { "no" },
        verbs = { "get", "list", "watch" },
      },
    },
  },
}
local OPEN = { ["/healthz"] = true, ["/livez"] = true, ["/readyz"] = true }

-- Gives the nodes that are not what they were the version of their list; whether any is, or has gone.
local function stamp(before, list, version)
  local known, changed = {}, #before ~= #list
  for _, node in ipairs(before) do known[node.metadata.name] = node end
  for _, node in ipairs(list) do
    local was = known[node.metadata.name]
    node.metadata.resourceVersion = was and was.metadata.resourceVersion
    if not was or not util.equal(was, node) then
      node.metadata.resourceVersion, changed = version, true
    end
  end
  return changed
end

-- The nodes of a cluster, with the version of the list, and its history; nil when the cluster is gone.
function Kubernetes:list(region, name)
  local sandbox = self.sandbox
  sandbox:advance(self.now())
  if not sandbox.world:things(region, "eks.cluster")[name] then return nil end
  local call = sandbox:call_context {
    region = region, service = "eks", operation = "ListNodes", params = {}, now = sandbox.world.state.now,
  }
  if sandbox.virtual then
    sandbox:advance(instances.all_joined_at(call, call:get("eks.cluster", name)))
    call.now = sandbox.world.state.now
  end
  local list = nodes.list(call, name)
  local key = region .. "/" .. name
  -- Versions begin at the time, lest one of an earlier process, of this state, means another list.
  local history = self.histories[key] or { last = sandbox.world.state.now // 1 | 0 }
  self.histories[key] = history
  local before = history[history.last]
  if not stamp(before or {}, list, tostring(history.last + 1)) and before then return before, history end
  history.last = history.last + 1
  list.version = tostring(history.last)
  history[history.last], history[history.last - REMEMBERED] = list, nil
  return list, history
end

-- What became of a list of nodes, as a watch says it. What is gone has the version that it is missing from.
local function events(before, after, version, show)
  local by_name, out = {}, {}
  for _, node in ipairs(before) do by_name[node.metadata.name] = node end
  local function add(kind, node) out[#out + 1] = json.encode { type = kind, object = show(node) } .. "\n" end
  for _, node in ipairs(after) do
    local known = by_name[node.metadata.name]
    by_name[node.metadata.name] = nil
    if not known then
      add("ADDED", node)
    elseif not util.equal(known, node) then
      add("MODIFIED", node)
    end
  end
  for _, node in util.sorted_pairs(by_name) do
    local gone = util.copy(node)
    gone.metadata.resourceVersion = version
    add("DELETED", gone)
  end
  return table.concat(out)
end

-- The event that ends what was there when a watch began, for clients that list by watching.
local function bookmark(version)
  return json.encode {
    type = "BOOKMARK", object = {
      kind = "Node", apiVersion = "v1", metadata = {
        resourceVersion = version, annotations = { ["k8s.io/initial-events-end"] = "true" },
      },
    },
  } .. "\n"
end

-- Answers a watch: what happens to the nodes that are meant, as it happens, until its time is over.
function Kubernetes:watch(region, name, query, meant, as_table)
  local list, history = self:list(region, name)
  local version, initial = query.resourceVersion or "", query.sendInitialEvents
  local before = history[math.tointeger(tonumber(version))]
  if initial == "true" or initial ~= "false" and (version == "" or version == "0") then
    before = {}
  elseif version == "" then
    before = list
  end
  if not before then return refuse(410, "Expired", "too old resource version: %s", version) end
  local last = clock.now() + math.min(tonumber(query.timeoutSeconds) or WATCH, WATCH_MAX)
  local function show(node) return as_table and nodes.table({ node }, self.now()) or node end
  return {
    status = 200, headers = { ["content-type"] = "application/json" },
    stream = function(write)
      local news = events(meant(before), meant(list), list.version, show)
      if initial == "true" then news = news .. bookmark(list.version) end
      while write(news) and clock.now() < last do
        task.sleep(LOOK)
        before, list = list, self:list(region, name)
        if not list then return end
        news = before == list and "" or events(meant(before), meant(list), list.version, show)
      end
    end,
  }
end

local function parameters(query)
  local out = {}
  for name, value in query:gmatch "([^&=]+)=?([^&]*)" do
    out[util.percent_decoded(name)] = util.percent_decoded((value:gsub("+", " ")))
  end
  return out
end

function Kubernetes:nodes(region, name, path, request)
  local query, accept = parameters(request.query), request.headers.accept or ""
  local as_table = accept:find("as=Table", 1, true) ~= nil
  local wanted = path:match "^/api/v1/nodes/([^/]+)$"
  local meant, why = selector.read(wanted and { fieldSelector = "metadata.name=" .. wanted } or query)
  if not meant then return refuse(400, "BadRequest", "%s", why) end
  if query.watch == "true" or query.watch == "1" then
    return self:watch(region, name, query, meant, as_table)
  end
  local list = self:list(region, name)
  local found = meant(list)
  if wanted and not found[1] then return refuse(404, "NotFound", 'nodes "%s" not found', wanted) end
  if as_table then return answer(nodes.table(found, self.now(), list.version)) end
  if wanted then return answer(found[1]) end
  return answer {
    kind = "NodeList", apiVersion = "v1", metadata = { resourceVersion = list.version },
    items = json.array(found),
  }
end

--- Answers a request.
--- @param request eksrun.native.aws.Received
--- @return eksrun.sandbox.kubernetes.Answer
function Kubernetes:answer(request)
  local region, name, path = request.path:match "^/clusters/([^/]+)/([^/]+)(/?.*)$"
  local cluster = region and (self.sandbox.world.state.regions[region] or {})["eks.cluster"]
  cluster = cluster and cluster[name]
  if not cluster or not cluster.endpoint then
    return refuse(404, "NotFound", "there is no cluster here")
  end
  if OPEN[path] then return { status = 200, headers = { ["content-type"] = "text/plain" }, body = "ok" } end
  local who = access.of(self.sandbox, region, cluster, request)
  if not who then return refuse(401, "Unauthorized", "Unauthorized") end
  if request.method ~= "GET" then
    return refuse(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
  end
  if path == "/version" then return server_version(cluster) end
  if fixed[path] then return answer(fixed[path]) end
  if path ~= "/api/v1/nodes" and not path:find "^/api/v1/nodes/[^/]+$" then
    return refuse(404, "NotFound", "the server could not find the requested resource")
  end
  if not who.sees_nodes then
    return refuse(403, "Forbidden", 'nodes is forbidden: User "%s" cannot list resource "nodes" in API group '
      .. '"" at the cluster scope', who.username)
  end
  return self:nodes(region, name, path, request)
end

return M
