-- Kubeconfigs: `aws eks update-kubeconfig` (the files it chooses and writes, the ones it refuses) and
-- sample files of the Kubernetes clients, which must load and take an entry.
local file = require "eksrun.file"
local json = require "eksrun.json"
local kubeconfig = require "eksrun.kubeconfig"
local util = require "eksrun.util"
local yaml = require "eksrun.yaml"

local function list(dir)
  local names = file.list(dir) or {}
  table.sort(names)
  return names
end

local function trim(text) return (text:gsub("\r\n", "\n"):match("^%s*(.-)%s*$")) end

local function present(value) return value ~= nil and value ~= json.null and value or nil end

local function flag(case, name)
  for i, word in ipairs(case.flags or {}) do if word == name then return case.flags[i + 1] end end
end

-- The exec section that awscli writes.
local function aws_exec(cluster, case)
  local args = { "--region", kubeconfig.region_of(cluster.arn), "eks", "get-token" }
  local outpost = cluster.outpostConfig
  local by_id = cluster.id and outpost and not outpost.etcdInstanceType
  args[#args + 1] = by_id and "--cluster-id" or "--cluster-name"
  args[#args + 1] = by_id and cluster.id or cluster.name
  table.move({ "--output", "json" }, 1, 2, #args + 1, args)
  local role = flag(case, "--role-arn")
  if role then table.move({ "--role", role }, 1, 2, #args + 1, args) end
  local profile = present(case.profile)
  return {
    apiVersion = "client.authentication.k8s.io/v1beta1", command = "aws", args = args,
    env = profile and { { name = "AWS_PROFILE", value = profile } } or nil,
  }
end

-- What our errors are called there.
local errors = { kubeconfig = "KubeconfigCorruptedError", cluster = "EKSClusterError" }

local function update(case, dir, responses)
  local files = {}
  for _, name in ipairs(case.copy_in) do files[name] = file.try_read(dir .. "/testdata/" .. name) end
  local env = case.env_kubeconfig_raw or case.env_kubeconfig
  local path, text
  local ok, err = pcall(function()
    local cluster = responses[case.api_response].cluster
    local paths = kubeconfig.paths {
      file = present(case.kubeconfig_arg),
      env = env and table.concat(env, ":"),
      home = "/home",
    }
    if paths[1] == "/home/.kube/config" then paths[1] = case.default_path end
    local entry = kubeconfig.entry(cluster, {
      exec = aws_exec(cluster, case),
      alias = flag(case, "--alias"),
      user_alias = flag(case, "--user-alias"),
      proxy_url = flag(case, "--proxy-url"),
    })
    path, text = kubeconfig.choose(paths, cluster.arn, function(name) return files[name] end, function() end)
    text = kubeconfig.merge(text, entry)
  end)
  if case.expect_error then
    if ok then return "no error" end
    local name = type(err) == "table" and errors[err.code]
    return name ~= case.expect_error and ("error " .. tostring(err)) or nil
  end
  if not ok then return tostring(err) end
  local golden = case.expect_stdout
  if case.expect_file then
    if path ~= case.expect_file[1] then return "wrote " .. path end
    golden = case.expect_file[2]
  end
  if golden and trim(text) ~= trim(file.try_read(dir .. "/testdata/" .. golden)) then
    return "text differs:\n" .. text
  end
end

local function load(case, dir)
  local ok = pcall(kubeconfig.parse, file.try_read(dir .. "/testdata/" .. case.file), case.file)
  if ok ~= case.valid then return ok and "accepted" or "refused" end
end

-- A sample loads, as others load it, and takes an entry that another turn leaves alone.
local function sample(path, name, parsed)
  local text = file.try_read(path)
  local value = kubeconfig.parse(text, name)
  if parsed and not util.equal(value, parsed) then return "loads differently" end
  local entry = kubeconfig.entry({
    arn = "arn:aws:eks:us-east-1:1:cluster/x", name = "x", status = "ACTIVE", endpoint = "https://x",
    certificateAuthority = { data = "eA==" },
  }, { exec = { apiVersion = "client.authentication.k8s.io/v1", command = "x", args = { "y" } } })
  local once = kubeconfig.merge(text, entry)
  local again, changes = kubeconfig.merge(once, entry)
  if again ~= once then return "a second turn changes the file" end
  for _, change in ipairs(changes) do
    if change.action ~= "unchanged" then return "a second turn claims a change" end
  end
  local clusters = yaml.parse(once).clusters
  if not util.equal(clusters[#clusters], entry.cluster) then return "no entry" end
end

return function(root)
  local totals = require("tests.conformance.support.totals").new()
  local dir = root .. "/kubeconfig"
  local aws = dir .. "/aws-cli-update-kubeconfig"
  local suite = json.decode(file.try_read(aws .. "/cases.json"))
  local responses = json.decode(file.try_read(aws .. "/api-responses.json"))
  for _, case in ipairs(suite.cases) do totals:try(case.id, update, case, aws, responses) end
  for _, case in ipairs(suite.load_cases) do totals:try(case.id, load, case, aws) end
  local parsed = json.decode(file.try_read(dir .. "/kubernetes-client-javascript/parsed.json")).files
  for _, folder in ipairs { "client-go", "kubernetes-client-java", "kubernetes-client-javascript" } do
    for _, name in ipairs(list(dir .. "/" .. folder)) do
      if name ~= "parsed.json" then
        local want = folder == "kubernetes-client-javascript" and parsed[name] or nil
        totals:try(folder .. "/" .. name, sample, ("%s/%s/%s"):format(dir, folder, name), name, want)
      end
    end
  end
  return totals
end
