"""The parameters of `AutoMLConfig`, checked all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from engine.config import value_rules as allow
from engine.config.combinations import DATA_PARAMETERS, impossible_combinations
from engine.config.settings import FIELDS, Settings, wrong_values
from engine.config.variables import Variables
from engine.errors import AutoMLError, ConfigException
from engine.metrics.metric import DEFAULT_METRIC
from engine.plain_values import plain


class SupportsLaunch(Protocol):
    """A compute target: it has a name in the workspace and starts drivers."""

    @property
    def name(self) -> str:
        """Name in the workspace."""
        ...

    def launch(self, launch: Any, /) -> Any:
        """Start the driver of a run."""
        ...


class SupportsRuntimeEnv(Protocol):
    """A run configuration: a compute target and the environment of the processes there."""

    target: Any

    def to_runtime_env(self) -> dict[str, Any]:
        """Return the environment as Ray's ``runtime_env``."""
        ...


def checked_parameters(
    values: Mapping[str, Any], unknown: Iterable[str] = ()
) -> tuple[Settings, dict[str, Any], Variables]:
    """Check parameters and separate settings from data.

    Parameters
    ----------
    values:
        Parameter name -> value, settings and data; the settings with all their values.
    unknown:
        Names that are no parameters.

    Returns
    -------
    tuple
        The settings, the data that was given, under the names of the parameters, and the
        environment variables of the run configuration.

    Raises
    ------
    ConfigException
        Lists every problem: unknown names, values that are not allowed, contradictions.
    """
    problems = unknown_names(unknown)
    data = {
        name: _repeatable(values[name]) for name in DATA_PARAMETERS if values.get(name) is not None
    }
    settings = {name: value for name, value in values.items() if name in FIELDS}
    wrong = wrong_values(settings)
    problems += wrong.values()
    good = {name: value for name, value in settings.items() if name not in wrong}
    place, variables, misplaced = _place(good)
    good |= place
    problems += misplaced
    problems += impossible_combinations(good | data)
    if problems:
        raise ConfigException(problems)
    good["primary_metric"] = good["primary_metric"] or DEFAULT_METRIC[good["task"]]
    return Settings(**good), data, variables


def _repeatable(value: object) -> object:
    """Return the items of an iterator, which could be read once only, as a list."""
    return list(value) if isinstance(value, Iterator) else value


def unknown_names(names: Iterable[str]) -> list[str]:
    """Return a sentence for each name, with the parameter that was probably meant.

    Examples
    --------
    >>> unknown_names(["iteration"])
    ["iteration: unknown parameter; did you mean 'iterations'?"]
    """
    known = [*FIELDS, *DATA_PARAMETERS]
    problems = []
    for name in names:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
        problems.append(f"{name}: unknown parameter; {hint}")
    return problems


def _place(values: Mapping[str, Any]) -> tuple[dict[str, Any], Variables, list[str]]:
    """Return compute target and run configuration as plain values, and problems with them.

    The settings are stored: of environment variables, which may be secrets, they have the names.
    """
    configuration, target = values.get("run_configuration"), values.get("compute_target")
    runtime_env: dict[str, Any] = {}
    if configuration is not None:
        target = target or configuration.target
        wrong = None if target is None else allow.compute_target(target)
        if wrong is not None:
            problem = f"run_configuration.target={target!r}: allowed is {wrong}"
            return {}, Variables(), [problem]
        try:
            runtime_env = plain(dict(configuration.to_runtime_env()))
        except (AutoMLError, TypeError) as error:
            return {}, Variables(), [f"run_configuration: {error}"]
    name = target if target is None or isinstance(target, str) else target.name
    problems = []
    if runtime_env and name in (None, "local"):
        problems = [
            "run_configuration: packages, images and variables are for a compute target other "
            "than 'local'; install them here and leave it out"
        ]
    variables = Variables(runtime_env.pop("env_vars", None))
    if variables:
        runtime_env["env_vars"] = sorted(variables)
    return {"compute_target": name, "run_configuration": runtime_env or None}, variables, problems
