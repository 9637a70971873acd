"""Deploy or delete an endpoint from a Ray job: ``python -m engine.serving.job KEY``.

A client uploads what is to be done, and the packed model, under a random key to Ray's key-value
store. The job takes it out again, so that neither is in a command line, a ``runtime_env`` or a log.
The last line that it prints is the outcome.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from engine.errors import AutoMLError

_PADDING = b" " * 16  # Ray quotes the first 15 bytes of an upload that fails
_OUTCOME = "raysmith-endpoint "


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
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    store = GcsClient(address=os.environ["RAY_ADDRESS"])
    package = f"gcs://{key}".encode()
    content = store.internal_kv_get(package, None)
    if content is None:
        sys.exit("what this job was to do has been taken already: deploy again")
    store.internal_kv_del(package, False, None)
    request, packed = read_package(content)
    ray.init(address="auto", log_to_driver=False)
    print(_OUTCOME + json.dumps(_done(request, packed)), flush=True)


def _done(request: Mapping[str, Any], packed: bytes) -> dict[str, Any]:
    from engine.serving import applications

    try:
        match request["action"]:
            case "deploy":
                wanted = applications.Deployed.from_dict(request["wanted"])
                return {"port": applications.deploy(wanted, packed, request["timeout_seconds"])}
            case "delete":
                applications.delete(request["name"])
                return {}
            case "logs":
                return {"logs": applications.logs(request["name"])}
            case action:
                return {"error": f"unknown action {action!r}"}
    except AutoMLError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main(*sys.argv[1:])
