"""What boto3, the independent reader, sees at an endpoint."""

import boto3
import botocore.config

REGION = "us-east-1"


class Reader:
    def __init__(self, url, region=REGION, access_key="testing", secret_key="testing"):
        self._client = lambda name: boto3.client(
            name, endpoint_url=url, region_name=region, aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=botocore.config.Config(retries={"max_attempts": 1}))
        self.ec2, self.iam, self.eks = map(self._client, ("ec2", "iam", "eks"))

    def client(self, name):
        return self._client(name)

    def clusters(self):
        return {name: self.eks.describe_cluster(name=name)["cluster"]
                for name in self.eks.list_clusters()["clusters"]}

    def nodegroups(self, cluster):
        names = self.eks.list_nodegroups(clusterName=cluster)["nodegroups"]
        return {name: self.eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
                for name in names}

    def roles(self):
        return {role["RoleName"]: self.iam.get_role(RoleName=role["RoleName"])["Role"]
                for role in self.iam.list_roles()["Roles"]}

    def everything(self):
        """{"kind id": tags} of all that exists, default network included."""
        found = {}

        def add(kind, items, key, keep=lambda _: True):
            for item in items:
                if keep(item):
                    found[f"{kind} {item[key]}"] = {t["Key"]: t["Value"] for t in item.get("Tags", [])}

        ec2 = self.ec2
        add("vpc", ec2.describe_vpcs()["Vpcs"], "VpcId")
        add("subnet", ec2.describe_subnets()["Subnets"], "SubnetId")
        add("internet-gateway", ec2.describe_internet_gateways()["InternetGateways"], "InternetGatewayId")
        add("nat-gateway", ec2.describe_nat_gateways()["NatGateways"], "NatGatewayId",
            lambda nat: nat["State"] not in ("deleted", "deleting"))
        add("address", ec2.describe_addresses()["Addresses"], "AllocationId")
        add("route-table", ec2.describe_route_tables()["RouteTables"], "RouteTableId")
        add("security-group", ec2.describe_security_groups()["SecurityGroups"], "GroupId")
        add("network-interface", ec2.describe_network_interfaces()["NetworkInterfaces"], "NetworkInterfaceId")
        add("endpoint", ec2.describe_vpc_endpoints()["VpcEndpoints"], "VpcEndpointId",
            lambda endpoint: endpoint["State"] != "deleted")
        add("launch-template", ec2.describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId")
        add("instance-profile", self.iam.list_instance_profiles()["InstanceProfiles"], "InstanceProfileName")
        add("policy", self.iam.list_policies(Scope="Local")["Policies"], "Arn")
        add("role", self.roles().values(), "RoleName")
        for provider in self.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            found[f"oidc-provider {provider['Arn']}"] = {}
        for name, cluster in self.clusters().items():
            found[f"cluster {name}"] = cluster.get("tags") or {}
            for group, facts in self.nodegroups(name).items():
                found[f"nodegroup {name}/{group}"] = facts.get("tags") or {}
        return found
