--- The user data by which an Amazon Linux 2023 node joins a cluster: a MIME document with a NodeConfig for
--- nodeadm, and scripts that run before it. The same values always give the same bytes: a change of them is a
--- new version of the launch template.
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

local BOUNDARY = "eksrun-part"

-- As kubelet writes them, by how the EKS API does.
local EFFECTS = {
  NO_SCHEDULE = "NoSchedule", PREFER_NO_SCHEDULE = "PreferNoSchedule", NO_EXECUTE = "NoExecute",
}

--- @class eksrun.bootstrap.Node
--- @field name string of the cluster
--- @field endpoint string
--- @field authority string its CA, base64
--- @field service_cidr? string
--- @field labels? table<string, string>
--- @field taints? { key: string, value?: string, effect: string }[]
--- @field max_pods? integer
--- @field script? string

--- What is wrong with taints, or nil.
--- @param taints? table[]
--- @return string?
function M.check_taints(taints)
  for _, taint in ipairs(taints or {}) do
    if type(taint) ~= "table" or type(taint.key) ~= "string" or not EFFECTS[taint.effect] then
      return ("a taint wants a key and an effect (%s)"):format(table.concat(util.sorted_keys(EFFECTS), ", "))
    end
  end
end

local function labels_flag(labels)
  local list = {}
  for key, value in util.sorted_pairs(labels) do list[#list + 1] = key .. "=" .. value end
  return "--node-labels=" .. table.concat(list, ",")
end

local function taints_flag(taints)
  local list = {}
  for i, taint in ipairs(taints) do
    list[i] = ("%s=%s:%s"):format(taint.key, taint.value or "", EFFECTS[taint.effect])
  end
  return "--register-with-taints=" .. table.concat(list, ",")
end

-- A JSON string is a YAML string.
local function quoted(value) return json.encode(value) end

-- The NodeConfig, as YAML.
local function node_config(node)
  local lines = {
    "---",
    "apiVersion: node.eks.aws/v1alpha1",
    "kind: NodeConfig",
    "spec:",
    "  cluster:",
    "    name: " .. quoted(node.name),
    "    apiServerEndpoint: " .. quoted(node.endpoint),
    "    certificateAuthority: " .. quoted(node.authority),
  }
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  if node.service_cidr then add("    cidr: %s", quoted(node.service_cidr)) end
  local flags = {}
  if next(node.labels or {}) then flags[1] = labels_flag(node.labels) end
  if next(node.taints or {}) then flags[#flags + 1] = taints_flag(node.taints) end
  if node.max_pods or flags[1] then add("  kubelet:") end
  if node.max_pods then
    add("    config:")
    add("      maxPods: %d", node.max_pods)
  end
  if flags[1] then add("    flags:") end
  for _, flag in ipairs(flags) do add("      - %s", quoted(flag)) end
  return table.concat(lines, "\n") .. "\n"
end

--- The user data, as plain text.
--- @param node eksrun.bootstrap.Node
--- @return string
function M.user_data(node)
  local parts = {}
  local function add(kind, text)
    parts[#parts + 1] = ("--%s\nContent-Type: %s\n\n%s"):format(BOUNDARY, kind, text)
  end
  if node.script then add('text/x-shellscript; charset="us-ascii"', node.script:gsub("\n*$", "\n", 1)) end
  add("application/node.eks.aws", node_config(node))
  return ('MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="%s"\n\n%s--%s--\n'):format(BOUNDARY,
    table.concat(parts), BOUNDARY)
end

return M
