--- The buckets that AWS documents: how fast it takes requests, of an account in a region. Source: "Request
--- throttling" in the developer guides of EC2 and Elastic Load Balancing. The client waits for their tokens;
--- the sandbox refuses who does not. Of other services AWS says nothing.
local M = {}

--- @class eksrun.aws.Limit a bucket, and what a request takes out of it
--- @field name string of the bucket: limits of one name take from one bucket
--- @field capacity number tokens
--- @field rate number tokens a second
--- @field cost integer tokens

-- -- EC2: a bucket for each operation -----------------------------------------------------------------------

local READS = { 100, 20 }
local WRITES = { 50, 5 }
-- Reads with neither a filter nor pages.
local UNFILTERED = { 50, 10 }

-- Those with buckets of their own: capacity, rate, operations.
local OWN = {
  { 1, 0.1, "AdvertiseByoipCidr DeprovisionByoipCidr DisableImageBlockPublicAccess "
    .. "DisableSnapshotBlockPublicAccess EnableImageBlockPublicAccess EnableSnapshotBlockPublicAccess "
    .. "ProvisionByoipCidr WithdrawByoipCidr" },
  { 1, 0.5, "AssociateCapacityReservationBillingOwner DescribeByoipCidrs "
    .. "DisassociateCapacityReservationBillingOwner" },
  { 1, 1, "CancelDeclarativePoliciesReport CreateDefaultSubnet CreateDefaultVpc DescribeInstanceTopology "
    .. "DescribeMovingAddresses MoveAddressToVpc RestoreAddressToClassic StartDeclarativePoliciesReport" },
  { 2, 2, "ModifyInstanceMetadataDefaults" },
  { 4, 0.3, "CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint" },
  { 5, 1, "CreateCoipCidr CreateCoipPool CreateSubnetCidrReservation DeleteCoipCidr DeleteCoipPool "
    .. "DeleteCoipPoolPermission DeleteSubnetCidrReservation" },
  { 5, 2, "AuthorizeClientVpnIngress CreateClientVpnRoute DeleteClientVpnRoute DescribeHostReservations "
    .. "DescribeHostReservationOfferings DisableFastLaunch EnableFastLaunch "
    .. "GetHostReservationPurchasePreview PurchaseHostReservation RevokeClientVpnIngress RunInstances "
    .. "StartInstances" },
  { 5, 5, "DeleteQueuedReservedInstances DescribeDeclarativePoliciesReports "
    .. "GetDeclarativePoliciesReportSummary PurchaseReservedInstancesOffering" },
  { 10, 0.15, "DescribeCapacityBlockExtensionOfferings DescribeCapacityBlockOfferings PurchaseCapacityBlock "
    .. "PurchaseCapacityBlockExtension" },
  { 10, 1, "AcceptVpcEndpointConnections AssignPrivateNatGatewayAddress AssociateEnclaveCertificateIamRole "
    .. "AssociateNatGatewayAddress CreateNatGateway CreateVpcEndpointServiceConfiguration "
    .. "DeleteNatGateway DeleteVpcEndpointServiceConfigurations DisassociateEnclaveCertificateIamRole "
    .. "DisassociateNatGatewayAddress GetAssociatedEnclaveCertificateIamRoles "
    .. "ModifyVpcEndpointServiceConfiguration RejectVpcEndpointConnections "
    .. "UnassignPrivateNatGatewayAddress" },
  { 10, 2, "AttachVerifiedAccessTrustProvider CreateVerifiedAccessGroup CreateVerifiedAccessInstance "
    .. "CreateVerifiedAccessTrustProvider DeleteVerifiedAccessGroup DeleteVerifiedAccessInstance "
    .. "DeleteVerifiedAccessTrustProvider DescribeVerifiedAccessInstanceLoggingConfigurations "
    .. "DetachVerifiedAccessTrustProvider ModifyVerifiedAccessGroup ModifyVerifiedAccessInstance "
    .. "ModifyVerifiedAccessInstanceLoggingConfiguration ModifyVerifiedAccessTrustProvider" },
  { 10, 10, "DescribeAggregateIdFormat DescribeIdentityIdFormat DescribeIdFormat DescribePrincipalIdFormat "
    .. "DescribeReservedInstancesOfferings" },
  { 20, 4, "CreateVerifiedAccessEndpoint DeleteVerifiedAccessEndpoint ModifyVerifiedAccessEndpoint "
    .. "ModifyVerifiedAccessEndpointPolicy ModifyVerifiedAccessGroupPolicy" },
  { 20, 5, "DescribeSecurityGroupReferences DescribeStaleSecurityGroups" },
  { 50, 0.1, "CreateRestoreImageTask CreateStoreImageTask" },
  { 50, 0.5, "DescribeStoreImageTasks" },
  { 50, 3, "CreateSpotDatafeedSubscription DeleteSpotDatafeedSubscription DescribeSpotFleetRequests" },
  { 100, 1, "CopyImage" },
  { 100, 5, "AssignIpv6Addresses AssignPrivateIpAddresses AssociateIamInstanceProfile "
    .. "CreateLaunchTemplateVersion CreateNetworkInterface CreateSnapshot CreateSnapshots CreateVolume "
    .. "DeleteNetworkInterface DeleteSnapshot DeleteVolume DeregisterImage DescribeSpotFleetInstances "
    .. "DescribeSpotFleetRequestHistory DisassociateIamInstanceProfile ModifyImageAttribute "
    .. "ModifyInstanceMetadataOptions ModifyLaunchTemplate ModifyNetworkInterfaceAttribute "
    .. "ModifySnapshotAttribute TerminateInstances UnassignPrivateIpAddresses" },
  { 100, 10, "CreateTags DeleteTags" },
  { 100, 13, "DescribeSpotDatafeedSubscription" },
}

local FILTERABLE = {
  DescribeInstances = true, DescribeInstanceStatus = true, DescribeNetworkInterfaces = true,
  DescribeSecurityGroups = true, DescribeSnapshots = true, DescribeSpotInstanceRequests = true,
  DescribeVolumes = true,
}

-- Operations that take tokens for instances as well: capacity, rate, how many of them.
local function counted(params) return #(params.InstanceIds or {}) end
local INSTANCES = {
  RunInstances = { 1000, 2, function(params) return params.MaxCount end },
  StartInstances = { 1000, 2, counted }, StopInstances = { 1000, 20, counted },
  TerminateInstances = { 1000, 20, counted },
}

-- -- Elastic Load Balancing: buckets for kinds of operations, and one for all -------------------------------

local BALANCING = {
  { "heavy", 10, 0.2, "CreateLoadBalancer SetSubnets AttachLoadBalancerToSubnets "
    .. "DetachLoadBalancerFromSubnets EnableAvailabilityZonesForLoadBalancer "
    .. "DisableAvailabilityZonesForLoadBalancer" },
  { "registration", 20, 4, "RegisterTargets DeregisterTargets RegisterInstancesWithLoadBalancer "
    .. "DeregisterInstancesFromLoadBalancer" },
}
local BALANCING_READS, BALANCING_WRITES = { "reads", 40, 10 }, { "writes", 20, 3 }
local BALANCING_ALL = { "all", 40, 10 }

-- -- look-up ------------------------------------------------------------------------------------------------

local function named(list, at)
  local by_name = {}
  for _, entry in ipairs(list) do
    for name in entry[at]:gmatch "%w+" do by_name[name] = entry end
  end
  return by_name
end

local own, balancing = named(OWN, 3), named(BALANCING, 4)

local function limit(name, capacity, rate, cost)
  return { name = name, capacity = capacity, rate = rate, cost = cost or 1 }
end

local function reads(operation)
  return operation:find "^Describe" or operation:find "^Get" or operation:find "^List"
    or operation:find "^Search"
end

local readers = {}

function readers.ec2(operation, params)
  if FILTERABLE[operation] and not (params.Filters or params.MaxResults or params.NextToken) then
    return { limit(operation .. " unfiltered", UNFILTERED[1], UNFILTERED[2]) }
  end
  local bucket = own[operation] or (reads(operation) and READS or WRITES)
  local list, instances = { limit(operation, bucket[1], bucket[2]) }, INSTANCES[operation]
  if instances then
    local cost = math.min(math.max(instances[3](params) or 1, 1), instances[1])
    list[2] = limit(operation .. " instances", instances[1], instances[2], cost)
  end
  return list
end

function readers.elbv2(operation)
  local kind = balancing[operation] or (reads(operation) and BALANCING_READS or BALANCING_WRITES)
  return { limit(kind[1], kind[2], kind[3]), limit(table.unpack(BALANCING_ALL)) }
end
readers.elb = readers.elbv2

local NONE, known = {}, {}

--- What a request takes out of which buckets.
--- @param service string "ec2"
--- @param operation string "DescribeVpcs"
--- @param params table of the request
--- @return eksrun.aws.Limit[] limits empty: nobody says
function M.of(service, operation, params)
  local reader = readers[service]
  if not reader then return NONE end
  if FILTERABLE[operation] or INSTANCES[operation] then return reader(operation, params) end
  local key = service .. ":" .. operation
  known[key] = known[key] or reader(operation, params)
  return known[key]
end

return M
