"""moto_server whose chance is a seed's: two of them that are asked the same answer the same.

usage: seeded_moto.py SEED [--undo | arguments of moto_server]

--undo: its calls can be taken back (undoable_moto.py).
"""

import os
import pathlib
import random
import secrets
import sys
import uuid

del sys.path[0]  # a moto.py of ours lies there
chance = random.Random(int(sys.argv[1]))


def randbytes(n=32):
    return chance.getrandbits(8 * n).to_bytes(n, "big") if n else b""


# Before moto takes them by name.
random.seed(int(sys.argv[1]))
uuid.uuid4 = uuid.uuid1 = lambda *_: uuid.UUID(int=chance.getrandbits(128), version=4)
os.urandom = secrets.token_bytes = randbytes
secrets.token_hex = lambda n=32: randbytes(n).hex()

from moto.moto_api._internal import mock_random  # noqa: E402
from moto.server import main  # noqa: E402

mock_random.seed(int(sys.argv[1]))
if sys.argv[2:] == ["--undo"]:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    from support.moto_inside import MOTO, make_server
    from support.undoable_moto import Server
    server = Server(make_server, MOTO)
    print("Running on", server.url, flush=True)
    server.run()
else:
    main(sys.argv[2:])
