--- Kubeconfig files: which one to write, whether it is sound, what to put into it.
---
--- The rules are those of `aws eks update-kubeconfig`, so that the two may be used side by side.
local error_object = require "eksrun.error"

local M = {}

--- The fields that a kubeconfig may have, and their types.
local fields = {
  apiVersion = "string", clusters = "list", contexts = "list", ["current-context"] = "string",
  kind = "string", preferences = "map", users = "list",
}

local function fail(message, ...)
  error(error_object.new { code = "kubeconfig", message = message:format(...) }, 0)
end

local function kind_of(value)
  if type(value) ~= "table" then return type(value) end
  if getmetatable(value) == require("eksrun.json").array_mt then return "list" end
  return "map"
end

local function check_field(name, key, value)
  local want = fields[key]
  if kind_of(value) ~= want then
    fail("%s: '%s' is a %s, not a %s", name, key, kind_of(value), want)
  end
  if want ~= "list" then return end
  for i, item in ipairs(value) do
    if kind_of(item) ~= "map" then
      fail("%s: entry %d of '%s' is a %s, not a map", name, i, key, kind_of(item))
    end
  end
end

--- Reads a kubeconfig. Names are not checked: a context may name a cluster that is not there.
--- @param text string
--- @param name string of the file, for messages
--- @return table|nil value nil for a text without content
--- Raises { code = "kubeconfig" } if it is none.
function M.parse(text, name)
  local value, err = require("eksrun.yaml").try_parse(text)
  if err then fail("%s is no kubeconfig: %s", name, tostring(err)) end
  local null = require("eksrun.json").null
  if value == null then return nil end
  if kind_of(value) ~= "map" then fail("%s is no kubeconfig but a %s", name, kind_of(value)) end
  for key in pairs(fields) do
    if value[key] ~= nil and value[key] ~= null then check_field(name, key, value[key]) end
  end
  return value
end

--- The files that may be written, the first of them being the one for new clusters.
--- @param options { file: string|nil, env: string|nil, home: string|nil } --kubeconfig, $KUBECONFIG, $HOME
--- @return string[] paths
function M.paths(options)
  if options.file then return { options.file } end
  local paths = {}
  for path in (options.env or ""):gmatch("[^:]+") do
    path = path:match("^%s*(.-)%s*$")
    if path ~= "" then paths[#paths + 1] = path end
  end
  if #paths > 0 then return paths end
  if not options.home then fail("no kubeconfig: neither KUBECONFIG nor HOME is set; give --kubeconfig") end
  return { options.home .. "/.kube/config" }
end

local function has_cluster(value, name)
  local clusters = value and value.clusters
  if type(clusters) ~= "table" then return false end
  for _, cluster in ipairs(clusters) do
    if cluster.name == name then return true end
  end
  return false
end

--- The file that has a cluster already, else the first one. Files that are no kubeconfigs are passed
--- over with a warning, unless it is the first one's turn.
--- @param paths string[]
--- @param cluster string name of the entry: the cluster's ARN
--- @param read fun(path: string): string|nil the text, nil if there is no such file
--- @param warn fun(message: string)
--- @return string path
--- @return string text "" for a new file
--- Raises what makes the first one no kubeconfig, when it is its turn.
function M.choose(paths, cluster, read, warn)
  local unsound
  for i, path in ipairs(paths) do
    local ok, found = pcall(function()
      local text = read(path)
      return text and has_cluster(M.parse(text, path), cluster) and text
    end)
    if ok and found then
      if unsound then warn(tostring(unsound)) end
      return path, found
    end
    if not ok then
      if not error_object.is(found) then error(found, 0) end
      if i == 1 then unsound = found else warn(tostring(found)) end
    end
  end
  if unsound then error(unsound, 0) end
  return paths[1], read(paths[1]) or ""
end

--- @class eksrun.kubeconfig.Options
--- @field exec table the exec section of the user
--- @field alias? string name of the context; default: the user's
--- @field user_alias? string name of the user; default: the cluster's ARN
--- @field proxy_url? string

--- What stands for a cluster in a kubeconfig.
--- @param cluster table as eks:DescribeCluster tells
--- @param options eksrun.kubeconfig.Options
--- @return eksrun.kubeconfig.Entry
--- Raises { code = "cluster" } if the cluster has no endpoint yet.
function M.entry(cluster, options)
  if cluster.status ~= "ACTIVE" and cluster.status ~= "UPDATING" then
    error(error_object.new {
      code = "cluster",
      message = ("cluster %s is %s, not ACTIVE"):format(cluster.name, cluster.status or "in no known state"),
    }, 0)
  end
  local user = options.user_alias or cluster.arn
  local context = options.alias or user
  return {
    cluster = {
      name = cluster.arn,
      cluster = {
        ["certificate-authority-data"] = (cluster.certificateAuthority or {}).data or "",
        server = cluster.endpoint or "",
        ["proxy-url"] = options.proxy_url,
      },
    },
    user = { name = user, user = { exec = options.exec } },
    context = { name = context, context = { cluster = cluster.arn, user = user } },
    current_context = context,
  }
end

--- The exec section that has kubectl run this program.
---
--- apiVersion v1 (kubectl 1.22 and newer), which wants to be told that the plugin never reads the
--- terminal. The profile goes into the arguments, where it counts before keys in the environment.
--- @param cluster table as eks:DescribeCluster tells
--- @param options { command: string, profile: string|nil, role_arn: string|nil }
--- @return table
function M.exec(cluster, options)
  local outpost = cluster.outpostConfig
  local args = { "token", cluster.name }
  if cluster.id and outpost and not outpost.etcdInstanceType then
    args = { "token", "--cluster-id", cluster.id }
  end
  args[#args + 1] = "--region"
  args[#args + 1] = M.region_of(cluster.arn)
  if options.profile then table.move({ "--profile", options.profile }, 1, 2, #args + 1, args) end
  if options.role_arn then table.move({ "--role-arn", options.role_arn }, 1, 2, #args + 1, args) end
  return {
    apiVersion = "client.authentication.k8s.io/v1",
    args = args,
    command = options.command,
    interactiveMode = "Never",
  }
end

--- The region in an ARN.
--- @param arn string
--- @return string
function M.region_of(arn)
  return arn:match("^arn:[^:]*:[^:]*:([^:]*):") or fail("'%s' is not the ARN of a cluster", arn)
end

--- Puts an entry into the text of a kubeconfig; see eksrun.kubeconfig.edit.
--- @param text string
--- @param entry eksrun.kubeconfig.Entry
--- @return string text
--- @return eksrun.kubeconfig.Change[] changes
function M.merge(text, entry)
  return require("eksrun.kubeconfig.edit").merge(text, entry)
end

return M
