"""Every parameter of a run but the data: its default, its rule, and what is not available yet."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.config import value_rules as allow
from engine.data.featurization import FeaturizationConfig
from engine.data.splits import SplitPlan
from engine.ensembles.names import ENSEMBLES, META_LEARNERS
from engine.errors import ConfigException
from engine.metrics.metric import METRICS


def _parameter(default: Any, check: allow.Check, unavailable: str | None = None) -> Any:
    """A field of `Settings`; ``unavailable`` says why any value but the default is refused."""
    return field(default=default, metadata={"check": check, "unavailable": unavailable})


_LISTS = (
    "allowed_models",
    "whitelist_models",
    "blocked_models",
    "blacklist_models",
    "drop_column_names",
)


@dataclass(frozen=True)
class Settings:
    """Every parameter of `AutoMLConfig` but the data itself, with its default and its rule.

    Times are in minutes, memory in MB. The meaning of each is in `AutoMLConfig`.
    """

    task: str = _parameter(None, allow.one_of("classification", "regression", "forecasting"))
    primary_metric: str = _parameter(None, allow.optional(allow.one_of(*METRICS)))
    name: str | None = _parameter(None, allow.optional(allow.text))
    path: str = _parameter(".", allow.path)
    data_script: str | None = _parameter(None, allow.optional(allow.path))
    label_column_name: str | None = _parameter(None, allow.optional(allow.anything))
    weight_column_name: str | None = _parameter(None, allow.optional(allow.anything))
    drop_column_names: Any = _parameter(None, allow.optional(allow.names))
    iterations: int = _parameter(100, allow.integer(1))
    iteration_timeout_minutes: float | None = _parameter(
        None, allow.optional(allow.number(above=0, what="a number of minutes above 0"))
    )
    experiment_timeout_minutes: float | None = _parameter(
        None, allow.optional(allow.number(above=0, what="a number of minutes above 0"))
    )
    experiment_exit_score: float | None = _parameter(None, allow.optional(allow.number()))
    n_cross_validations: int | None = _parameter(None, allow.optional(allow.integer(2)))
    validation_size: float | None = _parameter(
        None, allow.optional(allow.number(0, 1, what="a share above 0 and below 1"))
    )
    max_concurrent_iterations: int | None = _parameter(None, allow.optional(allow.integer(1)))
    max_cores_per_iteration: int = _parameter(1, allow.integer(1, or_exactly=-1))
    mem_in_mb: int | None = _parameter(None, allow.optional(allow.integer(1)))
    preprocess: bool | None = _parameter(None, allow.optional(allow.boolean))
    featurization: Any = _parameter(None, allow.optional(allow.featurization))
    whitelist_models: Any = _parameter(None, allow.optional(allow.names))
    allowed_models: Any = _parameter(None, allow.optional(allow.names))
    blacklist_models: Any = _parameter(None, allow.optional(allow.names))
    blocked_models: Any = _parameter(None, allow.optional(allow.names))
    enable_early_stopping: bool = _parameter(True, allow.boolean)
    early_stopping_n_iters: int = _parameter(20, allow.integer(1))
    enable_voting_ensemble: bool = _parameter(True, allow.boolean)
    enable_stack_ensemble: bool = _parameter(True, allow.boolean)
    ensemble_iterations: int = _parameter(15, allow.integer(2))
    stack_meta_learner_type: str | None = _parameter(
        None, allow.optional(allow.one_of(*(n for names in META_LEARNERS.values() for n in names)))
    )
    stack_meta_learner_kwargs: Any = _parameter(None, allow.optional(allow.mapping))
    stack_meta_learner_train_percentage: float | None = _parameter(
        None, allow.optional(allow.number(0, 1, what="a share above 0 and below 1"))
    )
    model_explainability: bool | None = _parameter(None, allow.optional(allow.boolean))
    explain_timeout_minutes: float | None = _parameter(
        5.0, allow.optional(allow.number(above=0, what="a number of minutes above 0"))
    )
    enable_onnx_compatible_models: bool = _parameter(False, allow.boolean)
    exclude_nan_labels: bool = _parameter(True, allow.boolean)
    positive_label: Any = _parameter(None, allow.optional(allow.label))
    class_weight: Any = _parameter(None, allow.optional(allow.weights))
    verbosity: int = _parameter(logging.INFO, allow.integer(0))
    debug_log: str | None = _parameter("automl.log", allow.optional(allow.path))
    compute_target: Any = _parameter(None, allow.optional(allow.compute_target))
    run_configuration: Any = _parameter(None, allow.optional(allow.run_configuration))
    random_state: int = _parameter(0, allow.integer(0))

    @property
    def allowed(self) -> tuple[str, ...] | None:
        chosen = self.allowed_models or self.whitelist_models
        return None if chosen is None else tuple(chosen)

    @property
    def blocked(self) -> tuple[str, ...]:
        return tuple(self.blocked_models or self.blacklist_models or ())

    @property
    def featurization_config(self) -> FeaturizationConfig | None:
        """What to do with the columns; ``None``: take them as numbers."""
        chosen = self.preprocess if self.featurization is None else self.featurization
        if chosen is False or chosen == "off":
            return None
        config = chosen if isinstance(chosen, FeaturizationConfig) else FeaturizationConfig()
        return config.only_for_onnx() if self.enable_onnx_compatible_models else config

    @property
    def is_remote(self) -> bool:
        """Whether the driver runs on a cluster, not in the process that submits."""
        return self.compute_target not in (None, "local")

    @property
    def ensembles(self) -> tuple[str, ...]:
        """The ensembles that are wanted, in the order of their rows."""
        wanted = (self.enable_voting_ensemble, self.enable_stack_ensemble)
        return tuple(name for name, want in zip(ENSEMBLES, wanted, strict=True) if want)

    @property
    def second_level(self) -> bool:
        """Whether the stack may be a second level of LightGBM over features and predictions.

        Not where another meta learner was asked for, LightGBM left out, or ONNX, which has no words
        for it.
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
    def split_plan(self) -> SplitPlan:
        return SplitPlan(self.n_cross_validations, self.validation_size, self.random_state)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON keeps as they are."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in _LISTS:
            values[name] = None if values[name] is None else [str(item) for item in values[name]]
        if isinstance(self.class_weight, Mapping):
            # JSON would turn the labels into text.
            values["class_weight"] = [
                [_plain(label), float(weight)] for label, weight in self.class_weight.items()
            ]
        values["positive_label"] = _plain(self.positive_label)
        if isinstance(self.featurization, FeaturizationConfig):
            values["featurization"] = self.featurization.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The inverse of `to_dict`."""
        values = dict(values)
        if isinstance(values["class_weight"], list):
            values["class_weight"] = dict(values["class_weight"])
        if isinstance(values["featurization"], dict):
            values["featurization"] = FeaturizationConfig(**values["featurization"])
        return cls(**values)

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        return dataclasses.replace(self, **changes)

    @staticmethod
    def check(values: Mapping[str, Any]) -> None:
        """Raise `ConfigException` when one of these values is not allowed."""
        wrong = wrong_values(values)
        if wrong:
            raise ConfigException(list(wrong.values()))


FIELDS = {f.name: f for f in dataclasses.fields(Settings)}


def wrong_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Parameter name -> what is wrong with its value."""
    wrong = {}
    for name, value in values.items():
        allowed = FIELDS[name].metadata["check"](value)
        if allowed is not None:
            given = repr(value)
            given = given if len(given) <= 80 else given[:77] + "..."
            wrong[name] = f"{name}={given}: allowed is {allowed}"
    return wrong


def not_available(values: Mapping[str, Any]) -> list[str]:
    problems = [
        f"{name}={value!r}: {FIELDS[name].metadata['unavailable']}"
        for name, value in values.items()
        if FIELDS[name].metadata["unavailable"] and value != FIELDS[name].default
    ]
    if values.get("task") == "forecasting":
        problems.append("task='forecasting': not available yet; use 'regression' on lagged columns")
    return problems


def _plain(label: Any) -> Any:
    """A label as Python's own type: JSON knows no numpy."""
    return label.item() if hasattr(label, "item") else label
