"""The part of EKS that moto lacks: a server in front of moto_server that keeps add-ons, access entries, pod
identity associations and updates in tables, adds to clusters what moto drops, and passes on all else.

It answers as the API's model says, at once; it knows no durations. It also has the public SSM parameters of
EKS's images.
"""

import functools
import http.client
import http.server
import itertools
import json
import re
import sys
import threading
import traceback
import urllib.parse

import botocore.session

from .reader import REGION, Reader

ACCOUNT = "123456789012"
# What CreateCluster and UpdateClusterConfig take, DescribeCluster tells, and moto forgets.
KEPT = ("accessConfig", "computeConfig", "storageConfig", "upgradePolicy", "zonalShiftConfig",
        "deletionProtection", "encryptionConfig", "kubernetesNetworkConfig")


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


@functools.cache
def routes():
    """[(method, path pattern with a group for each parameter in it, operation)]"""
    model = botocore.session.get_session().get_component("data_loader").load_service_model("eks", "service-2")
    rows = []
    for name, operation in model["operations"].items():
        members = model["shapes"][operation["input"]["shape"]]["members"]
        parameter = {member.get("locationName", key): key for key, member in members.items()}
        pattern = re.sub(r"\{(\w+)\+?\}", lambda m, p=parameter: f"(?P<{p[m[1]]}>[^/]+)",
                         operation["http"]["requestUri"].split("?")[0])
        rows.append((operation["http"]["method"], re.compile(pattern + "$"), name))
    return sorted(rows, key=lambda row: -len(row[1].pattern))


def snake(name):
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


class Eks:
    """`url` is its endpoint; `reset` forgets all."""

    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.reader = Reader(upstream)
        self.lock = threading.Lock()
        self.reset()
        standin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, fields, payload = standin.answer(self.command, self.path, dict(self.headers.items()), body)
                self.send_response_only(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked has gone
                    traceback.print_exc()

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self):
        self.serial = itertools.count(1)
        self.clusters, self.addons, self.entries, self.policies, self.pods = {}, {}, {}, {}, {}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # HTTP ---------------------------------------------------------------------------------------------

    def forward(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=120)
        headers = {k: v for k, v in headers.items() if k.lower() not in ("connection", "expect")}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        payload = answer.read()
        connection.close()
        keep = [(k, v) for k, v in answer.getheaders()
                if k.lower() not in ("connection", "transfer-encoding", "content-length")]
        return answer.status, keep, payload

    def answer(self, method, path, headers, body):
        def passed_on():
            return self.forward(method, path, headers, body)

        fields = {k.lower(): v for k, v in headers.items()}
        if fields.get("x-amz-target") == "AmazonSSM.GetParameter":
            name = json.loads(body)["Name"]
            if name.startswith("/aws/service/eks/optimized-ami/"):
                image = f"ami-{sum(name.encode()):017x}"
                return self.reply({"Parameter": {"Name": name, "Type": "String", "Value": image, "Version": 1}})
        if "/eks/aws4_request" not in fields.get("authorization", ""):
            return passed_on()
        split = urllib.parse.urlsplit(path)
        for verb, pattern, operation in routes():
            match = verb == method and pattern.match(split.path)
            handler = match and getattr(self, snake(operation), None)
            if match and handler:
                params = {k: urllib.parse.unquote(v) for k, v in match.groupdict().items()}
                query = urllib.parse.parse_qs(split.query)
                with self.lock:
                    try:
                        return handler(passed_on, query=query, **params, **(json.loads(body) if body else {}))
                    except Refused as refused:
                        return self.reply({"message": str(refused)}, refused.status, refused.code)
            if match:
                return passed_on()
        return passed_on()

    @staticmethod
    def reply(value, status=200, error=None):
        fields = [("Content-Type", "application/json")] + ([("x-amzn-ErrorType", error)] if error else [])
        return status, fields, json.dumps(value).encode()

    # What the tables have in common -------------------------------------------------------------------

    def cluster(self, name):
        if name not in self.clusters:
            raise Refused(404, "ResourceNotFoundException", f"No cluster found for name: {name}.")
        return self.clusters[name]

    @staticmethod
    def one(table, key, what):
        if key not in table:
            raise Refused(404, "ResourceNotFoundException", f"No {what} found: {key[-1]}")
        return table[key]

    @staticmethod
    def absent(table, key, what):
        if key in table:
            raise Refused(409, "ResourceInUseException", f"{what} already exists: {key[-1]}")

    def arn(self, *path):
        return f"arn:aws:eks:{REGION}:{ACCOUNT}:" + "/".join(path)

    def update(self, kind):
        return {"id": f"update-{next(self.serial)}", "status": "Successful", "type": kind, "errors": []}

    def describe_update(self, _, query, updateId, **__):  # noqa: N803
        return self.reply({"update": {"id": updateId, "status": "Successful", "errors": []}})

    def in_tables(self, arn):
        for table, field in ((self.addons, "addonArn"), (self.entries, "accessEntryArn"),
                             (self.pods, "associationArn")):
            for item in table.values():
                if item[field] == arn:
                    return item
        return None

    def tag_resource(self, passed_on, query, resourceArn, tags):  # noqa: N803
        item = self.in_tables(resourceArn)
        if not item:
            return passed_on()
        item["tags"].update(tags)
        return self.reply({})

    def untag_resource(self, passed_on, query, resourceArn, **_):  # noqa: N803
        item = self.in_tables(resourceArn)
        if not item:
            return passed_on()
        for key in query["tagKeys"]:
            item["tags"].pop(key, None)
        return self.reply({})

    # Clusters -----------------------------------------------------------------------------------------

    def create_cluster(self, passed_on, query, name, resourcesVpcConfig, **fields):  # noqa: N803
        auto = [fields.get("computeConfig", {}).get("enabled"),
                fields.get("storageConfig", {}).get("blockStorage", {}).get("enabled"),
                fields.get("kubernetesNetworkConfig", {}).get("elasticLoadBalancing", {}).get("enabled")]
        if len(set(auto)) > 1:
            raise Refused(400, "InvalidParameterException",
                          "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
                          "kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.")
        answer = passed_on()
        if answer[0] != 200:
            return answer
        ec2 = self.reader.ec2
        vpc = ec2.describe_subnets(SubnetIds=resourcesVpcConfig["subnetIds"])["Subnets"][0]["VpcId"]
        group = ec2.create_security_group(
            GroupName=f"eks-cluster-sg-{name}-{next(self.serial)}", Description="made by EKS", VpcId=vpc)["GroupId"]
        kept = {key: fields[key] for key in KEPT if key in fields}
        kept.setdefault("accessConfig", {}).pop("bootstrapClusterCreatorAdminPermissions", None)
        kept["kubernetesNetworkConfig"] = {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4",
                                           **fields.get("kubernetesNetworkConfig", {})}
        kept["resourcesVpcConfig"] = {"publicAccessCidrs": ["0.0.0.0/0"], **resourcesVpcConfig,
                                      "vpcId": vpc, "clusterSecurityGroupId": group}
        kept["identity"] = {"oidc": {"issuer": f"https://oidc.eks.{REGION}.amazonaws.com/id/{name.upper()}"}}
        self.clusters[name] = kept
        return self.with_kept(answer, name)

    def with_kept(self, answer, name):
        status, fields, payload = answer
        if status == 200 and name in self.clusters:
            cluster = json.loads(payload)
            cluster["cluster"].update(self.clusters[name])
            payload = json.dumps(cluster).encode()
        return status, fields, payload

    def describe_cluster(self, passed_on, query, name):
        return self.with_kept(passed_on(), name)

    def update_cluster_config(self, passed_on, query, name, **changes):
        changes.pop("clientRequestToken", None)
        kept = self.cluster(name)
        if "logging" in changes:
            passed_on()  # moto keeps the logs, and nothing else of the call
        for key, value in changes.items():
            if key in ("resourcesVpcConfig", "kubernetesNetworkConfig"):
                kept[key] = {**kept[key], **value}
            elif key != "logging":
                kept[key] = value
        return self.reply({"update": self.update("ConfigUpdate")})

    def associate_encryption_config(self, _, query, clusterName, encryptionConfig, **__):  # noqa: N803
        self.cluster(clusterName)["encryptionConfig"] = encryptionConfig
        return self.reply({"update": self.update("AssociateEncryptionConfig")})

    def delete_cluster(self, passed_on, query, name):
        if self.reader.eks.list_fargate_profiles(clusterName=name)["fargateProfileNames"]:
            raise Refused(409, "ResourceInUseException", "Cluster has Fargate profiles attached")
        answer = passed_on()
        if answer[0] == 200:
            group = self.clusters.pop(name)["resourcesVpcConfig"]["clusterSecurityGroupId"]
            self.reader.ec2.delete_security_group(GroupId=group)
            for table in (self.addons, self.entries, self.policies, self.pods):
                for key in [key for key in table if key[0] == name]:
                    del table[key]
        return answer

    # What EKS lets in by itself.
    def joins(self, cluster, role, kind):
        self.entries.setdefault((cluster, role), {
            "clusterName": cluster, "principalArn": role, "type": kind, "kubernetesGroups": [], "tags": {},
            "accessEntryArn": self.arn("access-entry", cluster, "role", str(next(self.serial)))})

    def create_nodegroup(self, passed_on, query, clusterName, nodeRole, **_):  # noqa: N803
        answer = passed_on()
        if answer[0] == 200:
            self.joins(clusterName, nodeRole, "EC2_LINUX")
        return answer

    def create_fargate_profile(self, passed_on, query, clusterName, podExecutionRoleArn, **_):  # noqa: N803
        answer = passed_on()
        if answer[0] == 200:
            self.joins(clusterName, podExecutionRoleArn, "FARGATE_LINUX")
        return answer

    # Add-ons ------------------------------------------------------------------------------------------

    def create_addon(self, _, query, clusterName, addonName, **fields):  # noqa: N803
        self.cluster(clusterName)
        self.absent(self.addons, (clusterName, addonName), "Addon")
        for key in ("clientRequestToken", "resolveConflicts"):
            fields.pop(key, None)
        associations = fields.pop("podIdentityAssociations", [])
        addon = {"clusterName": clusterName, "addonName": addonName, "status": "ACTIVE", "tags": {},
                 "addonVersion": f"v1.0.0-eksbuild.{next(self.serial)}",
                 "addonArn": self.arn("addon", clusterName, addonName, str(next(self.serial))), **fields,
                 "podIdentityAssociations": [self.arn("podidentityassociation", clusterName, a["serviceAccount"])
                                             for a in associations]}
        self.addons[clusterName, addonName] = addon
        return self.reply({"addon": addon})

    def describe_addon(self, _, query, clusterName, addonName):  # noqa: N803
        self.cluster(clusterName)
        return self.reply({"addon": self.one(self.addons, (clusterName, addonName), "addon")})

    def update_addon(self, _, query, clusterName, addonName, **fields):  # noqa: N803
        addon = self.one(self.addons, (clusterName, addonName), "addon")
        for key in ("addonVersion", "configurationValues", "serviceAccountRoleArn"):
            if key in fields:
                addon[key] = fields[key]
        return self.reply({"update": self.update("AddonUpdate")})

    def delete_addon(self, _, query, clusterName, addonName):  # noqa: N803
        addon = self.one(self.addons, (clusterName, addonName), "addon")
        del self.addons[clusterName, addonName]
        return self.reply({"addon": addon})

    def list_addons(self, _, query, clusterName):  # noqa: N803
        self.cluster(clusterName)
        return self.reply({"addons": [name for cluster, name in self.addons if cluster == clusterName]})

    # Access entries -----------------------------------------------------------------------------------

    def create_access_entry(self, _, query, clusterName, principalArn, **fields):  # noqa: N803
        self.cluster(clusterName)
        self.absent(self.entries, (clusterName, principalArn), "The specified access entry resource")
        fields.pop("clientRequestToken", None)
        entry = {"type": "STANDARD", "kubernetesGroups": [], "tags": {}, "username": principalArn, **fields,
                 "clusterName": clusterName, "principalArn": principalArn,
                 "accessEntryArn": self.arn("access-entry", clusterName, "role", str(next(self.serial)))}
        self.entries[clusterName, principalArn] = entry
        return self.reply({"accessEntry": entry})

    def describe_access_entry(self, _, query, clusterName, principalArn):  # noqa: N803
        self.cluster(clusterName)
        return self.reply({"accessEntry": self.one(self.entries, (clusterName, principalArn), "access entry")})

    def update_access_entry(self, _, query, clusterName, principalArn, **fields):  # noqa: N803
        entry = self.one(self.entries, (clusterName, principalArn), "access entry")
        entry.update({k: v for k, v in fields.items() if k in ("kubernetesGroups", "username")})
        return self.reply({"accessEntry": entry})

    def delete_access_entry(self, _, query, clusterName, principalArn):  # noqa: N803
        self.one(self.entries, (clusterName, principalArn), "access entry")
        del self.entries[clusterName, principalArn]
        for key in [key for key in self.policies if key[:2] == (clusterName, principalArn)]:
            del self.policies[key]
        return self.reply({})

    def list_access_entries(self, _, query, clusterName):  # noqa: N803
        self.cluster(clusterName)
        return self.reply({"accessEntries": [arn for cluster, arn in self.entries if cluster == clusterName]})

    def associate_access_policy(self, _, query, clusterName, principalArn, policyArn, accessScope):  # noqa: N803
        self.one(self.entries, (clusterName, principalArn), "access entry")
        policy = {"policyArn": policyArn, "accessScope": {"namespaces": [], **accessScope}}
        self.policies[clusterName, principalArn, policyArn] = policy
        return self.reply({"clusterName": clusterName, "principalArn": principalArn,
                           "associatedAccessPolicy": policy})

    def disassociate_access_policy(self, _, query, clusterName, principalArn, policyArn):  # noqa: N803
        self.one(self.policies, (clusterName, principalArn, policyArn), "access policy")
        del self.policies[clusterName, principalArn, policyArn]
        return self.reply({})

    def list_associated_access_policies(self, _, query, clusterName, principalArn):  # noqa: N803
        self.one(self.entries, (clusterName, principalArn), "access entry")
        return self.reply({"clusterName": clusterName, "principalArn": principalArn, "associatedAccessPolicies": [
            policy for key, policy in self.policies.items() if key[:2] == (clusterName, principalArn)]})

    # Pod identity -------------------------------------------------------------------------------------

    def create_pod_identity_association(self, _, query, clusterName, namespace, serviceAccount,  # noqa: N803
                                        **fields):
        self.cluster(clusterName)
        for pod in self.pods.values():
            if (pod["clusterName"], pod["namespace"], pod["serviceAccount"]) == (
                    clusterName, namespace, serviceAccount):
                raise Refused(409, "ResourceInUseException", "Association already exists: " + pod["associationId"])
        fields.pop("clientRequestToken", None)
        identity = f"a-{next(self.serial):017x}"
        pod = {"tags": {}, "disableSessionTags": False, **fields, "clusterName": clusterName,
               "namespace": namespace, "serviceAccount": serviceAccount, "associationId": identity,
               "associationArn": self.arn("podidentityassociation", clusterName, identity)}
        self.pods[clusterName, identity] = pod
        return self.reply({"association": pod})

    def describe_pod_identity_association(self, _, query, clusterName, associationId):  # noqa: N803
        return self.reply({"association": self.one(self.pods, (clusterName, associationId), "association")})

    def update_pod_identity_association(self, _, query, clusterName, associationId, **fields):  # noqa: N803
        pod = self.one(self.pods, (clusterName, associationId), "association")
        fields.pop("clientRequestToken", None)
        pod.update(fields)
        return self.reply({"association": pod})

    def delete_pod_identity_association(self, _, query, clusterName, associationId):  # noqa: N803
        pod = self.one(self.pods, (clusterName, associationId), "association")
        del self.pods[clusterName, associationId]
        return self.reply({"association": pod})

    def list_pod_identity_associations(self, _, query, clusterName):  # noqa: N803
        self.cluster(clusterName)
        brief = ("clusterName", "namespace", "serviceAccount", "associationId", "associationArn")
        return self.reply({"associations": [{k: pod[k] for k in brief} for pod in self.pods.values()
                                            if pod["clusterName"] == clusterName]})
