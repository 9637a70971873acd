"""Automated machine learning on the digits data: what to try, the table, the best model.

Runs as it is on this machine; on a cluster by ``ray submit cluster.yaml examples/digits/driver.py``
or ``ray job submit --working-dir examples/digits -- python driver.py``.
"""

import argparse
import logging
from pathlib import Path

from sklearn.datasets import load_digits

from engine import AutoMLConfig, Experiment, Workspace

# `ray submit` takes this file alone to the head; the repository is on every node of the cluster.
HERE = Path(__file__).parent
IN_REPOSITORY = Path.home() / "raysmith" / "examples" / "digits"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=20)
    options = parser.parse_args()
    project_folder = HERE if (HERE / "get_data.py").is_file() else IN_REPOSITORY
    ws = Workspace.from_config()
    automl_config = AutoMLConfig(
        task="classification",
        name="AutoML_Demo_Experiment",
        debug_log="automl_errors.log",
        path=project_folder,
        data_script=project_folder / "get_data.py",
        iteration_timeout_minutes=10,
        iterations=options.iterations,
        n_cross_validations=5,
        primary_metric="AUC_weighted",
        preprocess=False,
        max_concurrent_iterations=10,
        verbosity=logging.INFO,
    )
    experiment = Experiment(ws, "automl_digits")
    run = experiment.submit(automl_config, show_output=True)

    best_run, fitted_model = run.get_output()
    print(
        f"Best iteration: {best_run.iteration}, AUC_weighted "
        f"{best_run.get_metrics()['AUC_weighted']:.5f}"
    )
    print(fitted_model)

    digits = load_digits()
    print(
        f"Digits {digits.target[:10].tolist()}, which it has not seen, are read as "
        f"{fitted_model.predict(digits.data[:10]).tolist()}"
    )
    print(f"\nThe run in the MLflow UI, after `raysmith ui`: {run.get_portal_url()}")
    print(f"Open it again: AutoMLRun(Experiment(ws, {experiment.name!r}), {run.id!r})")


if __name__ == "__main__":
    main()
