"""Deploy or delete an endpoint from a process of its own: ``python -m engine.serving.job KEY``.

As a Ray job it gets what is to be done, and the packed model, from Ray's key-value store: a client
has uploaded them under a random key. The job takes them out again, so that neither is in a command
line, a ``runtime_env`` or a log. With ``-`` for the key they come from the standard input. The last
line that is printed is the outcome.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from engine.errors import AutoMLError

_PADDING = b" " * 16  # Ray quotes the first 15 bytes of an upload that fails
_OUTCOME = "raysmith-endpoint "
#: Key of a package that comes from the standard input.
FROM_STDIN = "-"


def packaged(request: Mapping[str, Any], packed: bytes = b"") -> bytes:
    """Return what is uploaded: a line of JSON, then the packed model.

    >>> read_package(packaged({"action": "delete", "name": "churn"}, b"model"))
    ({'action': 'delete', 'name': 'churn'}, b'model')
    """
    return _PADDING + json.dumps(request).encode() + b"\n" + packed


def read_package(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what `packaged` was given."""
    head, _, packed = content.partition(b"\n")
    return json.loads(head), packed


def outcome_of(logs: str) -> dict[str, Any] | None:
    """Return the outcome that a job printed; ``None`` when it has not come to its end.

    >>> outcome_of('...\\nraysmith-endpoint {"port": 8000}\\n')
    {'port': 8000}
    """
    for line in reversed(logs.splitlines()):
        if line.startswith(_OUTCOME):
            found: dict[str, Any] = json.loads(line.removeprefix(_OUTCOME))
            return found
    return None


def main(key: str) -> None:
    """Do what the package asks for."""
    import ray

    # A job that is stopped takes back what it has begun.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    content = sys.stdin.buffer.read() if key == FROM_STDIN else _uploaded(key)
    request, packed = read_package(content)
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)
    print(_OUTCOME + json.dumps(_done(request, packed)), flush=True)


def _uploaded(key: str) -> bytes:
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    store = GcsClient(address=os.environ["RAY_ADDRESS"])
    package = f"gcs://{key}".encode()
    content: bytes | None = store.internal_kv_get(package, None)
    if content is None:
        sys.exit("what this job was to do has been taken already: deploy again")
    store.internal_kv_del(package, False, None)
    return content


def _done(request: Mapping[str, Any], packed: bytes) -> dict[str, Any]:
    from engine.serving import applications, replica_logs

    try:
        match request["action"]:
            case "deploy":
                wanted = applications.Deployed.from_dict(request["wanted"])
                return {"port": applications.deploy(wanted, packed, request["timeout_seconds"])}
            case "delete":
                applications.delete(request["name"], request["owner"])
                return {}
            case "logs":
                return {"logs": replica_logs.logs(request["name"])}
            case action:
                return {"error": f"unknown action {action!r}"}
    except AutoMLError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main(*sys.argv[1:])
