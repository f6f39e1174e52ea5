"""`mongosh` in the lab's pods: asks who plays the databases (`tests/lab/databases.py`), if anybody.

It needs the standard library only, because it runs without any site packages. The environment
says which pod it is in: ``POD`` and ``NAMESPACE``; ``DATABASES`` is the socket to ask. Of a
program that fails kwok passes on that it failed, and not what it wrote.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> int:
    """Ask, print what came back, and return its exit code."""
    asked = {
        "namespace": os.environ.get("NAMESPACE", ""),
        "pod": os.environ.get("POD", ""),
        "argv": sys.argv[1:],
    }
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(os.environ.get("DATABASES", "nobody"))
            line.sendall(json.dumps(asked).encode() + b"\n")
            with line.makefile("rb") as stream:
                answer = json.loads(stream.readline())
        except (OSError, ValueError):
            print("MongoNetworkError: connect ECONNREFUSED 127.0.0.1:27017", file=sys.stderr)
            return 1
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    return int(answer["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
