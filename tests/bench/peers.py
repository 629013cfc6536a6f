"""boto3's side of script/bench client, in a process of its own: prints one JSON object.

usage: peers.py sign | instances FILE | items FILE | first | calls N THREADS
"""

import json
import os
import resource
import sys
import time


def best(rounds, f):
    """Milliseconds of processor time."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        f()
        times.append((time.process_time() - start) * 1e3)
    return min(times)


def sign():
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKID", "secret", "token"), "kms", "eu-central-1")
    done, start = 0, time.process_time()
    while time.process_time() - start < 1.5:
        signer.add_auth(botocore.awsrequest.AWSRequest(
            "POST", "https://kms.eu-central-1.amazonaws.com/", data=b'{"KeyId":"alias/cluster"}',
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.DescribeKey"}))
        done += 1
    return {"a_second": done / (time.process_time() - start)}


def parse(service, operation, path):
    import botocore.parsers
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    parser = botocore.parsers.create_parser(model.resolved_protocol)
    with open(path, "rb") as file:
        body = file.read()
    answer = {"status_code": 200, "headers": {}, "body": body}
    shape = model.operation_model(operation).output_shape
    return {"ms": best(5, lambda: parser.parse(answer, shape)), "peak": peak()}


def client(service, connections):
    import boto3
    import botocore.config

    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                        config=botocore.config.Config(max_pool_connections=connections))


def first():
    start = time.process_time()
    client("ec2", 1).describe_instances()
    return {"ms": (time.process_time() - start) * 1e3}


def calls(count, threads):
    from concurrent.futures import ThreadPoolExecutor

    count, threads = int(count), int(threads)
    sts = client("sts", threads)
    sts.get_caller_identity()
    start, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        for answer in pool.map(lambda _: sts.get_caller_identity(), range(count)):
            assert answer["Account"] == "123456789012"
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "peak": peak()}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


sides = {
    "sign": sign, "first": first, "calls": calls,
    "instances": lambda path: parse("ec2", "DescribeInstances", path),
    "items": lambda path: parse("dynamodb", "Scan", path),
}
print(json.dumps(sides[sys.argv[1]](*sys.argv[2:])))
