"""`AutoMLConfig` as scripts for SDK v1 write it: old words are translated, others warn."""

from __future__ import annotations

import warnings
from typing import Any

from engine.azureml.train.automl.old_names import POSITIONS
from engine.azureml.train.automl.translation import translated
from engine.config import automl_config
from engine.errors import ConfigException


class AutoMLConfig(automl_config.AutoMLConfig):
    """Configuration of an AutoML run, with the words, defaults and leniency of SDK v1.

    Older names are translated. Words and models that have no meaning here are left out. Both give
    a warning, as SDK v1 did. Values that no run can be made of still raise.

    Parameters
    ----------
    task : str
        ``classification`` or ``regression``.
    *arguments : object
        Parameters in the order that SDK v1 had: ``path``, ``iterations``, ``primary_metric``, ...
    **settings : object
        Parameters of `engine.AutoMLConfig` and of SDK v1. What differs from `engine.AutoMLConfig`:

        - ``iterations`` (default 100) counts the ensembles in. Up to 2 there are none. There is no
          stack up to 3, nor beside ``model_explainability`` or ``enable_onnx_compatible_models``.
        - ``enable_early_stopping``, ``model_explainability`` and ``preprocess`` are off by default;
          with ``training_data`` the default is ``featurization="auto"``.
        - Every iteration that does not fail has a model: ``enable_pruning`` is off.

    Attributes
    ----------
    user_settings : dict
        The parameters as the script gave them.

    Raises
    ------
    ConfigException
        Lists values that are not allowed and contradictions.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     config = AutoMLConfig(
    ...         "classification",
    ...         iterations=20,
    ...         experiment_timeout_hours=0.5,
    ...         enable_tf=False,
    ...         X=[[1], [2], [3], [4]],
    ...         y=[0, 1, 0, 1],
    ...     )
    >>> config.settings.iterations, config.settings.experiment_timeout_minutes
    (18, 30.0)
    >>> [str(warning.message) for warning in caught]
    ['enable_tf: without a meaning here, it is left out']
    """

    def __init__(self, task: str | None = None, *arguments: object, **settings: object) -> None:
        given: dict[str, Any] = dict(zip(POSITIONS, arguments, strict=False))
        if len(arguments) > len(POSITIONS):
            raise ConfigException([f"{len(arguments)} positional parameters: name them"])
        twice = sorted(given.keys() & settings.keys())
        if twice:
            raise ConfigException([f"{name}: given by position and by name" for name in twice])
        given |= settings
        values, notes = translated({"task": task, **given})
        for note in notes:
            warnings.warn(note, stacklevel=2)
        super().__init__(**values)
        self.user_settings = {"task": task, **given}
