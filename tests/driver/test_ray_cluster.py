"""What a process can ask its cluster for, and one that has none."""

from __future__ import annotations

from engine.driver.ray_cluster import has_ended


def test_asking_for_a_job_starts_no_cluster(monkeypatch):
    """Ray starts one for whoever asks for the context of a process that is not connected."""
    asked = []
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.get_runtime_context", lambda: asked.append(True))
    assert not has_ended("01000000")
    assert asked == []
