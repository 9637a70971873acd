"""Make an environment of its own for each framework that raysmith is measured against.

``python benchmarks/make_peers.py [flaml] [autogluon] [h2o]``; they go to ``benchmarks/venvs``. H2O
needs a Java runtime.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PEERS = {
    "flaml": ["flaml[automl]", "pandas", "pyarrow"],
    "autogluon": ["autogluon.tabular[all]", "pyarrow"],
    "h2o": ["h2o", "pandas", "pyarrow", "polars"],
}


def main() -> None:
    for name in sys.argv[1:] or PEERS:
        folder = Path(__file__).parent / "venvs" / name
        if not (folder / "bin" / "python").exists():
            venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PEERS[name]], check=True)
        print(f"{name} is in {folder}")


if __name__ == "__main__":
    main()
