--- Policy documents as IAM reads them before it takes them: what it refuses, and with which words.
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

local TOP = { Version = true, Id = true, Statement = true }
local ELEMENTS = {
  Sid = true, Effect = true, Action = true, NotAction = true, Resource = true, NotResource = true,
  Principal = true, NotPrincipal = true, Condition = true,
}
local PARTITIONS = { aws = true, ["aws-cn"] = true, ["aws-us-gov"] = true, ["aws-iso"] = true,
  ["aws-iso-b"] = true, ["aws-eusc"] = true, ["*"] = true }

-- Characters, blanks aside, by kind of document.
local LIMITS = {
  managed = { 6144, "PolicySize" }, inline = { 10240, "ACLSizePerRole" }, trust = { 2048, "ACLSizePerRole" },
}

local function refuse(message, ...) fault.raise("MalformedPolicyDocument", message, ...) end
local function refuse_syntax() refuse "Syntax errors in policy." end

local function check_texts(value)
  for _, text in ipairs(evaluate.list(value)) do
    if type(text) ~= "string" then refuse_syntax() end
  end
end

local function check_condition(condition)
  if condition == nil then return end
  if type(condition) ~= "table" then refuse_syntax() end
  for name, keys in pairs(condition) do
    if type(keys) ~= "table" or not evaluate.operator(name) and next(keys) then refuse_syntax() end
  end
end

local function check_statement(statement)
  if type(statement) ~= "table" then refuse_syntax() end
  for element in pairs(statement) do
    if not ELEMENTS[element] then refuse_syntax() end
  end
  if statement.Effect ~= "Allow" and statement.Effect ~= "Deny"
    or statement.Action ~= nil and statement.NotAction ~= nil
    or statement.Resource ~= nil and statement.NotResource ~= nil
    or statement.Sid ~= nil and type(statement.Sid) ~= "string" then
    refuse_syntax()
  end
  for _, element in ipairs { "Action", "NotAction", "Resource", "NotResource" } do
    check_texts(statement[element])
  end
  check_condition(statement.Condition)
end

local function check_action(action)
  if action == "*" then return end
  local vendor, rest = action:match "^([^:]*):(.*)$"
  if not vendor then
    refuse "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
  elseif rest:find(":", 1, true) then
    refuse "Actions/Condition can contain only one colon."
  elseif vendor ~= "*" and vendor:find "[^%w.-]" then
    refuse("Vendor %s is not valid", vendor)
  end
end

local function check_resource(resource)
  if resource == "*" then return end
  if not resource:find(":", 1, true) then refuse('Resource %s must be in ARN format or "*".', resource) end
  local partition, vendor, rest = resource:match "^arn:([^:]*):?([^:]*):?(.*)$"
  if not partition then refuse "The policy failed legacy parsing" end
  if not PARTITIONS[partition] then
    refuse('Partition "%s" is not valid for resource "%s".', partition, resource)
  elseif vendor == "" or rest == "" or vendor:find "[*?]" and vendor ~= "*" then
    refuse "Resource vendor must be fully qualified and cannot contain regexes."
  end
end

local function present(value) return evaluate.list(value)[1] ~= nil end

local function check_permissions(statement)
  if not present(statement.Action) and not present(statement.NotAction) then
    refuse "Policy statement must contain actions."
  elseif statement.Principal ~= nil or statement.NotPrincipal ~= nil then
    refuse "Policy document should not specify a principal."
  elseif not present(statement.Resource) and not present(statement.NotResource) then
    refuse "Policy statement must contain resources."
  end
  for _, element in ipairs { "Resource", "NotResource" } do
    for _, resource in ipairs(evaluate.list(statement[element])) do check_resource(resource) end
  end
  for _, element in ipairs { "Action", "NotAction" } do
    for _, action in ipairs(evaluate.list(statement[element])) do check_action(action) end
  end
end

local KINDS = { AWS = true, Service = true, Federated = true, CanonicalUser = true }

local function check_principal(principal, exists)
  if principal == "*" then return end
  if type(principal) ~= "table" then refuse_syntax() end
  for kind, values in util.sorted_pairs(principal) do
    if not KINDS[kind] then refuse_syntax() end
    for _, value in ipairs(evaluate.list(values)) do
      local known = type(value) == "string" and value ~= ""
      if known and kind == "AWS" then
        known = value == "*" or value:find "^%d%d%d%d%d%d%d%d%d%d%d%d$"
          or value:find "^arn:[%w-]+:iam::%d+:root$"
          or value:find "^arn:[%w-]+:%w+::%d+:[%w-]+/.+" and exists(value)
      elseif known and kind == "Service" then
        known = value:find "^[%w.-]+%.amazonaws%.com[.%w]*$" ~= nil
      end
      if not known then refuse('Invalid principal in policy: "%s":"%s"', kind, tostring(value)) end
    end
  end
end

local ASSUMING = { ["sts:assumerole"] = true, ["sts:assumerolewithwebidentity"] = true,
  ["sts:assumerolewithsaml"] = true, ["sts:tagsession"] = true, ["sts:setsourceidentity"] = true,
  ["sts:setcontext"] = true, ["sts:*"] = true }

local function check_trust(statement, exists)
  if not present(statement.Action) and not present(statement.NotAction) then
    refuse "Missing required field Action"
  elseif statement.Principal == nil and statement.NotPrincipal == nil then
    refuse "Missing required field Principal"
  elseif statement.Resource ~= nil or statement.NotResource ~= nil then
    refuse "Has prohibited field Resource"
  end
  for _, action in ipairs(evaluate.list(statement.Action)) do
    if not ASSUMING[action:lower()] then
      refuse "AssumeRole policy may only specify STS AssumeRole actions."
    end
  end
  check_principal(statement.Principal or statement.NotPrincipal, exists)
end

--- Reads a document, or refuses it.
--- @param document string
--- @param kind "managed"|"inline"|"trust"|"session"
--- @param exists? fun(arn: string): boolean whether there is a principal; default yes
--- @return table
function M.parse(document, kind, exists)
  local parsed = json.try_decode(document)
  if type(parsed) ~= "table" then
    if kind == "trust" then refuse "This policy contains invalid Json" end
    refuse_syntax()
  end
  for element in pairs(parsed) do
    if not TOP[element] then refuse_syntax() end
  end
  local version, statements = parsed.Version, evaluate.list(parsed.Statement)
  if version ~= nil and version ~= "2012-10-17" and version ~= "2008-10-17" or not statements[1] then
    refuse_syntax()
  end
  for _, statement in ipairs(statements) do check_statement(statement) end
  if kind ~= "trust" and version ~= "2012-10-17" then
    refuse "Policy document must be version 2012-10-17 or greater."
  end
  local sids = {}
  for _, statement in ipairs(statements) do
    local sid = statement.Sid
    if sid and sid ~= "" then
      if sids[sid] then refuse "Statement IDs (SID) in a single policy must be unique." end
      if sid:find "%W" and kind ~= "trust" then
        refuse("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
          .. "expression [0-9A-Za-z]*")
      end
      sids[sid] = true
    end
    if kind == "trust" then
      check_trust(statement, exists or function() return true end)
    else
      check_permissions(statement)
    end
  end
  local limit = LIMITS[kind]
  if limit and #document:gsub("%s", "") > limit[1] then
    fault.raise_with("LimitExceeded", ("Cannot exceed quota for %s: %d"):format(limit[2], limit[1]),
      { status = 409 })
  end
  return parsed
end

return M
