"""Every parameter of a run but the data: its type, its default and its rule."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any, Literal

from engine.config import value_rules as allow
from engine.data.featurization import FeaturizationConfig
from engine.data.sources import DataRules
from engine.data.splits import SplitPlan
from engine.ensembles.names import ENSEMBLES, META_LEARNERS
from engine.errors import ConfigException
from engine.metrics.metric import METRICS, Task
from engine.plain_values import from_json, plain, to_json

#: Largest seed that every estimator takes.
LARGEST_SEED = 2**31 - 1


def _parameter(check: allow.Check, default: Any = MISSING) -> Any:
    """Declare a field of `Settings` with the rule for its value; without a default it is needed."""
    return field(default=default, metadata={"check": check})


_minutes = allow.number(above=0, what="a number of minutes above 0")
_share = allow.number(0, 1, what="a share above 0 and below 1")


@dataclass(frozen=True)
class Settings:
    """Every parameter of `AutoMLConfig` but the data itself, with its default and its rule.

    Times are in minutes, memory in MB. The meaning of each is in `AutoMLConfig`.
    """

    task: str = _parameter(allow.one_of("classification", "regression", "forecasting"))
    primary_metric: str = _parameter(allow.optional(allow.one_of(*METRICS)))
    name: str | None = _parameter(allow.optional(allow.text), None)
    path: str = _parameter(allow.path, ".")
    data_script: str | None = _parameter(allow.optional(allow.path), None)
    label_column_name: object = _parameter(allow.optional(allow.column), None)
    weight_column_name: object = _parameter(allow.optional(allow.column), None)
    drop_column_names: Collection[Any] | None = _parameter(allow.optional(allow.columns), None)
    iterations: int = _parameter(allow.integer(1), 100)
    iteration_timeout_minutes: float | None = _parameter(allow.optional(_minutes), None)
    experiment_timeout_minutes: float | None = _parameter(allow.optional(_minutes), None)
    experiment_exit_score: float | None = _parameter(allow.optional(allow.number()), None)
    n_cross_validations: int | None = _parameter(allow.optional(allow.integer(2)), None)
    validation_size: float | None = _parameter(allow.optional(_share), None)
    max_concurrent_iterations: int | None = _parameter(allow.optional(allow.integer(1)), None)
    max_cores_per_iteration: int = _parameter(allow.integer(1, or_exactly=-1), 1)
    mem_in_mb: int | None = _parameter(allow.optional(allow.integer(1)), None)
    preprocess: bool | None = _parameter(allow.optional(allow.boolean), None)
    featurization: str | Literal[False] | FeaturizationConfig | None = _parameter(
        allow.optional(allow.featurization), None
    )
    whitelist_models: Collection[str] | None = _parameter(allow.optional(allow.names), None)
    allowed_models: Collection[str] | None = _parameter(allow.optional(allow.names), None)
    blacklist_models: Collection[str] | None = _parameter(allow.optional(allow.names), None)
    blocked_models: Collection[str] | None = _parameter(allow.optional(allow.names), None)
    enable_early_stopping: bool = _parameter(allow.boolean, True)
    early_stopping_n_iters: int = _parameter(allow.integer(1), 20)
    enable_pruning: bool = _parameter(allow.boolean, True)
    enable_voting_ensemble: bool = _parameter(allow.boolean, True)
    enable_stack_ensemble: bool = _parameter(allow.boolean, True)
    ensemble_iterations: int = _parameter(allow.integer(2), 15)
    stack_meta_learner_type: str | None = _parameter(
        allow.optional(allow.one_of(*(n for names in META_LEARNERS.values() for n in names))), None
    )
    stack_meta_learner_kwargs: Mapping[str, Any] | None = _parameter(
        allow.optional(allow.mapping), None
    )
    stack_meta_learner_train_percentage: float | None = _parameter(allow.optional(_share), None)
    model_explainability: bool | None = _parameter(allow.optional(allow.boolean), None)
    explain_timeout_minutes: float | None = _parameter(allow.optional(_minutes), 5.0)
    enable_onnx_compatible_models: bool = _parameter(allow.boolean, False)
    keep_data: bool = _parameter(allow.boolean, True)
    exclude_nan_labels: bool = _parameter(allow.boolean, True)
    positive_label: object = _parameter(allow.optional(allow.label), None)
    class_weight: str | Mapping[Any, float] | None = _parameter(allow.optional(allow.weights), None)
    verbosity: int = _parameter(allow.integer(0), logging.INFO)
    debug_log: str | None = _parameter(allow.optional(allow.path), "automl.log")
    compute_target: str | None = _parameter(allow.optional(allow.compute_target), None)
    run_configuration: dict[str, Any] | None = _parameter(
        allow.optional(allow.run_configuration), None
    )
    random_state: int = _parameter(allow.integer(0, at_most=LARGEST_SEED), 0)

    def __post_init__(self) -> None:
        # Another process gets the settings through JSON, which has no numpy types, sets and paths.
        for name in FIELDS:
            value = getattr(self, name)
            if not isinstance(value, FeaturizationConfig):
                value = plain(value)
                if name == "class_weight" and isinstance(value, dict):
                    value = {label: float(weight) for label, weight in value.items()}
                object.__setattr__(self, name, value)

    @property
    def learning_task(self) -> Task:
        """The task as metrics and data checks name it."""
        return "regression" if self.task == "regression" else "classification"

    @property
    def allowed(self) -> tuple[str, ...] | None:
        """Estimators to choose from; ``None`` for all."""
        chosen = self.allowed_models or self.whitelist_models
        return None if chosen is None else tuple(chosen)

    @property
    def blocked(self) -> tuple[str, ...]:
        """Estimators to leave out."""
        return tuple(self.blocked_models or self.blacklist_models or ())

    @property
    def featurization_config(self) -> FeaturizationConfig | None:
        """How columns are featurized; ``None``: they are taken as numbers."""
        chosen = self.preprocess if self.featurization is None else self.featurization
        if chosen is False or chosen == "off":
            return None
        config = chosen if isinstance(chosen, FeaturizationConfig) else FeaturizationConfig()
        return config.only_for_onnx() if self.enable_onnx_compatible_models else config

    @property
    def target_name(self) -> str:
        """Name of the compute target."""
        return self.compute_target or "local"

    @property
    def is_remote(self) -> bool:
        """Whether the driver runs on a cluster, not in the process that submits."""
        return self.target_name != "local"

    @property
    def ensembles(self) -> tuple[str, ...]:
        """Names of the wanted ensembles, in the order of their rows.

        Examples
        --------
        >>> Settings("regression", "r2_score", enable_stack_ensemble=False).ensembles
        ('VotingEnsemble',)
        """
        wanted = (self.enable_voting_ensemble, self.enable_stack_ensemble)
        return tuple(name for name, want in zip(ENSEMBLES, wanted, strict=True) if want)

    @property
    def second_level(self) -> bool:
        """Whether the stack may be a second level of LightGBM over features and predictions.

        It is ruled out by a meta learner of the user's choice, by leaving LightGBM out, and by
        ONNX, which cannot express it.

        Examples
        --------
        >>> Settings("regression", "r2_score", blocked_models=["LightGBM"]).second_level
        False
        """
        asked = (
            self.stack_meta_learner_type,
            self.stack_meta_learner_kwargs,
            self.stack_meta_learner_train_percentage,
        )
        left_out = "LightGBM" in self.blocked or "LightGBM" not in (self.allowed or ("LightGBM",))
        return (
            self.enable_stack_ensemble
            and asked == (None, None, None)
            and not left_out
            and not self.enable_onnx_compatible_models
        )

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Names of the environment variables that the run's processes are given.

        Examples
        --------
        >>> place = {"compute_target": "mine", "run_configuration": {"env_vars": ["DB_PASSWORD"]}}
        >>> Settings("regression", "r2_score", **place).variable_names
        ('DB_PASSWORD',)
        """
        return tuple((self.run_configuration or {}).get("env_vars", ()))

    @property
    def split_plan(self) -> SplitPlan:
        """How rows are divided into training and validation."""
        return SplitPlan(self.n_cross_validations, self.validation_size, self.random_state)

    @property
    def data_rules(self) -> DataRules:
        """How the data is checked."""
        return DataRules(
            self.learning_task,
            self.exclude_nan_labels,
            self.positive_label,
            self.featurization_config,
            self.split_plan,
            self.class_weight,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON keeps as they are.

        Examples
        --------
        >>> settings = Settings("classification", "accuracy", class_weight={0: 1, 1: 4})
        >>> settings.to_dict()["class_weight"]
        [[0, 1.0], [1, 4.0]]
        >>> Settings.from_dict(settings.to_dict()).class_weight
        {0: 1.0, 1: 4.0}
        """
        values = {name: to_json(getattr(self, name)) for name in FIELDS}
        if isinstance(self.class_weight, Mapping):
            # JSON would turn the labels into text.
            values["class_weight"] = [[*pair] for pair in self.class_weight.items()]
        if isinstance(self.featurization, FeaturizationConfig):
            values["featurization"] = to_json(self.featurization.to_dict())
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Make settings of the values that `to_dict` returned."""
        values = {name: from_json(value) for name, value in values.items()}
        if isinstance(values["class_weight"], list):
            values["class_weight"] = dict(values["class_weight"])
        if isinstance(values["featurization"], dict):
            values["featurization"] = FeaturizationConfig(**values["featurization"])
        return cls(**values)

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        """Return the settings with other values for some parameters.

        Examples
        --------
        >>> settings = Settings("regression", "r2_score", iterations=10)
        >>> settings.with_changes({"iterations": 20}).iterations
        20
        """
        return dataclasses.replace(self, **changes)

    @staticmethod
    def check(values: Mapping[str, Any]) -> None:
        """Raise `ConfigException` when one of these values is not allowed.

        Examples
        --------
        >>> Settings.check({"iterations": 0})
        Traceback (most recent call last):
        ...
        engine.errors.ConfigException: iterations=0: allowed is an integer of at least 1
        """
        wrong = wrong_values(values)
        if wrong:
            raise ConfigException(list(wrong.values()))


FIELDS = {f.name: f for f in dataclasses.fields(Settings)}


def wrong_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Return parameter name -> a sentence about its value, for the values that are not allowed.

    Examples
    --------
    >>> wrong_values({"iterations": 2.5, "random_state": 7})
    {'iterations': 'iterations=2.5: allowed is an integer of at least 1'}
    """
    wrong = {}
    for name, value in values.items():
        allowed = FIELDS[name].metadata["check"](value)
        if allowed is not None:
            # A dict in place of a run configuration may hold secrets.
            given = type(value).__name__ if name == "run_configuration" else repr(value)
            given = given if len(given) <= 80 else given[:77] + "..."
            wrong[name] = f"{name}={given}: allowed is {allowed}"
    return wrong
