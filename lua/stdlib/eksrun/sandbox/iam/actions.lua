--- What IAM calls what the services' operations do, where it is not service:Operation, and what an operation
--- asks for besides. As the service authorization reference has it; data only.
local M = {}

--- What stands before the colon, where it is not the name that the service signs with.
M.prefix = {
  resourcegroupstaggingapi = "tag", ["service-quotas"] = "servicequotas", pricing = "pricing",
  elbv2 = "elasticloadbalancing", elb = "elasticloadbalancing", cloudwatch = "cloudwatch",
}

--- Operations that anybody may call who has credentials.
M.free = {
  sts = { GetCallerIdentity = true, GetSessionToken = true, AssumeRoleWithWebIdentity = true,
    AssumeRoleWithSAML = true },
}

--- By service and operation: what the action is called.
M.renamed = {
  sqs = {
    SendMessageBatch = "SendMessage", DeleteMessageBatch = "DeleteMessage",
    ChangeMessageVisibilityBatch = "ChangeMessageVisibility",
  },
  s3 = {
    AbortMultipartUpload = "AbortMultipartUpload", CompleteMultipartUpload = "PutObject",
    CopyObject = "PutObject", CreateMultipartUpload = "PutObject", DeleteBucketCors = "PutBucketCORS",
    DeleteBucketEncryption = "PutEncryptionConfiguration",
    DeleteBucketLifecycle = "PutLifecycleConfiguration", DeleteBucketOwnershipControls =
    "PutBucketOwnershipControls", DeleteBucketTagging = "PutBucketTagging", DeleteObjects = "DeleteObject",
    DeletePublicAccessBlock = "PutBucketPublicAccessBlock", GetBucketCors = "GetBucketCORS",
    GetBucketEncryption = "GetEncryptionConfiguration",
    GetBucketLifecycleConfiguration = "GetLifecycleConfiguration",
    GetPublicAccessBlock = "GetBucketPublicAccessBlock", HeadBucket = "ListBucket", HeadObject = "GetObject",
    ListBuckets = "ListAllMyBuckets", ListMultipartUploads = "ListBucketMultipartUploads",
    ListObjects = "ListBucket", ListObjectsV2 = "ListBucket", ListObjectVersions = "ListBucketVersions",
    ListParts = "ListMultipartUploadParts", PutBucketCors = "PutBucketCORS",
    PutBucketEncryption = "PutEncryptionConfiguration",
    PutBucketLifecycleConfiguration = "PutLifecycleConfiguration",
    PutPublicAccessBlock = "PutBucketPublicAccessBlock", UploadPart = "PutObject",
    UploadPartCopy = "PutObject",
  },
}

--- By service: the action that tags on creation ask for; by operation where it differs.
M.tagging = {
  autoscaling = "CreateOrUpdateTags", cloudformation = "TagResource", ec2 = "CreateTags",
  ecr = "TagResource", eks = "TagResource", elb = "AddTags",
  elbv2 = "AddTags", kms = "TagResource", logs = "TagResource",
  secretsmanager = "TagResource", ssm = "AddTagsToResource", sqs = "TagQueue", dynamodb = "TagResource",
  iam = {
    CreateRole = "TagRole", CreatePolicy = "TagPolicy", CreateUser = "TagUser",
    CreateInstanceProfile = "TagInstanceProfile", CreateOpenIDConnectProvider = "TagOpenIDConnectProvider",
  },
}

--- Roles that a call gives to a service: member of the parameters, the service.
M.passes = {
  eks = {
    CreateCluster = { roleArn = "eks.amazonaws.com" }, CreateNodegroup = { nodeRole = "eks.amazonaws.com" },
    CreateFargateProfile = { podExecutionRoleArn = "eks.amazonaws.com" },
    CreateAddon = { serviceAccountRoleArn = "eks.amazonaws.com" },
    UpdateAddon = { serviceAccountRoleArn = "eks.amazonaws.com" },
    CreatePodIdentityAssociation = { roleArn = "pods.eks.amazonaws.com" },
    UpdatePodIdentityAssociation = { roleArn = "pods.eks.amazonaws.com" },
    CreateCapability = { roleArn = "capabilities.eks.amazonaws.com" },
  },
  cloudformation = {
    CreateStack = { RoleARN = "cloudformation.amazonaws.com" },
    UpdateStack = { RoleARN = "cloudformation.amazonaws.com" },
    CreateChangeSet = { RoleARN = "cloudformation.amazonaws.com" },
    DeleteStack = { RoleARN = "cloudformation.amazonaws.com" },
  },
}

--- Service-linked roles that a call makes when the account has none of them yet: service and name.
M.linked_roles = {
  eks = {
    CreateCluster = { "eks.amazonaws.com", "AWSServiceRoleForAmazonEKS" },
    CreateNodegroup = { "eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup" },
    CreateFargateProfile = { "eks-fargate.amazonaws.com", "AWSServiceRoleForAmazonEKSForFargate" },
  },
  autoscaling = {
    CreateAutoScalingGroup = { "autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling" },
  },
  elbv2 = {
    CreateLoadBalancer = { "elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing" },
  },
}

--- Further actions that a call asks for of the role in a member.
M.of_role = {
  eks = {
    CreateNodegroup = { member = "nodeRole", "iam:GetRole", "iam:ListAttachedRolePolicies" },
    CreateFargateProfile = { member = "podExecutionRoleArn", "iam:GetRole" },
    CreatePodIdentityAssociation = { member = "roleArn", "iam:GetRole" },
    UpdatePodIdentityAssociation = { member = "roleArn", "iam:GetRole" },
  },
}

--- What EC2's ids begin with: the type in the ARN.
M.ec2_types = {
  acl = "network-acl", ami = "image", dopt = "dhcp-options", eigw = "egress-only-internet-gateway",
  eipalloc = "elastic-ip", eni = "network-interface", i = "instance", igw = "internet-gateway",
  key = "key-pair", lt = "launch-template", nat = "natgateway", pcx = "vpc-peering-connection",
  pg = "placement-group", pl = "prefix-list", rtb = "route-table", sg = "security-group",
  sgr = "security-group-rule", snap = "snapshot", subnet = "subnet", vol = "volume", vpc = "vpc",
  vpce = "vpc-endpoint", fl = "vpc-flow-log",
}

--- The types that EC2's operations make.
M.ec2_made = {
  AllocateAddress = { "elastic-ip" }, CreateDhcpOptions = { "dhcp-options" },
  CreateEgressOnlyInternetGateway = { "egress-only-internet-gateway" },
  CreateInternetGateway = { "internet-gateway" }, CreateKeyPair = { "key-pair" },
  CreateLaunchTemplate = { "launch-template" }, CreateNatGateway = { "natgateway" },
  CreateNetworkAcl = { "network-acl" }, CreateNetworkInterface = { "network-interface" },
  CreatePlacementGroup = { "placement-group" }, CreateRouteTable = { "route-table" },
  CreateSecurityGroup = { "security-group" }, CreateSubnet = { "subnet" }, CreateVolume = { "volume" },
  CreateVpc = { "vpc" }, CreateVpcEndpoint = { "vpc-endpoint" }, ImportKeyPair = { "key-pair" },
  RunInstances = { "instance", "network-interface", "volume" },
  AuthorizeSecurityGroupIngress = {}, AuthorizeSecurityGroupEgress = {},
  CreateVpcPeeringConnection = { "vpc-peering-connection" }, CreateFlowLogs = { "vpc-flow-log" },
  CreateManagedPrefixList = { "prefix-list" },
}

--- Parameters of EC2 that name something which the permission is not about.
M.ec2_not_asked = {
  CreateRoute = { GatewayId = true, NatGatewayId = true, VpcEndpointId = true, NetworkInterfaceId = true,
    EgressOnlyInternetGatewayId = true, InstanceId = true, VpcPeeringConnectionId = true },
  ReplaceRoute = { GatewayId = true, NatGatewayId = true, VpcEndpointId = true, NetworkInterfaceId = true,
    EgressOnlyInternetGatewayId = true, InstanceId = true, VpcPeeringConnectionId = true },
}

return M
