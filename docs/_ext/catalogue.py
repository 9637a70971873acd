"""The pages of estimators and preprocessors, from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _ext import sources
from _ext.markdown import code, codes, table

_ROWS = (
    ("scalers", "Preprocessors"),
    ("fixed", "Fixed parameters"),
    ("wrappers", "Wrapped in"),
    ("input", "Input"),
    ("handles", "Accepts"),
    ("max_rows", "Most rows"),
    ("converts_to_onnx", "Converts to ONNX"),
)
_INPUTS = {
    "encoded": "one-hot and target encoding, missing values filled and marked",
    "codes": "categories as numbers, missing values kept",
    "native": "categories and missing values as they are",
}
_WRAPPERS = {
    "calibrated": "calibration of margins to probabilities",
    "text_categories": "categories passed as texts",
    "encoded": "labels encoded as integers",
    "scaled_target": "target scaled to mean 0 and variance 1",
}
_PACKAGES = {
    "sklearn": "scikit-learn",
    "engine": "raysmith, on scikit-learn",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost, extra `boost`",
    "catboost": "CatBoost, extra `boost`",
}
_CAPABILITIES = (
    ("handles_missing", "missing values"),
    ("handles_sparse", "sparse matrices"),
    ("handles_weights", "sample weights"),
)


def render_estimators() -> str:
    """A section for each task with a subsection for each estimator."""
    parts = []
    for task, entries in sources.estimators().items():
        title = "Classifiers" if task == "classification" else "Regressors"
        parts += [f"## {title}", _overview(entries)]
        for entry in entries.values():
            parts += [f"({task}-{entry.name})=", f"### {entry.name}", _facts(entry), _space(entry)]
    return _joined(parts)


def render_scalers() -> str:
    """A table of the preprocessors and their search spaces."""
    rows = [
        [
            code(entry.name),
            code(_short(entry)),
            "; ".join(f"{code(name)}: {_range(d)}" for name, d in entry.space.items()) or "none",
            ", ".join(text for text in ("dense", "sparse") if getattr(entry, f"handles_{text}")),
            "yes" if entry.handles_missing else "no",
        ]
        for entry in sources.scalers().values()
    ]
    heading = ["name", "class", "searched parameters", "matrices", "missing values"]
    return table(heading, rows) + "\n"


def _short(entry: Any) -> str:
    """The class without its module, with the parameters that are fixed."""
    fixed = ", ".join(f"{name}={value!r}" for name, value in entry.fixed.items())
    name = entry.factory.partition(":")[2]
    return f"{name}({fixed})" if fixed else name


def _overview(entries: Mapping[str, Any]) -> str:
    rows = [
        [
            f"[`{entry.name}`](#{entry.task}-{entry.name})",
            _PACKAGES[entry.factory.partition(".")[0].partition(":")[0]],
            str(len(entry.space)),
        ]
        for entry in entries.values()
    ]
    return table(["name", "from", "searched parameters"], rows)


def _facts(entry: Any) -> str:
    handled = [text for attribute, text in _CAPABILITIES if getattr(entry, attribute)]
    values = {
        "scalers": ", ".join(code(scaler) if scaler else "none" for scaler in entry.scalers),
        "fixed": _settings(entry.fixed),
        "wrappers": ", ".join(_WRAPPERS[wrapper] for wrapper in entry.wrappers),
        "input": _INPUTS[entry.input],
        "handles": ", ".join(handled),
        "max_rows": "" if entry.max_rows is None else f"{entry.max_rows:,}",
        "converts_to_onnx": "yes" if entry.converts_to_onnx else "no",
    }
    rows = [[title, values[key]] for key, title in _ROWS if values[key]]
    return table(["Class", code(_dotted(entry.factory))], rows)


def _space(entry: Any) -> str:
    rows = [[code(name), _kind(values), _range(values)] for name, values in entry.space.items()]
    return table(["searched parameter", "type", "range"], rows)


def _kind(values: Any) -> str:
    return {"FloatRange": "real", "IntRange": "integer"}.get(type(values).__name__, "choice")


def _range(values: Any) -> str:
    if hasattr(values, "choices"):
        return codes(repr(choice) for choice in values.choices)
    scale = ", logarithmic" if values.log else ""
    return f"{values.low:g} to {values.high:g}{scale}"


def _settings(values: Mapping[str, Any]) -> str:
    return codes(f"{name}={value!r}" for name, value in values.items())


def _dotted(factory: str) -> str:
    return factory.replace(":", ".")


def _joined(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"
