--- AWS's own policies that clusters use: path, version and document, as of May 2026. Of ReadOnlyAccess, which
--- names every service, the services that the sandbox has.
--- @type table<string, { path: string, version: string, document: string }>
-- luacheck: ignore 631
return {
  AWSCloudMapFullAccess = {
    path = "/", version = "v2",
    document = [[
{"Statement": [{"Action": ["route53:GetHostedZone", "route53:ListHostedZonesByName",
"route53:CreateHostedZone", "route53:DeleteHostedZone", "route53:ChangeResourceRecordSets",
"route53:CreateHealthCheck", "route53:GetHealthCheck", "route53:DeleteHealthCheck",
"route53:UpdateHealthCheck", "ec2:DescribeVpcs", "ec2:DescribeRegions", "ec2:DescribeInstances",
"servicediscovery:*"], "Effect": "Allow", "Resource": ["*"]}], "Version": "2012-10-17"}
]],
  },
  AWSXRayDaemonWriteAccess = {
    path = "/", version = "v2",
    document = [[
{"Statement": [{"Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
"xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"], "Effect": "Allow", "Resource": ["*"],
"Sid": "AWSXRayDaemonWriteAccess"}], "Version": "2012-10-17"}
]],
  },
  AdministratorAccess = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": "*", "Effect": "Allow", "Resource": "*"}], "Version": "2012-10-17"}
]],
  },
  AmazonDynamoDBReadOnlyAccess = {
    path = "/", version = "v15",
    document = [[
{"Statement": [{"Action": ["application-autoscaling:DescribeScalableTargets",
"application-autoscaling:DescribeScalingActivities", "application-autoscaling:DescribeScalingPolicies",
"cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmsForMetric",
"cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData",
"datapipeline:DescribeObjects", "datapipeline:DescribePipelines", "datapipeline:GetPipelineDefinition",
"datapipeline:ListPipelines", "datapipeline:QueryObjects", "dynamodb:BatchGetItem", "dynamodb:Describe*",
"dynamodb:List*", "dynamodb:GetAbacStatus", "dynamodb:GetItem", "dynamodb:GetResourcePolicy",
"dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect", "dax:Describe*", "dax:List*", "dax:GetItem",
"dax:BatchGetItem", "dax:Query", "dax:Scan", "ec2:DescribeVpcs", "ec2:DescribeSubnets",
"ec2:DescribeSecurityGroups", "iam:GetRole", "iam:ListRoles", "kms:DescribeKey", "kms:ListAliases",
"sns:ListSubscriptionsByTopic", "sns:ListTopics", "lambda:ListFunctions", "lambda:ListEventSourceMappings",
"lambda:GetFunctionConfiguration", "resource-groups:ListGroups", "resource-groups:ListGroupResources",
"resource-groups:GetGroup", "resource-groups:GetGroupQuery", "tag:GetResources", "kinesis:ListStreams",
"kinesis:DescribeStream", "kinesis:DescribeStreamSummary"], "Effect": "Allow", "Resource": "*", "Sid":
"GeneralReadOnlyAccess"}, {"Action": "cloudwatch:GetInsightRuleReport", "Effect": "Allow", "Resource":
"arn:aws:cloudwatch:*:*:insight-rule/DynamoDBContributorInsights*", "Sid": "CCIAccess"}], "Version":
"2012-10-17"}
]],
  },
  AmazonEBSCSIDriverPolicy = {
    path = "/service-role/", version = "v14",
    document = [[
{"Statement": [{"Action": ["ec2:DescribeAvailabilityZones", "ec2:DescribeInstances",
"ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVolumes", "ec2:DescribeVolumesModifications",
"ec2:DescribeVolumeStatus"], "Effect": "Allow", "Resource": "*"}, {"Action": ["ec2:CreateSnapshot",
"ec2:ModifyVolume"], "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*"}, {"Action":
["ec2:CopyVolumes"], "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:volume/vol-*"]}, {"Action":
["ec2:AttachVolume", "ec2:DetachVolume"], "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:volume/*",
"arn:aws:ec2:*:*:instance/*"]}, {"Action": ["ec2:CreateVolume", "ec2:EnableFastSnapshotRestores"], "Effect":
"Allow", "Resource": "arn:aws:ec2:*:*:snapshot/*"}, {"Action": ["ec2:CreateTags"], "Condition":
{"StringEquals": {"ec2:CreateAction": ["CreateVolume", "CreateSnapshot", "CopyVolumes"]}}, "Effect":
"Allow", "Resource": ["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*:*:snapshot/*"]}, {"Action":
["ec2:DeleteTags"], "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:volume/*",
"arn:aws:ec2:*:*:snapshot/*"]}, {"Action": ["ec2:CreateVolume", "ec2:CopyVolumes"], "Condition":
{"StringLike": {"aws:RequestTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*"}, {"Action": ["ec2:CreateVolume", "ec2:CopyVolumes"], "Condition": {"StringLike":
{"aws:RequestTag/CSIVolumeName": "*"}}, "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*"},
{"Action": ["ec2:DeleteVolume"], "Condition": {"StringLike": {"ec2:ResourceTag/ebs.csi.aws.com/cluster":
"true"}}, "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*"}, {"Action": ["ec2:DeleteVolume"],
"Condition": {"StringLike": {"ec2:ResourceTag/CSIVolumeName": "*"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*"}, {"Action": ["ec2:DeleteVolume"], "Condition": {"StringLike":
{"ec2:ResourceTag/kubernetes.io/created-for/pvc/name": "*"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*"}, {"Action": ["ec2:CreateSnapshot"], "Condition": {"StringLike":
{"aws:RequestTag/CSIVolumeSnapshotName": "*"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:snapshot/*"}, {"Action": ["ec2:CreateSnapshot"], "Condition": {"StringLike":
{"aws:RequestTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:snapshot/*"}, {"Action": ["ec2:DeleteSnapshot", "ec2:LockSnapshot"], "Condition":
{"StringLike": {"ec2:ResourceTag/CSIVolumeSnapshotName": "*"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:snapshot/*"}, {"Action": ["ec2:DeleteSnapshot", "ec2:LockSnapshot"], "Condition":
{"StringLike": {"ec2:ResourceTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:snapshot/*"}], "Version": "2012-10-17"}
]],
  },
  AmazonEBSCSIDriverPolicyV2 = {
    path = "/service-role/", version = "v1",
    document = [[
{"Statement": [{"Action": ["ec2:DescribeAvailabilityZones", "ec2:DescribeInstances",
"ec2:DescribeInstanceTypes", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
"ec2:DescribeVolumesModifications", "ec2:DescribeVolumeStatus"], "Effect": "Allow", "Resource": "*", "Sid":
"ReadOnlyDescribeOperations"}, {"Action": ["ec2:CreateVolume", "ec2:CopyVolumes"], "Condition":
{"StringEquals": {"aws:RequestTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*", "Sid": "CreateAndCopyVolumesWithManagedTag"}, {"Action": ["ec2:CopyVolumes"],
"Condition": {"StringEquals": {"ec2:ResourceTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow",
"Resource": "arn:aws:ec2:*:*:volume/vol-*", "Sid": "CopyManagedVolumes"}, {"Action": ["ec2:CopyVolumes"],
"Condition": {"StringLike": {"ec2:ResourceTag/kubernetes.io/created-for/pvc/name": "*"}}, "Effect": "Allow",
"Resource": "arn:aws:ec2:*:*:volume/vol-*", "Sid": "CopyCSIMigratedVolumes"}, {"Action":
["ec2:CreateSnapshot"], "Condition": {"StringEquals": {"aws:RequestTag/ebs.csi.aws.com/cluster": "true"}},
"Effect": "Allow", "Resource": "arn:aws:ec2:*:*:snapshot/*", "Sid": "CreateSnapshotsWithManagedTag"},
{"Action": ["ec2:CreateSnapshot"], "Condition": {"StringEquals": {"ec2:ResourceTag/ebs.csi.aws.com/cluster":
"true"}}, "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*", "Sid":
"CreateSnapshotsFromManagedVolumes"}, {"Action": ["ec2:ModifyVolume", "ec2:AttachVolume",
"ec2:DetachVolume", "ec2:DeleteVolume"], "Condition": {"StringEquals":
{"ec2:ResourceTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*", "Sid": "ManageManagedVolumes"}, {"Action": ["ec2:ModifyVolume",
"ec2:AttachVolume", "ec2:DetachVolume", "ec2:DeleteVolume"], "Condition": {"StringLike":
{"ec2:ResourceTag/kubernetes.io/created-for/pvc/name": "*"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*", "Sid": "ManageCSIMigratedVolumes"}, {"Action": ["ec2:CreateVolume",
"ec2:EnableFastSnapshotRestores"], "Condition": {"StringEquals": {"ec2:ResourceTag/ebs.csi.aws.com/cluster":
"true"}}, "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:snapshot/*", "Sid":
"CreateVolumesFromAndEnableFSROnManagedSnapshots"}, {"Action": ["ec2:AttachVolume", "ec2:DetachVolume"],
"Effect": "Allow", "Resource": "arn:aws:ec2:*:*:instance/*", "Sid": "AttachDetachVolumesToAnyInstance"},
{"Action": ["ec2:DeleteSnapshot", "ec2:LockSnapshot"], "Condition": {"StringEquals":
{"ec2:ResourceTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:snapshot/*", "Sid": "DeleteAndLockManagedSnapshots"}, {"Action": ["ec2:CreateTags"],
"Condition": {"StringEquals": {"ec2:CreateAction": ["CreateVolume", "CreateSnapshot", "CopyVolumes"]}},
"Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*:*:snapshot/*"], "Sid":
"TagResourcesOnCreation"}, {"Action": ["ec2:CreateTags", "ec2:DeleteTags"], "Condition":
{"ForAllValues:StringNotEquals": {"aws:TagKeys": ["ebs.csi.aws.com/cluster", "ebs.csi.aws.com/cluster-name",
"kubernetes.io/created-for/pvc/name"]}, "Null": {"aws:TagKeys": "false"}, "StringEquals":
{"ec2:ResourceTag/ebs.csi.aws.com/cluster": "true"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:volume/*", "Sid": "ModifyTagsOnManagedVolumes"}], "Version": "2012-10-17"}
]],
  },
  AmazonEC2ContainerRegistryPowerUser = {
    path = "/", version = "v3",
    document = [[
{"Statement": [{"Action": ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability",
"ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages",
"ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview",
"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings", "ecr:InitiateLayerUpload",
"ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"], "Effect": "Allow", "Resource": "*"}],
"Version": "2012-10-17"}
]],
  },
  AmazonEC2ContainerRegistryPullOnly = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
"ecr:BatchImportUpstreamImage"], "Effect": "Allow", "Resource": "*"}], "Version": "2012-10-17"}
]],
  },
  AmazonEC2ContainerRegistryReadOnly = {
    path = "/", version = "v3",
    document = [[
{"Statement": [{"Action": ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability",
"ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy", "ecr:DescribeRepositories", "ecr:ListImages",
"ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetLifecyclePolicy", "ecr:GetLifecyclePolicyPreview",
"ecr:ListTagsForResource", "ecr:DescribeImageScanFindings"], "Effect": "Allow", "Resource": "*"}],
"Version": "2012-10-17"}
]],
  },
  AmazonEFSCSIDriverPolicy = {
    path = "/service-role/", version = "v1",
    document = [[
{"Statement": [{"Action": ["elasticfilesystem:DescribeAccessPoints",
"elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeMountTargets",
"ec2:DescribeAvailabilityZones"], "Effect": "Allow", "Resource": "*", "Sid": "AllowDescribe"}, {"Action":
["elasticfilesystem:CreateAccessPoint"], "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys":
"efs.csi.aws.com/cluster"}, "Null": {"aws:RequestTag/efs.csi.aws.com/cluster": "false"}}, "Effect": "Allow",
"Resource": "*", "Sid": "AllowCreateAccessPoint"}, {"Action": ["elasticfilesystem:TagResource"],
"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "efs.csi.aws.com/cluster"}, "Null":
{"aws:RequestTag/efs.csi.aws.com/cluster": "false"}, "StringEquals": {"elasticfilesystem:CreateAction":
"CreateAccessPoint"}}, "Effect": "Allow", "Resource": "*", "Sid": "AllowTagNewAccessPoints"}, {"Action":
"elasticfilesystem:DeleteAccessPoint", "Condition": {"Null": {"aws:ResourceTag/efs.csi.aws.com/cluster":
"false"}}, "Effect": "Allow", "Resource": "*", "Sid": "AllowDeleteAccessPoint"}], "Version": "2012-10-17"}
]],
  },
  AmazonEKSBlockStoragePolicy = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": ["ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyVolume",
"ec2:EnableFastSnapshotRestores"], "Condition": {"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
"ec2:CreateTags", "Condition": {"StringEquals": {"ec2:CreateAction": ["CreateVolume", "CreateSnapshot"]}},
"Effect": "Allow", "Resource": "*"}, {"Action": ["ec2:CreateVolume"], "Condition":
{"ForAllValues:StringLike": {"aws:TagKeys": ["eks:eks-cluster-name", "CSIVolumeName",
"ebs.csi.eks.amazonaws.com/cluster", "kubernetes.io/cluster/*", "kubernetes.io/created-for/*", "Name",
"KubernetesCluster"]}, "StringEquals": {"aws:RequestTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*"},
{"Action": ["ec2:CreateVolume"], "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:snapshot/*"}, {"Action":
["ec2:CreateSnapshot"], "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:volume/*"}, {"Action":
["ec2:CreateSnapshot"], "Condition": {"ForAllValues:StringLike": {"aws:TagKeys": ["eks:eks-cluster-name",
"CSIVolumeSnapshotName", "ebs.csi.eks.amazonaws.com/cluster", "kubernetes.io/cluster/*", "Name"]},
"StringEquals": {"aws:RequestTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}},
"Effect": "Allow", "Resource": "arn:aws:ec2:*:*:snapshot/*"}], "Version": "2012-10-17"}
]],
  },
  AmazonEKSClusterPolicy = {
    path = "/", version = "v10",
    document = [[
{"Statement": [{"Action": ["autoscaling:DescribeAutoScalingGroups", "autoscaling:UpdateAutoScalingGroup",
"ec2:AttachVolume", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateRoute", "ec2:CreateSecurityGroup",
"ec2:CreateTags", "ec2:CreateVolume", "ec2:DeleteRoute", "ec2:DeleteSecurityGroup", "ec2:DeleteVolume",
"ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
"ec2:DescribeVolumes", "ec2:DescribeVolumesModifications", "ec2:DescribeVpcs", "ec2:DescribeDhcpOptions",
"ec2:DescribeNetworkInterfaces", "ec2:DescribeAvailabilityZones", "ec2:DetachVolume",
"ec2:ModifyInstanceAttribute", "ec2:ModifyVolume", "ec2:RevokeSecurityGroupIngress",
"ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways",
"ec2:DescribeInstanceTopology", "elasticloadbalancing:AddTags",
"elasticloadbalancing:ApplySecurityGroupsToLoadBalancer",
"elasticloadbalancing:AttachLoadBalancerToSubnets", "elasticloadbalancing:ConfigureHealthCheck",
"elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
"elasticloadbalancing:CreateLoadBalancerListeners", "elasticloadbalancing:CreateLoadBalancerPolicy",
"elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteListener",
"elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteLoadBalancerListeners",
"elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
"elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:DescribeListeners",
"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancerPolicies",
"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTargetGroupAttributes",
"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
"elasticloadbalancing:DetachLoadBalancerFromSubnets", "elasticloadbalancing:ModifyListener",
"elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
"elasticloadbalancing:ModifyTargetGroupAttributes",
"elasticloadbalancing:RegisterInstancesWithLoadBalancer", "elasticloadbalancing:RegisterTargets",
"elasticloadbalancing:SetLoadBalancerPoliciesForBackendServer",
"elasticloadbalancing:SetLoadBalancerPoliciesOfListener", "kms:DescribeKey"], "Effect": "Allow", "Resource":
"*", "Sid": "AmazonEKSClusterPolicy"}, {"Action": "iam:CreateServiceLinkedRole", "Condition":
{"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}, "Effect": "Allow",
"Resource": "*", "Sid": "AmazonEKSClusterPolicySLRCreate"}, {"Action": "ec2:DeleteNetworkInterface",
"Condition": {"StringEquals": {"ec2:ResourceTag/eks:eni:owner": "amazon-vpc-cni"}}, "Effect": "Allow",
"Resource": "*", "Sid": "AmazonEKSClusterPolicyENIDelete"}], "Version": "2012-10-17"}
]],
  },
  AmazonEKSComputePolicy = {
    path = "/", version = "v6",
    document = [[
{"Statement": [{"Action": ["ec2:CreateFleet", "ec2:RunInstances"], "Effect": "Allow", "Resource":
["arn:aws:ec2:*:*:placement-group/*", "arn:aws:ec2:*:*:capacity-reservation/*", "arn:aws:ec2:*::image/*",
"arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:subnet/*"]}, {"Action": ["ec2:CreateFleet",
"ec2:RunInstances"], "Condition": {"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:launch-template/*"}, {"Action": ["ec2:CreateFleet", "ec2:RunInstances",
"ec2:CreateLaunchTemplate"], "Condition": {"ForAllValues:StringLike": {"aws:TagKeys":
["eks:eks-cluster-name", "eks:kubernetes-node-class-name", "eks:kubernetes-node-pool-name",
"kubernetes.io/cluster/*"]}, "StringEquals": {"aws:RequestTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}, "StringLike": {"aws:RequestTag/eks:kubernetes-node-class-name":
"*", "aws:RequestTag/eks:kubernetes-node-pool-name": "*"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
"ec2:CreateTags", "Condition": {"StringEquals": {"ec2:CreateAction": ["CreateFleet", "RunInstances",
"CreateLaunchTemplate"]}}, "Effect": "Allow", "Resource": "*"}, {"Action": "iam:AddRoleToInstanceProfile",
"Effect": "Allow", "Resource": "arn:aws:iam::*:instance-profile/eks*"}, {"Action": "iam:PassRole",
"Condition": {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
"Effect": "Allow", "Resource": "*"}, {"Action": ["iam:CreateServiceLinkedRole"], "Condition":
{"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}, "Effect": "Allow", "Resource":
["arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"]}], "Version":
"2012-10-17"}
]],
  },
  AmazonEKSFargatePodExecutionRolePolicy = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability",
"ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"], "Effect": "Allow", "Resource": "*"}], "Version":
"2012-10-17"}
]],
  },
  AmazonEKSLoadBalancingPolicy = {
    path = "/", version = "v7",
    document = [[
{"Statement": [{"Action": ["elasticloadbalancing:CreateLoadBalancer",
"elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:CreateListener",
"elasticloadbalancing:CreateRule", "ec2:CreateSecurityGroup"], "Condition": {"ForAllValues:StringEquals":
{"aws:TagKeys": ["eks:eks-cluster-name", "ingress.eks.amazonaws.com/stack",
"ingress.eks.amazonaws.com/resource", "service.eks.amazonaws.com/stack",
"service.eks.amazonaws.com/resource"]}, "StringEquals": {"aws:RequestTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
["ec2:CreateSecurityGroup"], "Effect": "Allow", "Resource": "arn:aws:ec2:*:*:vpc/*"}, {"Action":
["elasticloadbalancing:RegisterTargets"], "Effect": "Allow", "Resource":
"arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"}, {"Action": ["ec2:AuthorizeSecurityGroupIngress"],
"Condition": {"StringEquals": {"aws:RequestTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource":
"arn:aws:ec2:*:*:security-group-rule/*"}, {"Action": ["ec2:AuthorizeSecurityGroupIngress",
"ec2:RevokeSecurityGroupIngress"], "Condition": {"StringLike": {"aws:ResourceTag/Name": "eks-cluster-sg*"}},
"Effect": "Allow", "Resource": "arn:aws:ec2:*:*:security-group/*"}, {"Action":
["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"], "Condition": {"StringEquals":
{"aws:ResourceTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow",
"Resource": "arn:aws:ec2:*:*:security-group/*"}, {"Action": ["elasticloadbalancing:AddTags"], "Condition":
{"StringEquals": {"elasticloadbalancing:CreateAction": ["CreateLoadBalancer", "CreateTargetGroup",
"CreateListener", "CreateRule"]}}, "Effect": "Allow", "Resource": "*"}, {"Action": ["ec2:CreateTags"],
"Condition": {"StringEquals": {"ec2:CreateAction": ["CreateSecurityGroup",
"AuthorizeSecurityGroupIngress"]}}, "Effect": "Allow", "Resource": "*"}, {"Action":
["elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:SetIpAddressType",
"elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
"elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes",
"elasticloadbalancing:ModifyListener", "elasticloadbalancing:AddListenerCertificates",
"elasticloadbalancing:ModifyListenerAttributes", "elasticloadbalancing:RemoveListenerCertificates",
"elasticloadbalancing:ModifyRule", "elasticloadbalancing:ModifyIpPools",
"elasticloadbalancing:ModifyCapacityReservation", "elasticloadbalancing:DescribeLoadBalancers"],
"Condition": {"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
["wafv2:AssociateWebACL", "wafv2:DisassociateWebACL"], "Effect": "Allow", "Resource":
["arn:aws:wafv2:*:*:*/webacl/*/*", "arn:aws:elasticloadbalancing:*:*:loadbalancer/app/*/*"]}, {"Action":
["shield:CreateProtection", "shield:DeleteProtection"], "Effect": "Allow", "Resource": "*"}, {"Action":
["shield:TagResource"], "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name",
"ingress.eks.amazonaws.com/stack", "ingress.eks.amazonaws.com/resource", "service.eks.amazonaws.com/stack",
"service.eks.amazonaws.com/resource"]}, "StringEquals": {"aws:RequestTag/eks:eks-cluster-name":
"${aws:PrincipalTag/eks:eks-cluster-name}"}}, "Effect": "Allow", "Resource":
"arn:aws:shield::*:protection/*"}, {"Action": ["cognito-idp:DescribeUserPoolClient", "acm:ListCertificates",
"acm:DescribeCertificate", "wafv2:GetWebACL", "wafv2:GetWebACLForResource",
"elasticloadbalancing:SetWebAcl", "elasticloadbalancing:DescribeTargetGroups"], "Effect": "Allow",
"Resource": "*"}, {"Action": ["ec2:DescribeAccountAttributes", "ec2:DescribeAddresses",
"ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
"ec2:DescribeVpcClassicLink", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
"ec2:DescribeClassicLinkInstances", "ec2:DescribeRouteTables", "ec2:DescribeCoipPools",
"ec2:GetCoipPoolUsage", "ec2:GetSecurityGroupsForVpc", "ec2:DescribeVpcPeeringConnections"], "Effect":
"Allow", "Resource": "*"}, {"Action": ["iam:CreateServiceLinkedRole"], "Condition": {"StringEquals":
{"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}, "Effect": "Allow", "Resource":
"arn:aws:iam::*:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"}],
"Version": "2012-10-17"}
]],
  },
  AmazonEKSLocalOutpostClusterPolicy = {
    path = "/", version = "v4",
    document = [[
{"Statement": [{"Action": ["ec2:DescribeInstances", "ec2:DescribeRouteTables", "ec2:DescribeTags",
"ec2:DescribeNetworkInterfaces", "ec2:DescribeInstanceTypes", "ec2:DescribeAvailabilityZones",
"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
"ssmmessages:OpenDataChannel", "ssm:DescribeInstanceProperties", "ssm:DescribeDocumentParameters",
"ssm:ListInstanceAssociations", "ssm:RegisterManagedInstance", "ssm:UpdateInstanceInformation",
"ssm:UpdateInstanceAssociationStatus", "ssm:PutComplianceItems", "ssm:PutInventory",
"ecr-public:GetAuthorizationToken", "ecr:GetAuthorizationToken"], "Effect": "Allow", "Resource": "*"},
{"Action": ["ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"], "Effect": "Allow", "Resource":
["arn:aws:ecr:*:*:repository/eks/*", "arn:aws:ecr:*:*:repository/bottlerocket-admin",
"arn:aws:ecr:*:*:repository/bottlerocket-control-eks",
"arn:aws:ecr:*:*:repository/diagnostics-collector-eks",
"arn:aws:ecr:*:*:repository/kubelet-config-updater"]}, {"Action": ["secretsmanager:GetSecretValue",
"secretsmanager:DeleteSecret"], "Effect": "Allow", "Resource":
"arn:*:secretsmanager:*:*:secret:eks-local.cluster.x-k8s.io/*"}, {"Action": ["logs:CreateLogGroup"],
"Effect": "Allow", "Resource": "arn:aws:logs:*:*:log-group:/aws/eks/*"}, {"Action": ["logs:PutLogEvents",
"logs:CreateLogStream", "logs:DescribeLogStreams"], "Effect": "Allow", "Resource":
"arn:aws:logs:*:*:log-group:/aws/eks/*:*"}], "Version": "2012-10-17"}
]],
  },
  AmazonEKSNetworkingPolicy = {
    path = "/", version = "v2",
    document = [[
{"Statement": [{"Action": "ec2:CreateNetworkInterface", "Condition": {"ForAllValues:StringEquals":
{"aws:TagKeys": ["eks:eks-cluster-name", "eks:kubernetes-cni-node-name"]}, "StringEquals":
{"aws:RequestTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}, "StringLike":
{"aws:RequestTag/eks:kubernetes-cni-node-name": "*"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
"ec2:CreateNetworkInterface", "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:security-group/*",
"arn:aws:ec2:*:*:subnet/*"]}, {"Action": "ec2:CreateTags", "Condition": {"StringEquals":
{"ec2:CreateAction": "CreateNetworkInterface"}}, "Effect": "Allow", "Resource": "*"}, {"Action":
["ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface", "ec2:UnassignPrivateIpAddresses",
"ec2:UnassignIpv6Addresses", "ec2:AssignPrivateIpAddresses", "ec2:AssignIpv6Addresses"], "Condition":
{"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}},
"Effect": "Allow", "Resource": "*"}, {"Action": "ec2:ModifyNetworkInterfaceAttribute", "Condition":
{"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name": "${aws:PrincipalTag/eks:eks-cluster-name}"}},
"Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:*:*:instance/*"]}],
"Version": "2012-10-17"}
]],
  },
  AmazonEKSServicePolicy = {
    path = "/", version = "v7",
    document = [[
{"Statement": [{"Action": ["ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission",
"ec2:DeleteNetworkInterface", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
"ec2:DetachNetworkInterface", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
"ec2:ModifyNetworkInterfaceAttribute", "iam:ListAttachedRolePolicies", "eks:UpdateClusterVersion",
"ec2:GetSecurityGroupsForVpc"], "Effect": "Allow", "Resource": "*"}, {"Action": ["ec2:CreateTags",
"ec2:DeleteTags"], "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:vpc/*", "arn:aws:ec2:*:*:subnet/*"]},
{"Action": ["ec2:CreateTags"], "Condition": {"StringLike": {"aws:RequestTag/Name": "eks-cluster-*"}},
"Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:network-interface/*"]}, {"Action":
"route53:AssociateVPCWithHostedZone", "Effect": "Allow", "Resource": "*"}, {"Action": "logs:CreateLogGroup",
"Effect": "Allow", "Resource": "*"}, {"Action": ["logs:CreateLogStream", "logs:DescribeLogStreams"],
"Effect": "Allow", "Resource": "arn:aws:logs:*:*:log-group:/aws/eks/*:*"}, {"Action": "logs:PutLogEvents",
"Effect": "Allow", "Resource": "arn:aws:logs:*:*:log-group:/aws/eks/*:*:*"}, {"Action":
"iam:CreateServiceLinkedRole", "Condition": {"StringLike": {"iam:AWSServiceName": "eks.amazonaws.com"}},
"Effect": "Allow", "Resource":
"arn:aws:iam::*:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"}], "Version":
"2012-10-17"}
]],
  },
  AmazonEKSVPCResourceController = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": "ec2:CreateNetworkInterfacePermission", "Condition": {"ForAnyValue:StringEquals":
{"ec2:ResourceTag/eks:eni:owner": "eks-vpc-resource-controller"}}, "Effect": "Allow", "Resource": "*"},
{"Action": ["ec2:CreateNetworkInterface", "ec2:DetachNetworkInterface",
"ec2:ModifyNetworkInterfaceAttribute", "ec2:DeleteNetworkInterface", "ec2:AttachNetworkInterface",
"ec2:UnassignPrivateIpAddresses", "ec2:AssignPrivateIpAddresses"], "Effect": "Allow", "Resource": "*"}],
"Version": "2012-10-17"}
]],
  },
  AmazonEKSWorkerNodeMinimalPolicy = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": ["eks-auth:AssumeRoleForPodIdentity"], "Effect": "Allow", "Resource": "*", "Sid":
"WorkerNodePermissions"}], "Version": "2012-10-17"}
]],
  },
  AmazonEKSWorkerNodePolicy = {
    path = "/", version = "v3",
    document = [[
{"Statement": [{"Action": ["ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeRouteTables",
"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes",
"ec2:DescribeVolumesModifications", "ec2:DescribeVpcs", "eks:DescribeCluster",
"eks-auth:AssumeRoleForPodIdentity"], "Effect": "Allow", "Resource": "*", "Sid": "WorkerNodePermissions"}],
"Version": "2012-10-17"}
]],
  },
  AmazonEKS_CNI_Policy = {
    path = "/", version = "v6",
    document = [[
{"Statement": [{"Action": ["ec2:AssignPrivateIpAddresses", "ec2:AttachNetworkInterface",
"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeInstances", "ec2:DescribeTags",
"ec2:DescribeNetworkInterfaces", "ec2:DescribeInstanceTypes", "ec2:DescribeSubnets",
"ec2:DescribeSecurityGroups", "ec2:DetachNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute",
"ec2:UnassignPrivateIpAddresses"], "Effect": "Allow", "Resource": "*", "Sid": "AmazonEKSCNIPolicy"},
{"Action": ["ec2:CreateTags"], "Effect": "Allow", "Resource": ["arn:aws:ec2:*:*:network-interface/*"],
"Sid": "AmazonEKSCNIPolicyENITag"}], "Version": "2012-10-17"}
]],
  },
  AmazonPrometheusRemoteWriteAccess = {
    path = "/", version = "v1",
    document = [[
{"Statement": [{"Action": ["aps:RemoteWrite"], "Effect": "Allow", "Resource": "*"}], "Version":
"2012-10-17"}
]],
  },
  AmazonS3FilesCSIDriverPolicy = {
    path = "/service-role/", version = "v1",
    document = [[
{"Statement": [{"Action": ["s3files:ListAccessPoints", "s3files:ListFileSystems"], "Effect": "Allow",
"Resource": "*", "Sid": "AllowList"}, {"Action": ["s3files:CreateAccessPoint"], "Condition":
{"ForAllValues:StringEquals": {"aws:TagKeys": "efs.csi.aws.com/cluster"}, "Null":
{"aws:RequestTag/efs.csi.aws.com/cluster": "false"}}, "Effect": "Allow", "Resource": "*", "Sid":
"AllowCreateAccessPoint"}, {"Action": ["s3files:TagResource"], "Condition": {"ForAllValues:StringEquals":
{"aws:TagKeys": "efs.csi.aws.com/cluster"}, "Null": {"aws:RequestTag/efs.csi.aws.com/cluster": "false"},
"StringEquals": {"s3files:CreateAction": "CreateAccessPoint"}}, "Effect": "Allow", "Resource": "*", "Sid":
"AllowTagNewAccessPoints"}, {"Action": "s3files:DeleteAccessPoint", "Condition": {"Null":
{"aws:ResourceTag/efs.csi.aws.com/cluster": "false"}}, "Effect": "Allow", "Resource": "*", "Sid":
"AllowDeleteAccessPoint"}], "Version": "2012-10-17"}
]],
  },
  AmazonS3FullAccess = {
    path = "/", version = "v2",
    document = [[
{"Statement": [{"Action": ["s3:*", "s3-object-lambda:*"], "Effect": "Allow", "Resource": "*"}], "Version":
"2012-10-17"}
]],
  },
  AmazonS3ReadOnlyAccess = {
    path = "/", version = "v3",
    document = [[
{"Statement": [{"Action": ["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*",
"s3-object-lambda:List*"], "Effect": "Allow", "Resource": "*"}], "Version": "2012-10-17"}
]],
  },
  AmazonSSMManagedInstanceCore = {
    path = "/", version = "v2",
    document = [[
{"Statement": [{"Action": ["ssm:DescribeAssociation", "ssm:GetDeployablePatchSnapshotForInstance",
"ssm:GetDocument", "ssm:DescribeDocument", "ssm:GetManifest", "ssm:GetParameter", "ssm:GetParameters",
"ssm:ListAssociations", "ssm:ListInstanceAssociations", "ssm:PutInventory", "ssm:PutComplianceItems",
"ssm:PutConfigurePackageResult", "ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus",
"ssm:UpdateInstanceInformation"], "Effect": "Allow", "Resource": "*"}, {"Action":
["ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
"ssmmessages:OpenDataChannel"], "Effect": "Allow", "Resource": "*"}, {"Action":
["ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"], "Effect": "Allow",
"Resource": "*"}], "Version": "2012-10-17"}
]],
  },
  CloudWatchAgentServerPolicy = {
    path = "/", version = "v3",
    document = [[
{"Statement": [{"Action": ["cloudwatch:PutMetricData", "ec2:DescribeVolumes", "ec2:DescribeTags",
"logs:PutLogEvents", "logs:PutRetentionPolicy", "logs:DescribeLogStreams", "logs:DescribeLogGroups",
"logs:CreateLogStream", "logs:CreateLogGroup", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"], "Effect":
"Allow", "Resource": "*", "Sid": "CWACloudWatchServerPermissions"}, {"Action": ["ssm:GetParameter"],
"Effect": "Allow", "Resource": "arn:aws:ssm:*:*:parameter/AmazonCloudWatch-*", "Sid":
"CWASSMServerPermissions"}], "Version": "2012-10-17"}
]],
  },
  PowerUserAccess = {
    path = "/", version = "v12",
    document = [[
{"Statement": [{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
{"Action": ["account:GetAccountInformation", "account:GetGovCloudAccountInformation",
"account:GetPrimaryEmail", "account:ListRegions", "iam:CreateServiceLinkedRole",
"iam:DeleteServiceLinkedRole", "iam:ListRoles", "organizations:DescribeEffectivePolicy",
"organizations:DescribeOrganization"], "Effect": "Allow", "Resource": "*"}], "Version": "2012-10-17"}
]],
  },
  ReadOnlyAccess = {
    path = "/", version = "v182",
    document = [[
{"Statement": [{"Action": ["account:GetAccountInformation", "account:GetAlternateContact",
"account:GetContactInformation", "account:GetGovCloudAccountInformation", "account:GetPrimaryEmail",
"account:GetRegionOptStatus", "account:ListRegions", "autoscaling:Describe*",
"autoscaling:GetPredictiveScalingForecast", "cloudformation:BatchDescribeTypeConfigurations",
"cloudformation:Describe*", "cloudformation:Detect*", "cloudformation:Estimate*", "cloudformation:Get*",
"cloudformation:List*", "cloudformation:ValidateTemplate", "dynamodb:BatchGet*", "dynamodb:Describe*",
"dynamodb:Get*", "dynamodb:List*", "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan",
"ec2:Describe*", "ec2:DescribeInstanceImageMetadata", "ec2:Get*", "ec2:ListImagesInRecycleBin",
"ec2:ListSnapshotsInRecycleBin", "ec2:SearchLocalGatewayRoutes", "ec2:SearchTransitGatewayRoutes",
"ecr:BatchCheck*", "ecr:BatchGet*", "ecr:Describe*", "ecr:Get*", "ecr:List*", "eks:Describe*", "eks:List*",
"elasticloadbalancing:Describe*", "iam:Generate*", "iam:Get*", "iam:List*", "iam:Simulate*"], "Effect":
"Allow", "Resource": "*", "Sid": "ReadOnlyActionsGroup1"}, {"Action": ["kms:Describe*", "kms:Get*",
"kms:List*", "logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:ListAggregateLogGroupSummaries",
"logs:ListAnomalies", "logs:ListEntitiesForLogGroup", "logs:ListIntegrations",
"logs:ListLogAnomalyDetectors", "logs:ListLogDeliveries", "logs:ListLogGroupsForEntity",
"logs:ListLogGroupsForQuery", "logs:ListScheduledQueries", "logs:ListSourcesForS3TableIntegration",
"logs:ListTagsForResource", "logs:ListTagsLogGroup", "logs:StartLiveTail", "logs:StartQuery",
"logs:StopLiveTail", "logs:StopQuery", "logs:TestMetricFilter", "organizations:Describe*",
"organizations:List*", "pricing:DescribeServices", "pricing:GetAttributeValues",
"pricing:GetPriceListFileUrl", "pricing:GetProducts", "pricing:ListPriceLists", "s3:DescribeJob", "s3:Get*",
"s3:List*", "secretsmanager:Describe*", "secretsmanager:GetResourcePolicy", "secretsmanager:List*",
"servicequotas:GetAssociationForServiceQuotaTemplate", "servicequotas:GetAutoManagementConfiguration",
"servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetQuotaUtilizationReport",
"servicequotas:GetRequestedServiceQuotaChange", "servicequotas:GetServiceQuota",
"servicequotas:GetServiceQuotaIncreaseRequestFromTemplate", "servicequotas:ListAWSDefaultServiceQuotas",
"servicequotas:ListRequestedServiceQuotaChangeHistory",
"servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
"servicequotas:ListServiceQuotaIncreaseRequestsInTemplate", "servicequotas:ListServiceQuotas",
"servicequotas:ListServices", "servicequotas:StartQuotaUtilizationReport", "sqs:Get*", "sqs:List*",
"sqs:Receive*", "ssm:Describe*", "ssm:Get*", "ssm:List*", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity",
"sts:GetSessionToken", "tag:DescribeReportCreation", "tag:Get*"], "Effect": "Allow", "Resource": "*", "Sid":
"ReadOnlyActionsGroup2"}, {"Action": [], "Condition": {"StringEquals": {"s3express:SessionMode":
"ReadOnly"}}, "Effect": "Allow", "Resource": "*", "Sid": "S3ExpressReadOnlySessionObjectAccess"}],
"Version": "2012-10-17"}
]],
  },
  SecretsManagerReadWrite = {
    path = "/", version = "v5",
    document = [[
{"Statement": [{"Action": ["secretsmanager:*", "cloudformation:CreateChangeSet",
"cloudformation:DescribeChangeSet", "cloudformation:DescribeStackResource", "cloudformation:DescribeStacks",
"cloudformation:ExecuteChangeSet", "docdb-elastic:GetCluster", "docdb-elastic:ListClusters",
"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "kms:DescribeKey",
"kms:ListAliases", "kms:ListKeys", "lambda:ListFunctions", "rds:DescribeDBClusters",
"rds:DescribeDBInstances", "redshift:DescribeClusters", "redshift-serverless:ListWorkgroups",
"redshift-serverless:GetNamespace", "tag:GetResources"], "Effect": "Allow", "Resource": "*", "Sid":
"BasePermissions"}, {"Action": ["lambda:AddPermission", "lambda:CreateFunction", "lambda:GetFunction",
"lambda:InvokeFunction", "lambda:UpdateFunctionConfiguration"], "Effect": "Allow", "Resource":
"arn:aws:lambda:*:*:function:SecretsManager*", "Sid": "LambdaPermissions"}, {"Action":
["serverlessrepo:CreateCloudFormationChangeSet", "serverlessrepo:GetApplication"], "Effect": "Allow",
"Resource": "arn:aws:serverlessrepo:*:*:applications/SecretsManager*", "Sid": "SARPermissions"}, {"Action":
["s3:GetObject"], "Effect": "Allow", "Resource": ["arn:aws:s3:::awsserverlessrepo-changesets*",
"arn:aws:s3:::secrets-manager-rotation-apps-*/*"], "Sid": "S3Permissions"}], "Version": "2012-10-17"}
]],
  },
}
