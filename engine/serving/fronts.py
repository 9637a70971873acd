"""What the front needs: variables of Serve's processes, and how each endpoint is called.

The latter is in the cluster's own key-value store, where the front finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.serving.calls import FrontSettings
from engine.serving.service import MOST_BYTES

#: Proxy and replica exchange messages of gRPC, without a detour by Ray's object store. A message
#: holds the largest body.
_GRPC = {
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(8 * MOST_BYTES),
}
#: Environment variables of Serve's own processes: what runs in the proxy, and that it calls
#: replicas without a thread in between.
OF_SERVE: Mapping[str, str] = {
    **_GRPC,
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "engine.serving.front:middlewares",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
}
#: Environment variables of replicas: what takes time is done in threads of their own.
OF_REPLICAS: Mapping[str, str] = {**_GRPC, "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0"}
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
