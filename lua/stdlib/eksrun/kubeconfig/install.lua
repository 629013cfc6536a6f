--- Puts a cluster into the user's kubeconfig: what `eksrun kubeconfig` and recipes do.
local kubeconfig = require "eksrun.kubeconfig"

local M = {}

--- The file of everybody who asks, whatever they ask for; false: none is written. For clusters that are none.
--- @type string|false|nil
M.redirect = nil

--- @class eksrun.kubeconfig.InstallOptions
--- @field file? string default: the one of $KUBECONFIG that has the cluster, or the first; ~/.kube/config
--- @field alias? string name of the context; default: the cluster's ARN
--- @field user_alias? string name of the user; default: the cluster's ARN
--- @field profile? string of the AWS configuration, for kubectl's tokens
--- @field role_arn? string role that the tokens are for
--- @field proxy_url? string

--- @class eksrun.kubeconfig.Installation what is to be done
--- @field path string
--- @field text string what the file has now
--- @field entry eksrun.kubeconfig.Entry

local function is_executable(path)
  local found = require("eksrun.file").stat(path)
  return found ~= nil and found.type == "file" and found.mode & 0x49 ~= 0 -- 0111
end

-- This program by its name if kubectl would find it so, else by its path.
local function command()
  local file, process = require "eksrun.file", require "eksrun.process"
  local own = file.realpath "/proc/self/exe"
  for folder in (process.env "PATH" or ""):gmatch("[^:]+") do
    local candidate = folder .. "/eksrun"
    if is_executable(candidate) then
      return file.realpath(candidate) == own and "eksrun" or own
    end
  end
  return own
end

local function warn(message)
  io.stderr:write("eksrun: warning: ", require("eksrun.util").escape(message), "\n")
end

local function paths_of(options)
  local process = require "eksrun.process"
  return kubeconfig.paths {
    file = M.redirect or options.file,
    env = process.env "KUBECONFIG",
    home = process.env "HOME",
  }
end

--- Raises where prepare() or write() are known to fail for a cluster that no file has yet: a file that is no
--- kubeconfig, or cannot be written. Asks nobody, writes nothing.
--- @param options eksrun.kubeconfig.InstallOptions
--- Raises { code = "kubeconfig" }.
function M.check(options)
  if M.redirect == false then return end
  local file = require "eksrun.kubeconfig.file"
  local path, text = kubeconfig.choose(paths_of(options), "", file.read, function() end)
  local arn = "arn:aws:eks:us-east-1:000000000000:cluster/none"
  kubeconfig.merge(text, kubeconfig.entry({ name = "none", arn = arn, status = "ACTIVE" }, {
    exec = { command = "eksrun" },
  }))
  file.check_writable(path)
end

--- Finds the file and makes the entry; writes nothing.
--- @param cluster table as eks:DescribeCluster tells
--- @param options eksrun.kubeconfig.InstallOptions
--- @return eksrun.kubeconfig.Installation
--- Raises { code = "kubeconfig" } or { code = "cluster" }.
function M.prepare(cluster, options)
  local entry = kubeconfig.entry(cluster, {
    exec = kubeconfig.exec(cluster, {
      command = command(),
      profile = options.profile,
      role_arn = options.role_arn,
    }),
    alias = options.alias,
    user_alias = options.user_alias,
    proxy_url = options.proxy_url,
  })
  if M.redirect == false then return { path = "none", text = "", entry = entry } end
  local read = require("eksrun.kubeconfig.file").read
  local path, text = kubeconfig.choose(paths_of(options), entry.cluster.name, read, warn)
  return { path = path, text = text, entry = entry }
end

--- Writes what prepare() found, under the lock, into what the file has by then.
--- @param installation eksrun.kubeconfig.Installation
--- @return eksrun.kubeconfig.Change[] changes
function M.write(installation)
  if M.redirect == false then return {} end
  local changes
  require("eksrun.kubeconfig.file").update(installation.path, function(current)
    kubeconfig.parse(current, installation.path)
    local new
    new, changes = kubeconfig.merge(current, installation.entry)
    return new
  end)
  return changes
end

return M
