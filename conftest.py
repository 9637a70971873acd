"""The environment of all tests, doctests of the packages included."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Two test processes share the cores: threads that wait for each other in turn wait long, however
# small the work. Who sets a number of threads gets it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# OpenBLAS's threads spin whatever OpenMP is told, and small matrices need one thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# As in the explainers' own processes: SHAP's compiled functions take longer to compile than to run.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
