"""Fixtures of the driver's tests."""

from __future__ import annotations

import pytest

from tests.driver.in_process_ray import InProcessRay


@pytest.fixture
def in_process_ray(monkeypatch):
    """Ray's functions, replaced by calls in this process."""
    fake = InProcessRay()
    fake.install(monkeypatch)
    return fake
