"""Prints what boto3 sees at AWS_ENDPOINT_URL of stacks: a line a kind, counted by its tag."""

import collections
import os

from reader import Reader


def main():
    kinds = collections.Counter()
    for name, tags in Reader(os.environ["AWS_ENDPOINT_URL"]).everything().items():
        if "eksrun:stack" in tags:
            kinds[name.split(" ")[0], tags["eksrun:stack"]] += 1
    for (kind, stack), count in sorted(kinds.items()):
        print(f"  {count:3} {kind:18} tagged eksrun:stack = {stack}")
    if not kinds:
        print("  nothing with a tag eksrun:stack")


if __name__ == "__main__":
    main()
