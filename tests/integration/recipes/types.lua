-- The types that moto knows and managed-cluster does not use.
local autoscaling = require "eksrun.autoscaling"
local cloudformation = require "eksrun.cloudformation"
local ec2 = require "eksrun.ec2"
local eksrun = require "eksrun"
local iam = require "eksrun.iam"
local kms = require "eksrun.kms"
local logs = require "eksrun.logs"
local ssm = require "eksrun.ssm"

local p = eksrun.params {
  instance = { "m5.large", "type of the instances" },
  bare = { false, "only what others hang on" },
}

local vpc = ec2.vpc { "vpc", CidrBlock = "10.9.0.0/16", EnableDnsHostnames = true }
local subnet = ec2.subnet { "subnet", VpcId = vpc, CidrBlock = "10.9.0.0/20" }
local routes = ec2.route_table { "routes", VpcId = vpc }
local group = ec2.security_group { "group", VpcId = vpc, AllowAllEgress = false }
local role = iam.role { "role", AssumeRolePolicyDocument = iam.trust "ec2" }
local profile = iam.instance_profile { "profile", RoleName = role }
local key = kms.key { "key", EnableKeyRotation = true }
local template = ec2.launch_template {
  "template",
  LaunchTemplateData = {
    InstanceType = p.instance,
    ImageId = "ami-12c6146b",
    UserData = "#!/bin/sh\n",
    IamInstanceProfile = { Arn = profile.Arn },
    SecurityGroupIds = { group.GroupId },
  },
}
if p.bare then return { group = group.GroupId } end

local function rule(name, fields)
  fields[1], fields.GroupId, fields.Direction = name, group, fields.Direction or "ingress"
  ec2.security_group_rule(fields)
end
rule("https", {
  IpProtocol = "tcp", FromPort = 443, ToPort = 443, CidrIpv4 = "10.0.0.0/8", Description = "api",
})
rule("self", { IpProtocol = "-1", ReferencedGroupId = group })
rule("dns", { Direction = "egress", IpProtocol = "udp", FromPort = 53, ToPort = 53, CidrIpv4 = "0.0.0.0/0" })

ec2.egress_only_internet_gateway { "egress-only", VpcId = vpc }
ec2.vpc_endpoint {
  "s3", VpcId = vpc, ServiceName = "com.amazonaws.us-east-1.s3", RouteTableIds = { routes.RouteTableId },
}
ec2.vpc_endpoint {
  "sts",
  VpcId = vpc,
  ServiceName = "com.amazonaws.us-east-1.sts",
  VpcEndpointType = "Interface",
  SubnetIds = { subnet.SubnetId },
  SecurityGroupIds = { group.GroupId },
  PrivateDnsEnabled = true,
}
autoscaling.group {
  "nodes",
  MinSize = 0,
  MaxSize = 2,
  VPCZoneIdentifier = { subnet.SubnetId },
  LaunchTemplate = { LaunchTemplateId = template, Version = template.LatestVersionNumber:map(tostring) },
  tags = { ["kubernetes.io/cluster/x"] = "owned" },
}
iam.policy {
  "policy",
  PolicyDocument = {
    Version = "2012-10-17",
    Statement = { { Effect = "Allow", Action = "s3:GetObject", Resource = "*" } },
  },
}
iam.oidc_provider {
  "oidc",
  Url = "https://oidc.example.com/id/ABC",
  ClientIDList = { "sts.amazonaws.com" },
  ThumbprintList = { ("a"):rep(40) },
}
kms.alias { "alias", TargetKeyId = key }
logs.log_group { "logs", retentionInDays = 7, tags = { team = "core" } }
ssm.parameter { "parameter", Value = vpc.VpcId }
local bucket = cloudformation.stack {
  "bucket",
  TemplateBody = {
    Resources = { Bucket = { Type = "AWS::S3::Bucket" } },
    Outputs = { Name = { Value = { Ref = "Bucket" } } },
  },
}

return { group = group.GroupId, bucket = bucket.Outputs.Name }
