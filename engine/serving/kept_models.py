"""Versions of endpoints in the cluster's own key-value store, from which every replica reads them.

A replica that starts again, on whatever node, needs neither the store of the workspace nor its
secrets. Ray's head holds the models in memory; they go with the endpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from engine.errors import RunException
from engine.serving.calls import FrontSettings

_NAMESPACE = b"raysmith-endpoints"
#: Ray's messages hold 512 MB.
MOST_BYTES = 400 * 1024 * 1024
_MODEL, _FACTS, _REFUSAL = "model", "facts", "refusal"
_OWNER, _SERVED, _FRONT = "owner", "served", "front"


def keep(name: str, version: int, packed: bytes, facts: Mapping[str, Any]) -> str:
    """Keep the packed model of an endpoint's version; return its SHA-256.

    Parameters
    ----------
    facts:
        Plain values that `facts_of` returns, with the key ``digest`` added.

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
    forget_version(name, version)
    digest = hashlib.sha256(packed).hexdigest()
    _put(_key(name, version, _MODEL), packed)
    _put(_key(name, version, _FACTS), json.dumps({**facts, "digest": digest}).encode())
    return digest


def read(name: str, version: int, digest: str) -> bytes:
    """Return a packed model.

    Raises
    ------
    RunException
        When it is not there, or not the one that was kept.
    """
    packed = _get(_key(name, version, _MODEL))
    if packed is None:
        raise RunException(f"the cluster has lost the model of endpoint {name!r}; deploy it again")
    if hashlib.sha256(packed).hexdigest() != digest:
        raise RunException(f"the model of endpoint {name!r} is not the one that was deployed")
    return packed


def facts_of(name: str, version: int) -> dict[str, Any] | None:
    """Return what `keep` was told of a version; ``None`` when it is not kept."""
    text = _get(_key(name, version, _FACTS))
    return None if text is None else json.loads(text)


def refuse(name: str, version: int, reason: str) -> None:
    """Tell whoever deploys a version that a replica cannot load it."""
    _put(_key(name, version, _REFUSAL), reason.encode())


def refusal(name: str, version: int) -> str | None:
    """Return why a replica could not load a version; ``None`` when none has said so."""
    text = _get(_key(name, version, _REFUSAL))
    return None if text is None else text.decode()


def set_served(name: str, version: int) -> None:
    """Remember the version that is served from now on; others but the one before it go."""
    before = served(name)
    _put(_key(name, _SERVED), str(version).encode())
    kept = [f"{number}/" for number in (version, before) if number is not None]
    _delete(f"{name}/", [_OWNER, _SERVED, _FRONT, *kept])


def served(name: str) -> int | None:
    """Return the version that is served; ``None`` before the first one is up."""
    text = _get(_key(name, _SERVED))
    return None if text is None else int(text)


def set_owner(name: str, owner: str) -> None:
    """Remember whose endpoint it is."""
    _put(_key(name, _OWNER), owner.encode())


def owner_of(name: str) -> str | None:
    """Return whose endpoint it is; ``None`` for an endpoint that is not kept here."""
    text = _get(_key(name, _OWNER))
    return None if text is None else text.decode()


def set_front(name: str, settings: FrontSettings) -> None:
    """Remember how the front calls an endpoint, which it does from then on."""
    _put(_key(name, _FRONT), settings.to_json())


def front_of(name: str) -> FrontSettings | None:
    """Return how the front calls an endpoint; ``None`` for a name that is no endpoint's."""
    text = _get(_key(name, _FRONT))
    return None if text is None else FrontSettings.from_json(text)


def names() -> set[str]:
    """Return the names of all endpoints of which something is kept."""
    return {key.decode().partition("/")[0] for key in _store().internal_kv_keys(b"", _NAMESPACE)}


def forget_version(name: str, version: int) -> None:
    """Delete what is kept of a version."""
    _delete(f"{name}/{version}/", [])


def forget(name: str) -> None:
    """Delete all that is kept of an endpoint."""
    _delete(f"{name}/", [])


def _delete(prefix: str, kept: list[str]) -> None:
    """Delete the keys below a prefix, but those that go on with one of the texts."""
    store = _store()
    for key in store.internal_kv_keys(prefix.encode(), _NAMESPACE):
        if not key.decode().removeprefix(prefix).startswith(tuple(kept)):
            store.internal_kv_del(key, False, _NAMESPACE)


def _put(key: bytes, value: bytes) -> None:
    _store().internal_kv_put(key, value, True, _NAMESPACE)


def _get(key: bytes) -> bytes | None:
    value: bytes | None = _store().internal_kv_get(key, _NAMESPACE)
    return value


def _key(name: str, *parts: str | int) -> bytes:
    return "/".join((name, *map(str, parts))).encode()


def _store() -> Any:
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    return internal_kv_get_gcs_client()
