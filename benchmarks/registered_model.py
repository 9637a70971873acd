"""The runtime of a registered model: its environment's size, and what loading the model costs.

Two environments are built by uv, which fetches packages from the index: one with raysmith and
MLflow, as a model needs it that carries no code, and one with the requirements of a registered
model alone. In each, fresh processes load the same model and predict a row. Times are those of the
processor, which other work on the machine does not change.

``python benchmarks/registered_model.py [--times N] [--output FILE]``, some minutes
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.data.training_summary import TrainingSummary
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec
from engine.store.mlflow_model import write_mlflow_model

ROOT = Path(__file__).parents[1]
LOAD = """
import json, sys, time
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
loaded = time.process_time()
import pandas as pd
model.predict(pd.DataFrame({"size": [0.5], "colour": ["red"]}))
print(json.dumps({
    "load_s": loaded,
    "first_row_s": time.process_time() - loaded,
    "memory_mb": int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024,
    "modules": len(sys.modules),
}))
"""


def write_models(folder: Path) -> dict[str, Path]:
    """Write one model in both forms: without its code, and with it."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=200), "colour": rng.choice(["red", "blue"], 200)})
    y = X["size"] * np.where(X["colour"] == "red", 2.0, 0.5)
    data = check_data({"X": X, "y": y}, "regression", featurization=FeaturizationConfig())
    model = build_pipeline(PipelineSpec("LightGBM"), "regression", layout=data.layout)
    model.fit(data.X, data.y)
    places = {"raysmith installed": folder / "bare", "requirements alone": folder / "alone"}
    for name, place in places.items():
        with_code = name == "requirements alone"
        write_mlflow_model(model, place, TrainingSummary.of(data), with_code=with_code)
    return places


def build(place: Path, packages: list[str]) -> Path:
    """Make an environment; return its Python."""
    python = place / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, *packages], check=True)
    return python


def measure(python: Path, model: Path, times: int) -> dict[str, float]:
    """Return the median over fresh processes; the first one, which compiles, does not count."""
    found = []
    for _ in range(times + 1):
        command = [python, "-P", "-c", LOAD, model]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=model)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(f[name] for f in found[1:]) for name in found[0]}


def size_of(folder: Path) -> float:
    """Return the size of all files in a folder, in MB, without compiled modules."""
    files = (f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    return sum(file.stat().st_size for file in files) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="processes for each figure")
    parser.add_argument("--output", type=Path, help="file for the figures, as JSON")
    options = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in write_models(Path(folder)).items():
            needs = (model / "requirements.txt").read_text().splitlines()
            if name == "raysmith installed":
                needs = [str(ROOT), *(n.replace("-skinny", "") for n in needs)]
                needs = [need for need in needs if not need.startswith("raysmith==")]
            place = Path(folder) / f"environment of {model.name}"
            python = build(place, needs)
            [packages] = place.glob("lib/*/site-packages")
            table[name] = {
                "packages": len(list(packages.glob("*.dist-info"))),
                "environment_mb": size_of(packages),
                "model_mb": size_of(model),
                **measure(python, model, options.times),
            }
    print(pd.DataFrame(table).round(3).to_string())
    if options.output:
        options.output.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
