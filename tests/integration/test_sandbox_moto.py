"""The sandbox agrees with moto where moto is right: the same calls of boto3 to both, answer by answer."""

import json
import re
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import botocore.parsers
import jmespath
from moto.ec2.models.instance_types import INSTANCE_TYPES

from conftest import EKSRUN, ROOT
from support.moto_copies import Copy

REGION = "us-east-1"
ID = re.compile(r"\b(vpc|subnet|sg|sgr|igw|eigw|rtb|rtbassoc|acl|aclassoc|eni|eni-attach|i|r|vol|lt|nat|vpce|pl|pcx|"
                r"fl|dopt|key|eipalloc|eipassoc|vpc-cidr-assoc|subnet-cidr-assoc|snap)-[0-9a-f]{8,17}\b")
HASH = re.compile(r"/[0-9a-f]{16}\b")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")

# Calls: service, operation, parameters with $names of earlier answers, what to keep of the answer by what name.
TCP = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]})
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "eks:List*", "Resource": "*"}]})
LISTENER = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 8080}
CALLS = [
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16", "TagSpecifications": [
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "n"}]}]}, {"vpc": "Vpc.VpcId"}),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/8"}, {}),
    ("ec2", "create_vpc", {"CidrBlock": "nonsense"}, {}),
    ("ec2", "describe_vpcs", {"VpcIds": ["$vpc"]}, {}),
    ("ec2", "describe_vpcs", {"VpcIds": ["vpc-00000000000000000"]}, {}),
    ("ec2", "describe_vpcs", {"Filters": [{"Name": "tag:Name", "Values": ["n*"]}]}, {}),
    ("ec2", "modify_vpc_attribute", {"VpcId": "$vpc", "EnableDnsHostnames": {"Value": True}}, {}),
    ("ec2", "describe_vpc_attribute", {"VpcId": "$vpc", "Attribute": "enableDnsHostnames"}, {}),
    ("ec2", "describe_vpc_attribute", {"VpcId": "$vpc", "Attribute": "enableDnsSupport"}, {}),
    ("ec2", "associate_vpc_cidr_block", {"VpcId": "$vpc", "CidrBlock": "10.1.0.0/16"},
     {"range": "CidrBlockAssociation.AssociationId"}),
    ("ec2", "disassociate_vpc_cidr_block", {"AssociationId": "$range"}, {}),
    ("ec2", "create_subnet", {"VpcId": "$vpc", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a"},
     {"one": "Subnet.SubnetId"}),
    ("ec2", "create_subnet", {"VpcId": "$vpc", "CidrBlock": "10.0.2.0/24", "AvailabilityZone": "us-east-1b"},
     {"two": "Subnet.SubnetId"}),
    ("ec2", "create_subnet", {"VpcId": "$vpc", "CidrBlock": "10.0.1.0/25"}, {}),
    ("ec2", "create_subnet", {"VpcId": "$vpc", "CidrBlock": "10.9.1.0/24"}, {}),
    ("ec2", "create_subnet", {"VpcId": "$vpc", "CidrBlock": "10.0.3.0/24", "AvailabilityZone": "us-east-1z"}, {}),
    ("ec2", "create_subnet", {"VpcId": "vpc-00000000000000000", "CidrBlock": "10.0.3.0/24"}, {}),
    ("ec2", "modify_subnet_attribute", {"SubnetId": "$one", "MapPublicIpOnLaunch": {"Value": True}}, {}),
    ("ec2", "describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": ["$vpc"]}]}, {}),
    ("ec2", "describe_subnets", {"SubnetIds": ["subnet-00000000000000000"]}, {}),
    ("ec2", "create_internet_gateway", {}, {"igw": "InternetGateway.InternetGatewayId"}),
    ("ec2", "attach_internet_gateway", {"InternetGatewayId": "$igw", "VpcId": "$vpc"}, {}),
    ("ec2", "attach_internet_gateway", {"InternetGatewayId": "$igw", "VpcId": "$vpc"}, {}),
    ("ec2", "describe_internet_gateways", {"InternetGatewayIds": ["$igw"]}, {}),
    ("ec2", "delete_internet_gateway", {"InternetGatewayId": "$igw"}, {}),
    ("ec2", "delete_internet_gateway", {"InternetGatewayId": "igw-00000000000000000"}, {}),
    ("ec2", "create_route_table", {"VpcId": "$vpc"}, {"table": "RouteTable.RouteTableId"}),
    ("ec2", "create_route", {"RouteTableId": "$table", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "$igw"}, {}),
    ("ec2", "create_route", {"RouteTableId": "$table", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "$igw"}, {}),
    ("ec2", "delete_route", {"RouteTableId": "$table", "DestinationCidrBlock": "10.77.0.0/16"}, {}),
    ("ec2", "associate_route_table", {"RouteTableId": "$table", "SubnetId": "$one"}, {"association": "AssociationId"}),
    ("ec2", "describe_route_tables", {"RouteTableIds": ["$table"]}, {}),
    ("ec2", "describe_route_tables", {"Filters": [{"Name": "association.main", "Values": ["true"]},
                                                 {"Name": "vpc-id", "Values": ["$vpc"]}]}, {}),
    ("ec2", "delete_route_table", {"RouteTableId": "$table"}, {}),
    ("ec2", "disassociate_route_table", {"AssociationId": "rtbassoc-00000000000000000"}, {}),
    ("ec2", "describe_network_acls", {"Filters": [{"Name": "vpc-id", "Values": ["$vpc"]}]}, {}),
    ("ec2", "create_network_acl", {"VpcId": "$vpc"}, {"acl": "NetworkAcl.NetworkAclId"}),
    ("ec2", "create_network_acl_entry", {"NetworkAclId": "$acl", "RuleNumber": 100, "Protocol": "6",
                                         "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8",
                                         "PortRange": {"From": 1, "To": 2}}, {}),
    ("ec2", "create_network_acl_entry", {"NetworkAclId": "$acl", "RuleNumber": 100, "Protocol": "6",
                                         "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8",
                                         "PortRange": {"From": 1, "To": 2}}, {}),
    ("ec2", "delete_network_acl_entry", {"NetworkAclId": "$acl", "RuleNumber": 100, "Egress": False}, {}),
    ("ec2", "delete_network_acl", {"NetworkAclId": "$acl"}, {}),
    ("ec2", "create_security_group", {"VpcId": "$vpc", "GroupName": "g", "Description": "d"}, {"group": "GroupId"}),
    ("ec2", "create_security_group", {"VpcId": "$vpc", "GroupName": "g", "Description": "d"}, {}),
    ("ec2", "create_security_group", {"VpcId": "$vpc", "GroupName": "h", "Description": "d"}, {"other": "GroupId"}),
    ("ec2", "authorize_security_group_ingress", {"GroupId": "$group", "IpPermissions": [
        {**TCP, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "in"}]}]}, {}),
    ("ec2", "authorize_security_group_ingress", {"GroupId": "$group", "IpPermissions": [
        {**TCP, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}, {}),
    ("ec2", "authorize_security_group_ingress", {"GroupId": "$group", "IpPermissions": [
        {**TCP, "UserIdGroupPairs": [{"GroupId": "$other"}]}]}, {}),
    ("ec2", "authorize_security_group_ingress", {"GroupId": "sg-00000000000000000", "IpPermissions": [
        {**TCP, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]}, {}),
    ("ec2", "describe_security_groups", {"GroupIds": ["$group"]}, {}),
    ("ec2", "describe_security_group_rules", {"Filters": [{"Name": "group-id", "Values": ["$group"]}]}, {}),
    ("ec2", "revoke_security_group_ingress", {"GroupId": "$group", "IpPermissions": [
        {**TCP, "UserIdGroupPairs": [{"GroupId": "$other"}]}]}, {}),
    ("ec2", "revoke_security_group_ingress", {"GroupId": "$group", "IpPermissions": [
        {**TCP, "IpRanges": [{"CidrIp": "192.168.0.0/16"}]}]}, {}),
    ("ec2", "delete_security_group", {"GroupId": "$other"}, {}),
    ("ec2", "delete_security_group", {"GroupId": "sg-00000000000000000"}, {}),
    ("ec2", "create_key_pair", {"KeyName": "k"}, {}),
    ("ec2", "create_key_pair", {"KeyName": "k"}, {}),
    ("ec2", "describe_key_pairs", {"KeyNames": ["k"]}, {}),
    ("ec2", "describe_key_pairs", {"KeyNames": ["none"]}, {}),
    ("ec2", "allocate_address", {"Domain": "vpc"}, {"address": "AllocationId"}),
    ("ec2", "describe_addresses", {"AllocationIds": ["$address"]}, {}),
    ("ec2", "release_address", {"AllocationId": "eipalloc-00000000000000000"}, {}),
    ("ec2", "create_network_interface", {"SubnetId": "$one", "Description": "mine", "Groups": ["$group"]},
     {"eni": "NetworkInterface.NetworkInterfaceId"}),
    ("ec2", "describe_network_interfaces", {"NetworkInterfaceIds": ["$eni"]}, {}),
    ("ec2", "describe_network_interfaces", {"NetworkInterfaceIds": ["eni-00000000000000000"]}, {}),
    ("ec2", "delete_network_interface", {"NetworkInterfaceId": "$eni"}, {}),
    ("ec2", "create_launch_template", {"LaunchTemplateName": "template", "LaunchTemplateData": {
        "ImageId": "$image", "InstanceType": "t3.micro"}}, {"template": "LaunchTemplate.LaunchTemplateId"}),
    ("ec2", "create_launch_template", {"LaunchTemplateName": "template", "LaunchTemplateData": {
        "InstanceType": "t3.micro"}}, {}),
    ("ec2", "create_launch_template_version", {"LaunchTemplateId": "$template", "LaunchTemplateData": {
        "ImageId": "$image", "InstanceType": "t3.small"}}, {}),
    ("ec2", "describe_launch_templates", {"LaunchTemplateNames": ["template"]}, {}),
    ("ec2", "describe_launch_template_versions", {"LaunchTemplateId": "$template"}, {}),
    ("ec2", "modify_launch_template", {"LaunchTemplateId": "$template", "DefaultVersion": "2"}, {}),
    ("ec2", "describe_launch_templates", {"LaunchTemplateIds": ["lt-00000000000000000"]}, {}),
    ("ec2", "run_instances", {"ImageId": "$image", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
                              "SubnetId": "$two", "SecurityGroupIds": ["$group"], "KeyName": "k"},
     {"instance": "Instances[0].InstanceId"}),
    ("ec2", "describe_instances", {"InstanceIds": ["i-00000000000000000"]}, {}),
    ("wait", "instance_running", {"InstanceIds": ["$instance"]}, {}),
    ("ec2", "describe_instances", {"InstanceIds": ["$instance"]}, {}),
    ("ec2", "describe_instance_attribute", {"InstanceId": "$instance", "Attribute": "instanceType"}, {}),
    ("ec2", "describe_availability_zones", {"ZoneNames": ["us-east-1a"]}, {}),
    ("ec2", "create_tags", {"Resources": ["$one"], "Tags": [{"Key": "a", "Value": "b"}]}, {}),
    ("ec2", "describe_tags", {"Filters": [{"Name": "resource-id", "Values": ["$one"]}]}, {}),
    ("ec2", "create_volume", {"AvailabilityZone": "us-east-1a", "Size": 10, "VolumeType": "gp3"},
     {"volume": "VolumeId"}),
    ("ec2", "describe_volumes", {"VolumeIds": ["vol-00000000000000000"]}, {}),
    ("wait", "volume_available", {"VolumeIds": ["$volume"]}, {}),
    ("ec2", "delete_volume", {"VolumeId": "$volume"}, {}),
    ("ec2", "create_vpc_endpoint", {"VpcId": "$vpc", "ServiceName": "com.amazonaws.us-east-1.s3",
                                    "RouteTableIds": ["$table"]}, {"endpoint": "VpcEndpoint.VpcEndpointId"}),
    ("ec2", "describe_vpc_endpoints", {"VpcEndpointIds": ["vpce-00000000000000000"]}, {}),
    ("ec2", "delete_vpc", {"VpcId": "$vpc"}, {}),
    ("autoscaling", "create_auto_scaling_group", {
        "AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 3, "DesiredCapacity": 1,
        "LaunchTemplate": {"LaunchTemplateId": "$template", "Version": "1"}, "VPCZoneIdentifier": "$two",
        "Tags": [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}]}, {}),
    ("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroupNames": ["g"]}, {}),
    ("autoscaling", "describe_tags", {}, {}),
    ("autoscaling", "set_desired_capacity", {"AutoScalingGroupName": "g", "DesiredCapacity": 2}, {}),
    ("autoscaling", "set_desired_capacity", {"AutoScalingGroupName": "none", "DesiredCapacity": 2}, {}),
    ("autoscaling", "update_auto_scaling_group", {"AutoScalingGroupName": "g", "MaxSize": 5}, {}),
    ("autoscaling", "suspend_processes", {"AutoScalingGroupName": "g", "ScalingProcesses": ["AZRebalance"]}, {}),
    ("autoscaling", "put_lifecycle_hook", {
        "AutoScalingGroupName": "g", "LifecycleHookName": "h", "HeartbeatTimeout": 60,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}, {}),
    ("autoscaling", "describe_lifecycle_hooks", {"AutoScalingGroupName": "g"}, {}),
    ("autoscaling", "describe_auto_scaling_groups", {"AutoScalingGroupNames": ["g"]}, {}),
    ("autoscaling", "delete_auto_scaling_group", {"AutoScalingGroupName": "g", "ForceDelete": True}, {}),
    ("autoscaling", "delete_auto_scaling_group", {"AutoScalingGroupName": "none"}, {}),
    ("elbv2", "create_target_group", {"Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": "$vpc"},
     {"target": "TargetGroups[0].TargetGroupArn"}),
    ("elbv2", "describe_target_group_attributes", {"TargetGroupArn": "$target"}, {}),
    ("elbv2", "create_load_balancer", {"Name": "lb", "Subnets": ["$one", "$two"], "SecurityGroups": ["$group"]},
     {"balancer": "LoadBalancers[0].LoadBalancerArn"}),
    ("elbv2", "create_load_balancer", {"Name": "lb", "Subnets": ["$one", "$two"], "Scheme": "internal"}, {}),
    ("elbv2", "describe_load_balancers", {"Names": ["none"]}, {}),
    ("elbv2", "describe_target_groups", {"Names": ["none"]}, {}),
    ("elbv2", "create_listener", {"LoadBalancerArn": "$balancer", "Protocol": "HTTP", "Port": 80, "DefaultActions": [
        {"Type": "forward", "TargetGroupArn": "$target"}]}, {"listener": "Listeners[0].ListenerArn"}),
    ("elbv2", "create_rule", {"ListenerArn": "$listener", "Priority": 1, "Actions": [
        {"Type": "forward", "TargetGroupArn": "$target"}], "Conditions": [
        {"Field": "path-pattern", "Values": ["/a"]}]}, {}),
    ("elbv2", "create_rule", {"ListenerArn": "$listener", "Priority": 1, "Actions": [
        {"Type": "forward", "TargetGroupArn": "$target"}], "Conditions": [
        {"Field": "path-pattern", "Values": ["/a"]}]}, {}),
    ("elbv2", "describe_rules", {"ListenerArn": "$listener"}, {}),
    ("elbv2", "delete_target_group", {"TargetGroupArn": "$target"}, {}),
    ("elbv2", "delete_load_balancer", {"LoadBalancerArn": "$balancer"}, {}),
    ("elb", "create_load_balancer", {"LoadBalancerName": "classic", "Listeners": [LISTENER], "Subnets": ["$one", "$two"],
                                     "SecurityGroups": ["$group"], "Scheme": "internal"}, {}),
    ("elb", "describe_load_balancers", {"LoadBalancerNames": ["classic"]}, {}),
    ("elb", "describe_load_balancers", {"LoadBalancerNames": ["none"]}, {}),
    ("elb", "add_tags", {"LoadBalancerNames": ["classic"], "Tags": [{"Key": "a", "Value": "b"}]}, {}),
    ("elb", "describe_tags", {"LoadBalancerNames": ["classic"]}, {}),
    ("elb", "create_load_balancer_listeners", {"LoadBalancerName": "classic", "Listeners": [
        {**LISTENER, "LoadBalancerPort": 81}]}, {}),
    ("elb", "delete_load_balancer_listeners", {"LoadBalancerName": "classic", "LoadBalancerPorts": [80]}, {}),
    ("elb", "configure_health_check", {"LoadBalancerName": "classic", "HealthCheck": {
        "Target": "HTTP:80/", "Interval": 10, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 3}}, {}),
    ("elb", "describe_load_balancer_attributes", {"LoadBalancerName": "classic"}, {}),
    ("elb", "describe_load_balancers", {}, {}),
    ("elb", "delete_load_balancer", {"LoadBalancerName": "classic"}, {}),
    ("elb", "delete_load_balancer", {"LoadBalancerName": "none"}, {}),
    ("sqs", "create_queue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "5"}, "tags": {"a": "b"}},
     {"queue": "QueueUrl"}),
    ("sqs", "create_queue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "7"}}, {}),
    ("sqs", "create_queue", {"QueueName": "a b"}, {}),
    ("sqs", "get_queue_url", {"QueueName": "none"}, {}),
    ("sqs", "get_queue_attributes", {"QueueUrl": "$queue", "AttributeNames": ["All"]}, {}),
    ("sqs", "list_queue_tags", {"QueueUrl": "$queue"}, {}),
    ("sqs", "send_message", {"QueueUrl": "$queue", "MessageBody": "hello", "MessageAttributes": {
        "s": {"DataType": "String", "StringValue": "x"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}}, {}),
    ("sqs", "send_message_batch", {"QueueUrl": "$queue", "Entries": [
        {"Id": "1", "MessageBody": "one"}, {"Id": "2", "MessageBody": "two", "DelaySeconds": 900}]}, {}),
    ("sqs", "send_message_batch", {"QueueUrl": "$queue", "Entries": [
        {"Id": "1", "MessageBody": "one"}, {"Id": "1", "MessageBody": "two"}]}, {}),
    ("sqs", "receive_message", {"QueueUrl": "$queue", "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]},
     {"receipt": "Messages[0].ReceiptHandle"}),
    ("sqs", "receive_message", {"QueueUrl": "$queue", "MaxNumberOfMessages": 11}, {}),
    ("sqs", "delete_message", {"QueueUrl": "$queue", "ReceiptHandle": "$receipt"}, {}),
    ("sqs", "delete_message", {"QueueUrl": "$queue", "ReceiptHandle": "none"}, {}),
    ("sqs", "purge_queue", {"QueueUrl": "$queue"}, {}),
    ("sqs", "delete_queue", {"QueueUrl": "$queue"}, {}),
    ("iam", "create_group", {"GroupName": "group", "Path": "/team/"}, {}),
    ("iam", "create_group", {"GroupName": "group"}, {}),
    ("iam", "create_user", {"UserName": "ann"}, {}),
    ("iam", "add_user_to_group", {"GroupName": "group", "UserName": "ann"}, {}),
    ("iam", "add_user_to_group", {"GroupName": "none", "UserName": "ann"}, {}),
    ("iam", "get_group", {"GroupName": "group"}, {}),
    ("iam", "list_groups", {"PathPrefix": "/team/"}, {}),
    ("iam", "list_groups_for_user", {"UserName": "ann"}, {}),
    ("iam", "put_group_policy", {"GroupName": "group", "PolicyName": "p", "PolicyDocument": ALLOW}, {}),
    ("iam", "get_group_policy", {"GroupName": "group", "PolicyName": "p"}, {}),
    ("iam", "list_group_policies", {"GroupName": "group"}, {}),
    ("iam", "list_attached_group_policies", {"GroupName": "group"}, {}),
    ("iam", "delete_group_policy", {"GroupName": "group", "PolicyName": "p"}, {}),
    ("iam", "remove_user_from_group", {"GroupName": "group", "UserName": "ann"}, {}),
    ("iam", "delete_group", {"GroupName": "group"}, {}),
    ("iam", "delete_user", {"UserName": "ann"}, {}),
]


class Sandbox:
    def __enter__(self):
        self.process = subprocess.Popen(
            [str(EKSRUN), "sandbox", "--listen", "127.0.0.1:0", "--time-scale", "600"], stdout=subprocess.PIPE,
            text=True, cwd=ROOT)
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


class Side:
    """One of the two: its clients, what its answers are called, and its ids by their order."""

    def __init__(self, url):
        self.url, self.clients, self.names, self.ids = url, {}, {}, {}

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = boto3.session.Session(
                aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION).client(
                service, endpoint_url=self.url,
                config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=120))
        return self.clients[service]

    def fill(self, value):
        if isinstance(value, dict):
            return {key: self.fill(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.fill(part) for part in value]
        return self.names[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    def plain(self, value):
        if isinstance(value, dict):
            return {key: self.plain(part) for key, part in value.items() if key != "ResponseMetadata"}
        if isinstance(value, list) and value and all(isinstance(v, dict) and v.keys() == {"Key", "Value"} for v in value):
            return {part["Key"]: part["Value"] for part in value}
        if isinstance(value, list):
            return sorted((self.plain(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
        if isinstance(value, str):
            value = re.sub(r"\b(123456789012|111122223333)\b", "ACCOUNT", UUID.sub("UUID", value))
            return HASH.sub("/#", ID.sub(lambda m: f"{m[1]}#", value))
        return value if isinstance(value, (bool, int, float)) or value is None else "TIME"

    def call(self, service, operation, params, keep):
        if service == "wait":
            self.client("ec2").get_waiter(operation).wait(
                **self.fill(params), WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
            return {}
        try:
            answer = getattr(self.client(service), operation)(**self.fill(params))
        except botocore.exceptions.ClientError as error:
            return {"code": error.response["Error"]["Code"]}
        except botocore.parsers.ResponseParserError:
            return None  # moto broke: a page of HTML
        for name, path in keep.items():
            self.names[name] = jmespath.search(path, answer)
        return self.plain(answer)


def differences(moto, sandbox, where=""):
    """Where answers differ. What moto leaves out is no difference: it leaves out much."""
    if isinstance(moto, dict) and isinstance(sandbox, dict):
        if "code" in moto or "code" in sandbox:
            moto, sandbox = {"code": moto.get("code", "none")}, {"code": sandbox.get("code", "none")}
        for key in sorted(moto):
            path = f"{where}.{key}".lstrip(".")
            if key not in sandbox:
                yield path, moto[key], "nothing"
            else:
                yield from differences(moto[key], sandbox[key], path)
    elif isinstance(moto, list) and isinstance(sandbox, list) and len(moto) == len(sandbox):
        for a, b in zip(moto, sandbox):
            yield from differences(a, b, where)
    elif moto != sandbox:
        yield where, moto, sandbox


# What differs by design: operation, where, and why. "Made" is what each makes up.
EXPLAINED = [
    (r".*", r".*(PublicIp|MacAddress|KeyFingerprint|KeyMaterial|DNSName|CanonicalHostedZoneId)$", "made"),
    (r".*network_interfaces?|run_instances|describe_instances", r".*Private(DnsName|IpAddress)$", "made"),
    (r".*", r".*(AvailabilityZoneId|ZoneId)$", "which zone has which id is an account's own matter"),
    (r".*vpcs?", r".*DhcpOptionsId$", "moto has no set of DHCP options"),
    (r"create_(vpc|volume|vpc_endpoint)", r".*State$", "moto takes no time"),
    (r"create_network_acl", r"NetworkAcl.Entries", "moto leaves out the entries that refuse the rest"),
    (r"describe_addresses", r"Addresses\.(InstanceId|NetworkInterfaceId)", "empty texts of moto's"),
    (r".*", r".*(Association|StateReason)$", "empty things of moto's"),
    (r".*network_interfaces?", r".*RequesterId$", "moto's own"),
    (r".*launch_template_version.*|run_instances|describe_instances", r".*ImageId$", "made"),
    (r"describe_launch_templates", r"code", "moto answers none, AWS that there is none"),
    (r"run_instances|describe_instances", r".*(DeviceName|Platform|SriovNetSupport)$", "of another image"),
    (r"run_instances|describe_instances", r".*MetadataOptions.*", "the image asks for version 2"),
    (r"run_instances|describe_instances", r".*NetworkInterfaces\.(Attachment\.DeleteOnTermination|Description)",
     "moto's own"),
    (r"create_vpc_endpoint", r".*(PolicyDocument|PrivateDnsEnabled)$", "the same in other words; moto's own"),
    (r"describe_auto_scaling_groups", r".*HealthCheckGracePeriod", "AWS waits 0 seconds when nobody says"),
    (r"describe_auto_scaling_groups", r".*LaunchTemplate.Version", "moto shows the latest"),
    (r"describe_auto_scaling_groups", r".*LifecycleState", "moto takes no time"),
    (r"describe_auto_scaling_groups", r".*SuspensionReason", "empty in moto"),
    (r"describe_lifecycle_hooks", r".*GlobalTimeout", "100 times the heartbeat, at most 48 hours"),
    (r"describe_lifecycle_hooks", r".*(NotificationTargetARN|RoleARN)", "made up by moto"),
    (r"create_route_table|describe_route_tables", r".*Routes$", "moto keeps the route of a range that is gone"),
    (r"describe_target_group_attributes", r".*waf", "of load balancers"),
    (r"create_listener", r".*(AlpnPolicy|SslPolicy)$", "moto's own; a listener of HTTP has none"),
    (r"describe_rules", r".*RuleArn$", "made"),
    (r"create_load_balancer", r"code", "moto does not compare the scheme"),
    (r"describe_load_balancers", r"LoadBalancerDescriptions.(AvailabilityZones|SourceSecurityGroup.GroupName)",
     "moto looks at neither subnets nor groups"),
    (r"describe_load_balancers", r".*CanonicalHostedZoneName", "one that is internal has none"),
    (r"describe_load_balancer_attributes", r".*AdditionalAttributes", "moto has none"),
    (r"create_queue", r"QueueUrl", "of moto's own server"),
    (r"get_queue_attributes", r".*Timestamp", "made"),
    (r"receive_message", r".*ReceiptHandle", "made"),
    (r".*(group|user).*", r".*(Group|User)Id", "made"),
]


def test_answers(home):
    wrong = []
    with Copy() as moto, Sandbox() as sandbox:
        sides = Side(moto.url), Side(sandbox.url)
        for side in sides:
            images = side.client("ec2").describe_images(Owners=["amazon"], Filters=[
                {"Name": "architecture", "Values": ["x86_64"]}, {"Name": "virtualization-type", "Values": ["hvm"]}])
            side.names["image"] = images["Images"][0]["ImageId"]
        for call in CALLS:
            theirs, ours = (side.call(*call) for side in sides)
            for where, a, b in differences(theirs, ours) if theirs is not None else []:
                if not any(re.fullmatch(o, call[1]) and re.match(w, where) for o, w, _ in EXPLAINED):
                    wrong.append(f"{call[1]} {where}: moto {a!r:.150}, sandbox {b!r:.150}")
    print(f"{len(CALLS)} calls, {len(wrong)} differences")
    assert not wrong, "\n" + "\n".join(wrong)


def test_instance_types(home):
    """What the sandbox says of a type, moto's data says too: it is AWS's."""
    with Sandbox() as sandbox:
        ours = {t["InstanceType"]: t for page in Side(sandbox.url).client("ec2").get_paginator(
            "describe_instance_types").paginate() for t in page["InstanceTypes"]}
    wrong = [f"{name} {where}: {a!r:.100}, {b!r:.100}" for name, ours_of in ours.items()
             for where, a, b in differences(ours_of, INSTANCE_TYPES[name])
             # The clock of some is that of their fastest size.
             if "SustainedClockSpeed" not in where]
    assert len(ours) > 200
    assert not wrong, "\n" + "\n".join(wrong)
