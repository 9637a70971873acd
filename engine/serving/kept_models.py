"""Models of endpoints in the cluster's own key-value store, from which every replica reads them.

A replica that starts again, on whatever node, needs neither the store of the workspace nor its
secrets. Ray's head holds the models in memory; they go with the endpoint.
"""

from __future__ import annotations

import hashlib
from typing import Any

from engine.errors import RunException

_NAMESPACE = b"raysmith-endpoints"
#: Ray's messages hold 512 MB.
MOST_BYTES = 400 * 1024 * 1024


def keep(name: str, version: int, packed: bytes) -> str:
    """Keep the packed model of an endpoint's version; return its SHA-256.

    Raises
    ------
    RunException
        When it is larger than Ray's store takes.
    """
    if len(packed) > MOST_BYTES:
        raise RunException(
            f"the model has {len(packed) >> 20} MB packed; an endpoint takes at most "
            f"{MOST_BYTES >> 20} MB: choose a smaller one, get_output(iteration=...)"
        )
    _store().internal_kv_put(_key(name, version), packed, True, _NAMESPACE)
    return hashlib.sha256(packed).hexdigest()


def read(name: str, version: int, digest: str) -> bytes:
    """Return a packed model.

    Raises
    ------
    RunException
        When it is not there, or not the one that was kept.
    """
    packed: bytes | None = _store().internal_kv_get(_key(name, version), _NAMESPACE)
    if packed is None:
        raise RunException(f"the cluster has lost the model of endpoint {name!r}; deploy it again")
    if hashlib.sha256(packed).hexdigest() != digest:
        raise RunException(f"the model of endpoint {name!r} is not the one that was deployed")
    return packed


def forget(name: str, except_versions: tuple[int, ...] = ()) -> None:
    """Delete the models of an endpoint, other than those of some versions."""
    store = _store()
    kept = {_key(name, version) for version in except_versions}
    for key in store.internal_kv_keys(f"{name}/".encode(), _NAMESPACE):
        if key not in kept:
            store.internal_kv_del(key, False, _NAMESPACE)


def _key(name: str, version: int) -> bytes:
    return f"{name}/{version}".encode()


def _store() -> Any:
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    return internal_kv_get_gcs_client()
