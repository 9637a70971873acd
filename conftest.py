"""The environment of all tests, doctests of the packages included."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Threads that wait sleep: two test processes share the cores, and OpenMP's threads spin otherwise.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# OpenBLAS's threads spin whatever OpenMP is told, and small matrices need one thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# As in the explainers' own processes: SHAP's compiled functions take longer to compile than to run.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
