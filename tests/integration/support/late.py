"""What AWS made is not seen at once: answers of Describe, List and Get without what is younger than `seconds`."""

import json
import re
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET

ID = re.compile(rb"\b(?:[a-z]+-)+[0-9a-f]{8,17}\b")
NOT_FOUND = {"vpc": "InvalidVpcID.NotFound", "subnet": "InvalidSubnetID.NotFound", "nat": "NatGatewayNotFound",
             "igw": "InvalidInternetGatewayID.NotFound", "rtb": "InvalidRouteTableID.NotFound",
             "eipalloc": "InvalidAllocationID.NotFound", "sg": "InvalidGroup.NotFound"}
# Where the things of an answer have their own ids, if not in vpcId of a vpcSet: what refers to a new thing is seen.
OWN_ID = {"addressesSet": "allocationId", "associationSet": "routeTableAssociationId", "securityGroupInfo": "groupId"}


class Late:
    def __init__(self, seconds):
        self.seconds, self._seen, self._until, self._lock = seconds, set(), {}, threading.Lock()
        self.hidden = 0  # answers that were not the whole

    def _young(self, name):
        return time.monotonic() < self._until.get(name, 0)

    def see(self, service, operation, path, body, status, payload):
        """(status, payload) as a late reader gets them."""
        with self._lock:
            if service not in ("ec2", "iam", "eks"):
                return status, payload
            reads = operation.startswith(("Describe", "List", "Get"))
            if status < 300 and not reads:
                self._made(service, operation, path, body, payload)
            self._seen.update(ID.findall(body + payload))
            if not reads or status >= 300:
                return status, payload
            filtered = getattr(self, "_" + service)(operation, path, body, payload)
            if filtered != (status, payload):
                self.hidden += 1
            return filtered

    def _made(self, service, operation, path, body, payload):
        names = []
        form = dict(urllib.parse.parse_qsl(body.decode("latin-1")))
        if service == "ec2":
            names = set(ID.findall(payload)) - self._seen - set(ID.findall(body))
            if operation == "CreateRoute":
                names = {(form["RouteTableId"], form.get("DestinationCidrBlock"))}
        elif service == "iam" and operation == "CreateRole":
            names = [("role", form["RoleName"])]
        elif operation in ("CreateCluster", "CreateNodegroup"):
            facts = json.loads(body)
            prefix = path.split("?")[0].rstrip("/")
            names = [("eks", f"{prefix}/{facts.get('nodegroupName') or facts['name']}")]
        for name in names:
            self._until[name] = time.monotonic() + self.seconds

    def _ec2(self, operation, path, body, payload):
        form = dict(urllib.parse.parse_qsl(body.decode("latin-1")))
        for key, value in form.items():
            if re.match(r"\w+Id(\.\d+)?$", key) and self._young(value.encode()):
                code = NOT_FOUND.get(value.rsplit("-", 1)[0], "InvalidID.NotFound")
                return 400, (f"<Response><Errors><Error><Code>{code}</Code><Message>The ID '{value}' does not exist"
                             "</Message></Error></Errors><RequestID>late</RequestID></Response>").encode()
        root = ET.fromstring(payload)
        space = re.match(r"\{.*?\}|", root.tag)[0]
        ET.register_namespace("", space[1:-1])

        def prune(parent, table):
            kind = parent.tag[len(space):]
            own = OWN_ID.get(kind, kind.removesuffix("Set") + "Id")
            for child in list(parent):
                texts = {grandchild.tag[len(space):]: grandchild.text or "" for grandchild in child}
                young = self._young(texts.get(own, "").encode())
                route = (table, texts.get("destinationCidrBlock"))
                if child.tag == space + "item" and (young or self._young(route)):
                    parent.remove(child)
                else:
                    prune(child, texts.get("routeTableId") or table)

        before = len(list(root.iter()))
        prune(root, None)
        return 200, payload if len(list(root.iter())) == before else ET.tostring(root)

    def _iam(self, operation, path, body, payload):
        form = dict(urllib.parse.parse_qsl(body.decode("latin-1")))
        if self._young(("role", form.get("RoleName"))):
            return 404, (b"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with "
                         b"name x cannot be found.</Message></Error><RequestId>late</RequestId></ErrorResponse>")
        if operation == "ListRoles":
            root = ET.fromstring(payload)
            space = re.match(r"\{.*?\}|", root.tag)[0]
            ET.register_namespace("", space[1:-1])
            for roles in root.iter(space + "Roles"):
                for role in list(roles):
                    if self._young(("role", role.findtext(space + "RoleName"))):
                        roles.remove(role)
            return 200, ET.tostring(root)
        return 200, payload

    def _eks(self, operation, path, body, payload):
        where = path.split("?")[0].rstrip("/")
        if self._young(("eks", where)):
            return 404, b'{"message": "not found", "__type": "ResourceNotFoundException"}'
        if operation in ("ListClusters", "ListNodegroups"):
            answer = json.loads(payload)
            for key in ("clusters", "nodegroups"):
                if key in answer:
                    prefix = where
                    answer[key] = [name for name in answer[key] if not self._young(("eks", f"{prefix}/{name}"))]
            return 200, json.dumps(answer).encode()
        return 200, payload
