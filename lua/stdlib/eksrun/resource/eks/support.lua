--- What the EKS types share: waiting for a status, for an update, for a name to become free.
local util = require "eksrun.util"

local M = {}

local MINUTE = 60

-- Statuses that nothing leads out of.
local GIVEN_UP = { CREATE_FAILED = "CREATE_FAILED", DELETE_FAILED = "DELETE_FAILED" }

--- A cluster as DescribeCluster has it now; nil when there is none.
--- @param ctx eksrun.Context
--- @param name string
--- @return table?
function M.describe_cluster(ctx, name)
  return ctx:found(function() return ctx.aws.eks:describe_cluster { name = name }.cluster end)
end

--- The same while observing: asked once, whichever types need it.
--- @param ctx eksrun.Context
--- @param name string
--- @return table?
function M.observe_cluster(ctx, name)
  return ctx:once("eks.cluster/" .. name, function() return M.describe_cluster(ctx, name) or false end) or nil
end

--- The clusters that carry the stack's tags, where others than the wanted are to be looked for. EKS
--- filters by nothing, so that each one is looked at.
--- @param ctx eksrun.Context
--- @return table[]
function M.owned_clusters(ctx)
  if not ctx.sweep then return {} end
  return ctx:once("eks.cluster owned", function()
    local owned = {}
    ctx:each(ctx:list("eks", "list_clusters", {}, "clusters"), function(name)
      local cluster = M.observe_cluster(ctx, name)
      if cluster and ctx.stack:owns(cluster.tags or {}, ctx.type) then owned[#owned + 1] = cluster end
    end)
    return owned
  end)
end

-- Clusters in which nothing can be yet, or not any more: EKS refuses to list some of what they have.
local CLOSED = { PENDING = true, CREATING = true, FAILED = true, DELETING = true }

--- What lives in clusters, while observing: the wanted ones at once, and in a sweep all of the same clusters
--- and of the stack's own.
--- @class eksrun.eks.Children
--- @field kind string of the type, for what is shared: "eks.addon"
--- @field key string the input that names one in its cluster
--- @field list fun(cluster: string): string[] names of all in a cluster
--- @field describe fun(cluster: string, name: string): table? nil when there is none
--- @field record fun(described: table): table

--- @param ctx eksrun.Context
--- @param wanted table[] inputs: clusterName and the key
--- @param children eksrun.eks.Children
--- @return table[] records
function M.observe_children(ctx, wanted, children)
  local records, seen, entered = {}, {}, {}
  local function look(cluster, name)
    local path = children.kind .. "/" .. cluster .. "/" .. name
    if seen[path] then return end
    seen[path] = true
    local described = ctx:once(path, function() return children.describe(cluster, name) or false end)
    if described then
      local record = children.record(described)
      record.leaving = described.status == "DELETING"
      record.failed = GIVEN_UP[described.status]
      records[#records + 1] = record
    end
  end
  local function look_into(cluster)
    if entered[cluster] then return end
    entered[cluster] = true
    local parent = ctx.sweep and M.observe_cluster(ctx, cluster)
    if not parent or CLOSED[parent.status] then return end
    ctx:each(children.list(cluster), function(name) look(cluster, name) end)
  end
  local jobs = {}
  for _, want in ipairs(wanted) do
    jobs[#jobs + 1] = function() look(want.clusterName, want[children.key]) end
    jobs[#jobs + 1] = function() look_into(want.clusterName) end
  end
  jobs[#jobs + 1] = function()
    ctx:each(M.owned_clusters(ctx), function(cluster) look_into(cluster.name) end)
  end
  ctx:each(jobs, function(job) job() end)
  return records
end

--- Changes tags by the ARN, as all of EKS takes them.
--- @param arn string the field of a record that holds it
--- @return fun(ctx: eksrun.Context, record: table, set: table<string, string>, removed: string[])
function M.retag_by(arn)
  return function(ctx, record, set, removed)
    if next(set) then ctx.aws.eks:tag_resource { resourceArn = record[arn], tags = set } end
    if removed[1] then ctx.aws.eks:untag_resource { resourceArn = record[arn], tagKeys = removed } end
  end
end

-- What helps where EKS only passes on that EC2 has no room: as things are, the next attempt fails too.
local function with_advice(message)
  if not message:find "sufficient %S+ capacity" then return message end
  return message:gsub("%.$", "") .. "; give the node group further instance types, or subnets in other zones"
end

-- What EKS found wrong, as one line.
local function issues_of(described)
  local texts = {}
  for _, issue in ipairs(described.health and described.health.issues or {}) do
    texts[#texts + 1] = ("%s: %s"):format(issue.code or "issue", with_advice(issue.message or "no message"))
  end
  return #texts > 0 and table.concat(texts, "; ") or "no reason given"
end

--- Waits until describe() tells the status ACTIVE. Raises when it will not.
--- @param ctx eksrun.Context
--- @param what string for messages: "cluster demo"
--- @param describe fun(): table?
--- @param minutes number
--- @param transient? table<string, boolean> statuses bad elsewhere that pass here: { DEGRADED = true }
--- @return table described
function M.wait_active(ctx, what, describe, minutes, transient)
  return ctx:poll(function()
    local described = describe()
    if not described then return nil, "not visible yet" end
    local status = described.status
    if status == "ACTIVE" then return described end
    local bad = status == "DELETING" or status == "DEGRADED" or status:find("FAILED", 1, true)
    if bad and not (transient and transient[status]) then
      util.fail("eks", "%s is %s: %s", what, status, issues_of(described))
    end
    local health = described.health
    local troubled = health and health.issues and health.issues[1]
    return nil, troubled and status .. ", " .. issues_of(described) or status
  end, { timeout = minutes * MINUTE })
end

--- Waits until describe() finds nothing.
--- @param ctx eksrun.Context
--- @param what string
--- @param describe fun(): table?
--- @param minutes number
--- Raises { code = "eks" } when the deletion fails, and { code = "timeout" }.
function M.wait_gone(ctx, what, describe, minutes)
  ctx:poll(function()
    local described = describe()
    if not described then return true end
    if described.status:find("FAILED", 1, true) then
      util.fail("eks", "%s is %s: %s", what, described.status, issues_of(described))
    end
    return nil, described.status
  end, { timeout = minutes * MINUTE })
end

--- Waits for an update that EKS started. Raises when it ends otherwise than well.
--- @param ctx eksrun.Context
--- @param what string
--- @param params table names of the thing updated, as DescribeUpdate takes them
--- @param update? table as the call that started it answered
--- @param minutes number
function M.wait_update(ctx, what, params, update, minutes)
  if not update or not update.id then return end
  ctx:poll(function()
    if update.status == "Successful" then return true end
    if update.status ~= "InProgress" then
      local reasons = {}
      for _, err in ipairs(update.errors or {}) do
        reasons[#reasons + 1] = ("%s: %s"):format(err.errorCode, err.errorMessage)
      end
      util.fail("eks", "%s of %s %s: %s", update.type or "update", what, (update.status or "?"):lower(),
        #reasons > 0 and table.concat(reasons, "; ") or "no reason given")
    end
    local state = update.type or "updating"
    local seen = ctx:found(function()
      return ctx.aws.eks:describe_update {
        name = params.name or params.clusterName,
        nodegroupName = params.nodegroupName,
        addonName = params.addonName,
        updateId = update.id,
      }.update
    end)
    update = seen or update
    return nil, state
  end, { timeout = minutes * MINUTE })
end

--- The result of create(). A namesake that is being deleted keeps its name until it is gone: then waits and
--- creates once more.
--- @generic T
--- @param ctx eksrun.Context
--- @param what string
--- @param describe fun(): table?
--- @param create fun(): T
--- @return T
--- Raises what create() raises.
function M.create_named(ctx, what, describe, create)
  local created, result = pcall(create)
  if created then return result end
  if type(result) == "table" and result.code == "ResourceInUseException" then
    local namesake = describe()
    if namesake and namesake.status == "DELETING" then
      M.wait_gone(ctx, what, describe, 60)
      return create()
    end
  end
  error(result, 0)
end

--- Errors that pass when IAM has told all of AWS about a new role.
--- @type eksrun.Retry[]
M.ROLE_NOT_VISIBLE_YET = {
  { code = "InvalidParameterException", message = "does not exist" },
  { code = "InvalidParameterException", message = "Error in role params" },
  { code = "InvalidParameterException", message = "could not be assumed" },
  { code = "InvalidParameterException", message = "cannot be found" },
  { code = "InvalidParameterException", message = "were not found in the trust relationships" },
  { code = "InvalidParameterException", message = "Misconfigured PodExecutionRole Trust Policy" },
  { code = "InvalidParameterException", message = "doesn't have the Amazon EKS Managed Policies associated" },
  { code = "InvalidParameterException", message = "IAM role's policy must include" },
  { code = "InvalidParameterException", message = "is not authorized to perform" },
}

return M
