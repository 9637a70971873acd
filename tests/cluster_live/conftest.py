"""What all tests here have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.leaks import leaving_nothing


@pytest.fixture(autouse=True)
def _leaves_nothing() -> Iterator[None]:
    with leaving_nothing():
        yield
