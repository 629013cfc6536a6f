--- Service Quotas: those that clusters meet, as of January 2026, and requests to raise them.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"

local M = { operations = {}, events = {} }
local operations = M.operations

--- By service: its name, and the quotas: code, name, value, whether it can be raised.
local services = {
  autoscaling = { "Amazon EC2 Auto Scaling", {
    { "L-CDE20ADC", "Auto Scaling groups per region", 500, true },
  } },
  cloudformation = { "AWS CloudFormation", { { "L-0485CB21", "Stack count", 2000, true } } },
  ec2 = { "Amazon Elastic Compute Cloud (Amazon EC2)", {
    { "L-0263D0A3", "EC2-VPC Elastic IPs", 5, true },
    { "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1152, true },
    { "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 1152, true },
    { "L-DB2E81BA", "Running On-Demand G and VT instances", 64, true },
    { "L-417A185B", "Running On-Demand P instances", 192, true },
    { "L-FB451C26", "Launch templates per region", 5000, true },
  } },
  eks = { "Amazon Elastic Kubernetes Service (Amazon EKS)", {
    { "L-1194D53C", "Clusters", 100, true },
    { "L-6D54EA21", "Managed node groups per cluster", 30, true },
    { "L-BD136A63", "Nodes per managed node group", 450, true },
    { "L-33415657", "Fargate profiles per cluster", 10, true },
    { "L-FDE22D50", "Label pairs per Fargate profile selector", 5, true },
    { "L-8BE1BD4D", "Selectors per Fargate profile", 5, true },
  } },
  elasticloadbalancing = { "Elastic Load Balancing (ELB)", {
    { "L-53DA6B97", "Application Load Balancers per Region", 50, true },
    { "L-69A177A2", "Network Load Balancers per Region", 50, true },
    { "L-B22855CB", "Target Groups per Region", 3000, true },
  } },
  fargate = { "AWS Fargate", { { "L-3032A538", "Fargate On-Demand vCPU resource count", 4000, true } } },
  iam = { "AWS Identity and Access Management (IAM)", {
    { "L-FE177D64", "Roles per account", 1000, true },
    { "L-0DA4ABF3", "Managed policies per role", 10, true },
    { "L-858F3967", "OpenId connect providers per account", 100, true },
  } },
  vpc = { "Amazon Virtual Private Cloud (Amazon VPC)", {
    { "L-F678F1CE", "VPCs per Region", 5, true },
    { "L-407747CB", "Subnets per VPC", 200, true },
    { "L-FE5A380F", "NAT gateways per Availability Zone", 5, true },
    { "L-A4707A72", "Internet gateways per Region", 5, true },
    { "L-E79EC296", "VPC security groups per Region", 2500, true },
    { "L-0EA8095F", "Inbound or outbound rules per security group", 60, true },
    { "L-29B6F2EB", "Interface VPC endpoints per VPC", 50, true },
    { "L-589F43AA", "Route tables per VPC", 200, true },
    { "L-DF5E4CA3", "Network interfaces per Region", 5000, true },
  } },
}

local function shown(call, service, quota, own)
  local raised = own and call:get("quotas.raised", service .. "/" .. quota[1])
  return {
    ServiceCode = service, ServiceName = services[service][1], QuotaCode = quota[1], QuotaName = quota[2],
    QuotaArn = call:arn("servicequotas", ("%s/%s"):format(service, quota[1])),
    Value = (raised and raised.value or quota[3]) + 0.0, Unit = "None", Adjustable = quota[4],
    GlobalQuota = service == "iam", QuotaAppliedAtLevel = "ACCOUNT",
  }
end

local function need_service(code)
  local service = services[code]
  if service then return service end
  fault.raise("NoSuchResourceException", "The request failed because the specified service does not exist.")
end

local function need(call, params, own)
  for _, quota in ipairs(need_service(params.ServiceCode)[2]) do
    if quota[1] == params.QuotaCode then return shown(call, params.ServiceCode, quota, own), quota end
  end
  fault.raise("NoSuchResourceException", "The request failed because the specified quota does not exist.")
end

local function all(call, params, own)
  local list = json.array {}
  for i, quota in ipairs(need_service(params.ServiceCode)[2]) do
    list[i] = shown(call, params.ServiceCode, quota, own)
  end
  return { Quotas = list }
end

function operations.GetServiceQuota(call, params) return { Quota = (need(call, params, true)) } end
function operations.GetAWSDefaultServiceQuota(call, params) return { Quota = (need(call, params, false)) } end
function operations.ListServiceQuotas(call, params) return all(call, params, true) end
function operations.ListAWSDefaultServiceQuotas(call, params) return all(call, params, false) end

function operations.ListServices()
  local list = json.array {}
  for code, service in require("eksrun.util").sorted_pairs(services) do
    list[#list + 1] = { ServiceCode = code, ServiceName = service[1] }
  end
  return { Services = list }
end

function operations.RequestServiceQuotaIncrease(call, params)
  local quota = need(call, params, true)
  if params.DesiredValue <= quota.Value then
    fault.raise("IllegalArgumentException", "You must provide a quota value greater than the current quota "
      .. "value")
  end
  local open = call:find("quotas.request", function(r)
    return r.ServiceCode == params.ServiceCode and r.QuotaCode == params.QuotaCode and r.Status == "PENDING"
  end)
  if open then
    fault.raise("ResourceAlreadyExistsException", "Only one open service quota increase request is allowed "
      .. "per quota.")
  end
  local id = call:hash("request"):sub(1, 40)
  local request = call:put("quotas.request", id, {
    Id = id, ServiceCode = params.ServiceCode, ServiceName = quota.ServiceName, QuotaCode = params.QuotaCode,
    QuotaName = quota.QuotaName, DesiredValue = params.DesiredValue, Status = "PENDING",
    Created = call:time(), LastUpdated = call:time(), Requester = "{}", QuotaArn = quota.QuotaArn,
    GlobalQuota = quota.GlobalQuota, Unit = quota.Unit, QuotaRequestedAtLevel = "ACCOUNT",
  })
  call:after(call:duration("quotas.request", id), "service-quotas.approved", { id = id })
  return { RequestedQuota = request }
end

M.events["service-quotas.approved"] = function(call, arguments)
  local request = call:get("quotas.request", arguments.id)
  if not request then return end
  request.Status, request.LastUpdated = "APPROVED", call:time()
  call:put("quotas.raised", request.ServiceCode .. "/" .. request.QuotaCode, { value = request.DesiredValue })
end

function operations.GetRequestedServiceQuotaChange(call, params)
  local request = call:get("quotas.request", params.RequestId)
  if not request then
    fault.raise("NoSuchResourceException", "The request failed because the specified request does not exist.")
  end
  return { RequestedQuota = request }
end

function operations.ListRequestedServiceQuotaChangeHistory(call, params)
  return {
    RequestedQuotas = json.array(call:all("quotas.request", function(request)
      return (not params.ServiceCode or request.ServiceCode == params.ServiceCode)
        and (not params.Status or request.Status == params.Status)
    end)),
  }
end

return M
