"""Clients of endpoints that the live tests share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import requests

from engine import Endpoint
from tests.live.helpers import wait_until


class Clients:
    """Clients that send a request again and again until the block ends, and their answers."""

    def __init__(self, endpoint: Endpoint, body: Mapping[str, Any], count: int = 4) -> None:
        self.statuses: list[int] = []
        self._url, self._body = endpoint.scoring_uri, body
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def more(self) -> None:
        """Wait for further answers."""
        until = len(self.statuses) + 20
        wait_until(lambda: len(self.statuses) >= until)

    def _send(self) -> None:
        with requests.Session() as session:
            while not self._end.is_set():
                answer = session.post(self._url, json=self._body, timeout=60)
                self.statuses.append(answer.status_code)
