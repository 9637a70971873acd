"""Trial backends: what executes the trials of a run.

`backend` is the interface, `tune` runs trials through Ray Tune, `recorded` replays trials on a
simulated clock. Ray is imported by `tune` and `tune_adapters` only.
"""
