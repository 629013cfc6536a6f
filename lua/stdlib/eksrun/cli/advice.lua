--- What to do about what AWS refuses, where its own message does not say: quotas, permissions, capacity,
--- zones.
local M = {}

-- Quotas, by the code of the refusal: service and number as Service Quotas has them.
local QUOTAS = {
  VpcLimitExceeded = "vpc L-F678F1CE",
  SubnetLimitExceeded = "vpc L-407747CB",
  InternetGatewayLimitExceeded = "vpc L-A4707A72",
  NatGatewayLimitExceeded = "vpc L-FE5A380F",
  RouteTableLimitExceeded = "vpc L-589F43AA",
  SecurityGroupLimitExceeded = "vpc L-E79EC296",
  RulesPerSecurityGroupLimitExceeded = "vpc L-0EA8095F",
  AddressLimitExceeded = "ec2 L-0263D0A3",
  VcpuLimitExceeded = "ec2 L-1216C47A",
}

-- Services whose quotas stand under another name.
local QUOTA_SERVICE = { elbv2 = "elasticloadbalancing", elb = "elasticloadbalancing" }

local function quota(err)
  local service, code = (QUOTAS[err.code] or ""):match "^(%S+) (%S+)$"
  if service then
    return ("delete what is not used, or ask for more: eksrun call service-quotas request-service-quota-"
      .. "increase --service-code %s --quota-code %s --desired-value N"):format(service, code)
  end
  return ("delete what is not used, or ask for more; the quotas: eksrun call service-quotas "
    .. "list-service-quotas --service-code %s"):format(QUOTA_SERVICE[err.service] or err.service or "ec2")
end

local PERMISSIONS = "eksrun policy RECIPE prints the IAM policy that the recipe needs"

-- By what code and message have in them; the first that fits counts.
local RULES = {
  { code = "^RequestLimitExceeded$", text = "AWS takes no more calls for now: run it again later" },
  { code = "LimitExceeded", text = quota },
  { code = "^ServiceQuotaExceeded", text = quota },
  { code = "^AccessDenied", text = PERMISSIONS },
  { code = "^UnauthorizedOperation$", text = PERMISSIONS },
  { code = "^UnsupportedAvailabilityZone", text = "name the zones: zones = { ... } of vpc.network" },
  {
    code = "^ResourceNotFoundException$", message = "^eks:%w+: .*No cluster found",
    text = "the clusters there: eksrun call eks list-clusters; other places: --region, --profile",
  },
  {
    code = "^InvalidParameterException$", message = "principalArn",
    text = "look whether that role or user exists, and whether its ARN is right",
  },
  { code = "^InsufficientFreeAddressesInSubnet$", text = "give a larger range, or other subnets" },
  {
    message = "sufficient [%w%.-]* ?capacity",
    text = "add other instance types or zones, or run it again later",
  },
}

--- @param err any error object of a call, or of a wait
--- @return string? one line
function M.of(err)
  if type(err) ~= "table" then return nil end
  local code, message = tostring(err.code or ""), tostring(err.message or "")
  for _, rule in ipairs(RULES) do
    if code:find(rule.code or "") and message:find(rule.message or "") then
      return type(rule.text) == "function" and rule.text(err) or rule.text
    end
  end
end

-- What the same call fails with again, until somebody has changed something.
local LASTING = {
  "^Invalid", "^Validation", "^Malformed", "^Missing", "^Unsupported", "^Unknown", "NotFound",
  "AlreadyExists", "^AccessDenied", "^UnauthorizedOperation$", "LimitExceeded", "QuotaExceeded",
  "^validation$", "^recipe$", -- eksrun's own: what a :map or a step raises
}

--- Whether to run again is of no use before what failed is mended.
--- @param err any
--- @return boolean
function M.is_lasting(err)
  local code = type(err) == "table" and tostring(err.code) or ""
  if code == "RequestLimitExceeded" or type(err) == "table" and err.retryable then return false end
  for _, pattern in ipairs(LASTING) do
    if code:find(pattern) then return true end
  end
  return false
end

return M
