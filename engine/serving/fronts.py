"""How the front calls the replicas of each endpoint, in the cluster's own key-value store."""

from __future__ import annotations

from typing import Any

from engine.serving.calls import FrontSettings

_NAMESPACE = b"raysmith-fronts"


def keep(name: str, settings: FrontSettings) -> None:
    """Keep how the front calls an endpoint, which it does from then on."""
    _store().internal_kv_put(name.encode(), settings.to_json(), True, _NAMESPACE)


def settings_of(name: str) -> FrontSettings | None:
    """Return how an endpoint is called; ``None`` for a name that is no endpoint's."""
    found: bytes | None = _store().internal_kv_get(name.encode(), _NAMESPACE)
    return None if found is None else FrontSettings.from_json(found)


def forget(name: str) -> None:
    """Have the front pass on requests of this name."""
    _store().internal_kv_del(name.encode(), False, _NAMESPACE)


def _store() -> Any:
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    return internal_kv_get_gcs_client()
