"""`ExplanationDashboard`: the plots of an explanation."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from engine.azureml.interpret.explanation import GlobalExplanation
from engine.errors import ConfigException
from engine.explain.plots import draw_plots
from engine.temporary import shared_folder


class ExplanationDashboard:
    """Shows the plots of an explanation: in a notebook below the cell, elsewhere as files.

    Parameters
    ----------
    explanation : GlobalExplanation
        As `MimicWrapper.explain` and `ExplanationClient.download_model_explanation` return it.
    model, dataset, true_y, *more : object
        Without a meaning here.

    Attributes
    ----------
    files : list of str
        Paths of the plots.

    Raises
    ------
    ConfigException
        When it is no such explanation.
    """

    def __init__(
        self,
        explanation: Any = None,
        model: object = None,
        dataset: object = None,
        true_y: object = None,
        *more: object,
        **ignored: object,
    ) -> None:
        if not isinstance(explanation, GlobalExplanation):
            raise ConfigException(
                [
                    f"explanation={explanation!r}: expected what MimicWrapper.explain() or "
                    "ExplanationClient.download_model_explanation() returns"
                ]
            )
        plots = draw_plots(explanation.explanation)
        folder = shared_folder(f"dashboards-{os.getpid()}") / f"{id(self):x}"
        self.files = []
        for name, content in plots.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self.files.append(str(path))
        self._show()

    def _show(self) -> None:
        shell = sys.modules.get("IPython")
        if shell is None or shell.get_ipython() is None:
            print("The plots of the explanation:", *self.files, sep="\n  ")
            return
        from IPython.display import Image, display

        for file in self.files:
            display(Image(data=Path(file).read_bytes()))
