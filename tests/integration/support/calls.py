"""Random calls of AWS, made from botocore's models: parameters that the model allows, and that name
things which earlier answers told of, so that many calls succeed."""

import base64
import datetime
import importlib
import inspect
import random
import re

from botocore import xform_name
from moto.core.responses import BaseResponse

ACCOUNT = "123456789012"
WORDS = ["alpha", "beta-2", "Gamma3", "delta.4", "epsilon", "zeta7", "eta8", "theta9"]
# For texts that nothing but a reader looks at: what encodings get wrong.
ODD = ["a&b=c", "x <y> \"z\"", "50% + 1", "ünï-日本", "tab\tand\nline", "  spaces  ", "q?#/:@", "emoji \U0001f680"]
FREE = re.compile(r"description|comment|displayname|^value$|tagvalue|message$|body$", re.I)
CREATES = ("Create", "Put", "Run", "Allocate", "Register", "Send", "Add", "Upload", "Attach", "Associate")
ENDS = ("Delete", "Remove", "Terminate", "Schedule", "Deregister", "Release", "Purge")
DEPTH = 6

# Values for members whose name alone says what they are; the model does not.
KNOWN = {
    "roleArn": [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in WORDS[:3]],
    "policyDocument": ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'],
    "assumeRolePolicyDocument": [
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
        '"Action":"sts:AssumeRole"}]}'],
    "cidrBlock": ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "172.16.0.0/16"],
    "cidrIp": ["10.0.0.0/8", "0.0.0.0/0"],
    "destinationCidrBlock": ["0.0.0.0/0", "10.9.0.0/16"],
    "availabilityZone": ["us-east-1a", "us-east-1b"],
    "availabilityZones": ["us-east-1a", "us-east-1b"],
    "imageId": ["ami-12c6146b", "ami-03cf127a"],
    "instanceType": ["t3.micro", "m5.large"],
    "instanceTypes": ["t3.micro", "m5.large"],
    "bucket": ["differential-one", "differential-two"],
    "key": ["k", "a/b c+d", "ünï", "x&y=<z>", "t%41~"],
    "tableName": ["TableOne", "TableTwo"],
    "waitTimeSeconds": [0],
    "version": ["1.33", "1.34"],
    "path": ["/", "/team/"],
    "pathPrefix": ["/"],
    "ipProtocol": ["tcp", "udp", "-1"],
    "minCount": [1], "maxCount": [1, 2], "minSize": [0, 1], "maxSize": [2, 3], "desiredCapacity": [1, 2],
    "copySource": ["differential-one/k", "differential-two/a/b c+d"],
    "sourceRegion": ["us-west-2"],
    "type": None, "dryRun": [False],
    "maxResults": [5, 50, 100], "maxRecords": [20, 100], "maxItems": [10, 100],
}
# Whoever sets these gets errors only, or answers that differ by design.
NEVER = {
    "dryRun", "nextToken", "marker", "continuationToken", "startingToken", "exclusiveStartKey", "ifMatch",
    "ifNoneMatch", "ifModifiedSince", "ifUnmodifiedSince", "expectedBucketOwner", "requestPayer", "mfa",
    "sSECustomerKey", "sSECustomerAlgorithm", "sSECustomerKeyMD5", "contentMD5", "contentLength",
    "grantTokens", "recipient", "range", "contentEncoding", "presignedUrl",
}


SUBNETS = ["subnet-0a", "subnet-0b"]
TABLE = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
}
# What every service begins with, so that later calls find something.
FIRST = {
    "autoscaling": [
        ("CreateLaunchConfiguration", {
            "LaunchConfigurationName": "alpha", "ImageId": "ami-12c6146b", "InstanceType": "t3.micro",
            "UserData": "#!/bin/sh\necho ünï"}),
        ("CreateAutoScalingGroup", {
            "AutoScalingGroupName": "alpha", "LaunchConfigurationName": "alpha", "MinSize": 1, "MaxSize": 3,
            "AvailabilityZones": ["us-east-1a"]}),
    ],
    "dynamodb": [
        ("CreateTable", {"TableName": "TableOne", **TABLE}),
        ("CreateTable", {"TableName": "TableTwo", **TABLE}),
        ("PutItem", {"TableName": "TableOne", "Item": {
            "id": {"S": "one"}, "number": {"N": "1.50"}, "bytes": {"B": "a\x00b"}, "no": {"NULL": True},
            "set": {"NS": ["1", "2"]}, "list": {"L": [{"S": ""}, {"BOOL": False}]}, "map": {"M": {}}}}),
        ("GetItem", {"TableName": "TableOne", "Key": {"id": {"S": "one"}}}),
        ("Query", {"TableName": "TableOne", "KeyConditionExpression": "id = :i",
                   "ExpressionAttributeValues": {":i": {"S": "one"}}}),
        ("Scan", {"TableName": "TableOne"}),
    ],
    "ec2": [
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16"}),
        ("RunInstances", {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 2, "InstanceType": "t3.micro",
                          "ClientToken": "t", "UserData": "#!/bin/sh\necho ünï"}),
        ("DescribeInstances", {}),
        ("DescribeSubnets", {}),
    ],
    "eks": [
        ("CreateCluster", {"name": "alpha", "roleArn": KNOWN["roleArn"][0], "clientRequestToken": "t",
                           "resourcesVpcConfig": {"subnetIds": SUBNETS}, "tags": {"team": "a&b=c"}}),
        ("CreateNodegroup", {"clusterName": "alpha", "nodegroupName": "beta-2", "subnets": SUBNETS,
                             "nodeRole": KNOWN["roleArn"][0], "clientRequestToken": "t"}),
    ],
    "s3": [
        ("CreateBucket", {"Bucket": "differential-one"}),
        ("CreateBucket", {"Bucket": "differential-two"}),
        ("PutObject", {"Bucket": "differential-one", "Key": "k", "Body": "some bytes\x00ünï",
                       "Metadata": {"name": "value"}, "ContentType": "text/plain"}),
        ("PutObject", {"Bucket": "differential-two", "Key": "a/b c+d", "Body": "", "ChecksumAlgorithm": "SHA256"}),
        ("GetObject", {"Bucket": "differential-one", "Key": "k"}),
        ("ListObjectsV2", {"Bucket": "differential-two"}),
    ],
}

TRUST = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["eks.amazonaws.com",'
         '"ec2.amazonaws.com","eks-fargate-pods.amazonaws.com"],"AWS":"' + ACCOUNT + '"},'
         '"Action":"sts:AssumeRole"}]}')
# The same for a server that looks at what a call refers to: "$x" is what was learnt first as x, "$x.2" second.
FIRST_OF_STRICT = {
    **FIRST,
    "iam": [("CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": TRUST}) for name in WORDS[:3]],
    "ec2": [
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16"}),
        ("CreateSubnet", {"VpcId": "$vpcId", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a"}),
        ("CreateSubnet", {"VpcId": "$vpcId", "CidrBlock": "10.0.2.0/24", "AvailabilityZone": "us-east-1b"}),
        ("CreateSecurityGroup", {"VpcId": "$vpcId", "GroupName": "alpha", "Description": "a <b> & c"}),
        ("DescribeImages", {"Owners": ["amazon"]}),
        ("CreateLaunchTemplate", {"LaunchTemplateName": "alpha", "LaunchTemplateData": {
            "ImageId": "$imageId", "InstanceType": "t3.micro", "UserData": "ZWNobyDDvG4="}}),
        ("RunInstances", {"ImageId": "$imageId", "MinCount": 1, "MaxCount": 2, "InstanceType": "t3.micro",
                          "SubnetId": "$subnetId", "ClientToken": "t", "UserData": "#!/bin/sh\necho ünï"}),
        ("DescribeInstances", {}),
    ],
    "eks": [
        ("CreateCluster", {"name": "alpha", "roleArn": KNOWN["roleArn"][0], "clientRequestToken": "t",
                           "resourcesVpcConfig": {"subnetIds": ["$subnetId", "$subnetId.2"]},
                           "tags": {"team": "a&b=c"}}),
        ("DescribeCluster", {"name": "alpha"}),
        ("CreateNodegroup", {"clusterName": "alpha", "nodegroupName": "beta-2", "subnets": ["$subnetId"],
                             "nodeRole": KNOWN["roleArn"][1], "clientRequestToken": "t"}),
        ("CreateAddon", {"clusterName": "alpha", "addonName": "vpc-cni"}),
        ("CreateFargateProfile", {"clusterName": "alpha", "fargateProfileName": "delta.4",
                                  "podExecutionRoleArn": KNOWN["roleArn"][2], "selectors": [{"namespace": "x"}]}),
    ],
    "dynamodb": [
        *FIRST["dynamodb"][:2],
        *(("DescribeTable", {"TableName": name}) for name in KNOWN["tableName"]),
        *FIRST["dynamodb"][2:],
    ],
    "autoscaling": [
        ("CreateAutoScalingGroup", {
            "AutoScalingGroupName": "alpha", "LaunchTemplate": {"LaunchTemplateName": "alpha"}, "MinSize": 1,
            "MaxSize": 3, "VPCZoneIdentifier": "$subnetId"}),
    ],
}


def lower_first(name):
    return name[:1].lower() + name[1:]


# Their answers hold the time in a form that no comparison sees through.
ASIDE = {"CreateBackup"}


def implemented(service, operation_names):
    """The operations that moto has code for."""
    module = importlib.import_module(f"moto.{service}.responses")
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, BaseResponse)]
    return [name for name in operation_names
            if name not in ASIDE and any(hasattr(c, xform_name(name)) for c in classes)]


def within(meta, value):
    """Whether a value is within the model's bounds; boto3 looks at the lower ones only."""
    size = len(value) if isinstance(value, str) else value
    return meta.get("min", 0) <= size <= meta.get("max", size)


class Calls:
    """A stream of calls of one service, of the operations with these names: next() makes one, learn()
    remembers what it told."""

    def __init__(self, service, model, seed, names, first=FIRST, pool=None, known=KNOWN):
        """first: how each service begins; pool: what calls of other services learnt; known: values by name."""
        self.service, self.model, self.known = service, model, known
        self.random = random.Random(f"{seed}/{service}")
        self.creates = [n for n in names if n.startswith(CREATES)]
        self.ends = [n for n in names if n.startswith(ENDS)]
        self.others = [n for n in names if n not in self.creates and n not in self.ends]
        self.pool, self.made, self.broken = {} if pool is None else pool, 0, {}
        self.first = list(first.get(service, []))

    def choose(self):
        at = self.random.random()
        self.made += 1
        if at < (0.7 if self.made < 60 else 0.35) and self.creates:
            return self.random.choice(self.creates)
        if at > 0.95 and self.ends:
            return self.random.choice(self.ends)
        return self.random.choice(self.others)

    def next(self):
        """An operation's name and its parameters, as JSON has them: times are seconds, bytes text."""
        if self.first:
            name, params = self.first.pop(0)
            return name, self.fill(params)
        name = self.choose()
        while self.broken.get(name, 0) > 1:
            name = self.choose()
        shape = self.model.operation_model(name).input_shape
        return name, self.structure(shape, "", 0) if shape else {}

    def fill(self, value):
        """What a call begins with, with what was learnt in it."""
        if isinstance(value, dict):
            return {key: self.fill(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.fill(part) for part in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        key, _, number = value[1:].partition(".")
        return self.pool["$" + key][int(number or 1) - 1]

    def structure(self, shape, context, depth):
        out = {}
        members = list(shape.members.items())
        if getattr(shape, "is_tagged_union", False) and members:
            members = [self.random.choice(members)]
        chance = 0.45 if depth == 0 else 0.3
        for name, member in members:
            key = lower_first(name)
            needed = name in shape.required_members or getattr(shape, "is_tagged_union", False)
            token = member.metadata.get("idempotencyToken") or name == "ClientToken"
            if not needed and (key in NEVER or depth > 2):
                continue
            known = self.pool.get(key) or self.known.get(key)
            wanted = chance if not known else 0.5
            if needed or token or self.random.random() < wanted:
                value = self.value(member, name, depth + 1, context)
                if value is not None:
                    out[name] = value
        return out

    def value(self, shape, name, depth, context=""):
        kind, key = shape.type_name, lower_first(name)
        if depth > DEPTH:
            return {"structure": {}, "map": {}, "list": []}.get(kind, None) if kind in ("structure", "map", "list") \
                else self.scalar(shape, key)
        if kind == "structure":
            return self.structure(shape, name, depth)
        if kind == "list":
            low = shape.metadata.get("min", 0)
            count = max(low, min(self.random.choice([1, 1, 1, 2]), shape.metadata.get("max", 9)))
            singular = name[:-1] if name.endswith("s") else name
            return [self.value(shape.member, singular, depth + 1, name) for _ in range(count)]
        if kind == "map":
            keys = self.random.sample(WORDS, k=max(1, min(2, shape.metadata.get("max", 2))))
            if shape.key.enum:
                keys = [self.random.choice(shape.key.enum)]
            return {k: self.value(shape.value, name + "Value", depth + 1, name) for k in sorted(keys)}
        return self.scalar(shape, key)

    def scalar(self, shape, key):
        kind, meta = shape.type_name, shape.metadata
        # Half of the time a name that somebody answered, if there is one.
        known = self.pool.get(key) if self.random.random() < 0.8 else None
        known = known or self.known.get(key)
        if known and kind in ("string", "integer", "long"):
            candidate = self.random.choice(known)
            if isinstance(candidate, str) == (kind == "string") and within(meta, candidate):
                return candidate
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "long"):
            low = int(meta.get("min", 1))
            return self.random.randint(low, int(min(meta.get("max", low + 50), low + 50)))
        if kind in ("float", "double"):
            return self.random.choice([0.5, 1.25, 3.0])
        if kind == "timestamp":
            return 1_700_000_000 + self.random.randint(0, 1_000_000)
        if kind == "blob":
            return self.random.choice(["some bytes", "a\x00b", "ünï"])
        if getattr(shape, "enum", None):
            # Without its C runtime, boto3 has no other checksums.
            common = [e for e in shape.enum if e in ("CRC32", "SHA1", "SHA256")]
            return self.random.choice(common or shape.enum)
        return self.text(shape, key)

    def text(self, shape, key):
        meta = shape.metadata
        low, high = meta.get("min", 0), meta.get("max", 60)
        if key.endswith("Arn"):
            return f"arn:aws:{self.service}:us-east-1:{ACCOUNT}:thing/{self.random.choice(WORDS)}"
        pick = self.random.choice(ODD if FREE.search(key) and self.random.random() < 0.5 else WORDS)
        while len(pick) < low:
            pick += self.random.choice("abcdef0123456789")
        return pick[:high] if high else pick

    def learn(self, name, params, answer):
        """Remembers the scalars of a call that succeeded, by the names of their members."""
        self.remember(params, "")
        self.remember(answer, "")

    def breaks(self, name):
        """The server broke at such a call: after the second time there is no more of them."""
        self.broken[name] = self.broken.get(name, 0) + 1

    def remember(self, value, parent):
        if isinstance(value, dict):
            for key, part in value.items():
                if isinstance(part, (dict, list)):
                    self.remember(part, key)
                elif isinstance(part, str) and 0 < len(part) < 300:
                    names = {lower_first(key)}
                    if key in ("name", "Name", "arn", "Arn", "id", "Id", "KeyId", "ARN"):
                        names.add(lower_first(parent) + key[:1].upper() + key[1:].lower())
                    for each in names:
                        seen = self.pool.setdefault(each, [])
                        if part not in seen:
                            seen.append(part)
                            self.pool.setdefault("$" + each, []).append(part)
                            del seen[:-8]
        elif isinstance(value, list):
            singular = lower_first(parent[:-1] if parent.endswith("s") else parent)
            for part in value[:5]:
                if isinstance(part, str):
                    seen = self.pool.setdefault(singular, [])
                    if part not in seen and len(part) < 300:
                        seen.append(part)
                        del seen[:-8]
                else:
                    self.remember(part, parent)


def for_boto(shape, value):
    """Parameters as boto3 takes them."""
    if shape is None or value is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return {k: for_boto(shape.members[k], v) for k, v in value.items()}
    if kind == "list":
        return [for_boto(shape.member, v) for v in value]
    if kind == "map":
        return {k: for_boto(shape.value, v) for k, v in value.items()}
    if kind == "timestamp":
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if kind == "blob":
        return value.encode()
    return value


def plain(value):
    """A result as JSON has it: times are seconds, bytes text or { $bytes }; what is None is not there."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"$bytes": base64.b64encode(value).decode()}
    return value
