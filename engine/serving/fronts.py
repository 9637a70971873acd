"""Environment variables of Ray Serve's processes and of replicas: what the front needs."""

from __future__ import annotations

from collections.abc import Mapping

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
