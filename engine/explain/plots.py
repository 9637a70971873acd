"""Plots of an explanation: bars, bars by class, swarm, dependence; colour-blind safe."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.explain.explanation import Explanation

#: Okabe & Ito (2008), Color universal design; black and yellow left out.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_MOST = 20
_MOST_CLASSES = 10
_SWARM_ROWS = 1_000


def draw_plots(explanation: Explanation) -> dict[str, bytes]:
    """Draw the plots of an explanation.

    Parameters
    ----------
    explanation:
        The explanation; at most 20 features, 10 classes and 1,000 rows of it are drawn.

    Returns
    -------
    dict
        File name -> PNG: ``bar.png``, ``beeswarm.png``, ``dependence.png`` and, for classes,
        ``bar_per_class.png``. Without the values of the features there is no ``dependence.png``,
        and the swarm has one colour.
    """
    import matplotlib

    matplotlib.use("Agg", force=False)
    pictures = {"bar.png": _bar(explanation)}
    if explanation.classes is not None:
        pictures["bar_per_class.png"] = _bar_per_class(explanation)
    pictures["beeswarm.png"] = _beeswarm(explanation)
    if explanation.data.size:
        pictures["dependence.png"] = _dependence(explanation)
    return pictures


def _bar(explanation: Explanation) -> bytes:
    importance = explanation.overall()
    order = np.argsort(-importance, kind="stable")[:_MOST][::-1]
    with _figure(_height(len(order))) as (figure, axes, done):
        axes.barh(range(len(order)), importance[order], color=COLOURS[0])
        axes.set_yticks(range(len(order)), [_label(explanation.columns[i]) for i in order])
        axes.set_xlabel("mean |SHAP value|")
        axes.set_title(_title(explanation, len(order)))
        figure.align_labels()
    return done[0]


def _bar_per_class(explanation: Explanation) -> bytes:
    assert explanation.classes is not None
    order = np.argsort(-explanation.overall(), kind="stable")[:_MOST][::-1]
    shown = range(min(len(explanation.classes), _MOST_CLASSES))
    with _figure(_height(len(order))) as (_, axes, done):
        left = np.zeros(len(order))
        for k in shown:
            width = explanation.of_class(k)[order]
            hatch = "" if k < len(COLOURS) else "///"
            axes.barh(
                range(len(order)),
                width,
                left=left,
                color=COLOURS[k % len(COLOURS)],
                hatch=hatch,
                edgecolor="white",
                linewidth=0.4,
                label=_label(explanation.classes[k], 24),
            )
            left += width
        axes.set_yticks(range(len(order)), [_label(explanation.columns[i]) for i in order])
        axes.set_xlabel("mean |SHAP value|, added up over classes")
        axes.set_title(_title(explanation, len(order)))
        axes.legend(title="class", loc="lower right", fontsize=8, framealpha=0.9)
    return done[0]


def _beeswarm(explanation: Explanation) -> bytes:
    import shap
    from matplotlib import colormaps

    k = _shown_class(explanation)
    rows = slice(0, _SWARM_ROWS)
    part = shap.Explanation(
        explanation.values[rows, :, k],
        base_values=np.full(len(explanation.values[rows]), explanation.expected[k]),
        data=explanation.data[rows] if explanation.data.size else None,
        feature_names=[_label(name) for name in explanation.columns],
    )
    with _figure(_height(min(_MOST, len(explanation.columns)))) as (figure, axes, done):
        # shap shuffles with numpy's global generator.
        shap.plots.beeswarm(
            part,
            max_display=_MOST,
            show=False,
            ax=axes,
            plot_size=None,
            group_remaining_features=False,
            color=colormaps["cividis"] if explanation.data.size else COLOURS[0],
        )
        axes.set_title(_title(explanation, _MOST, k))
        axes.set_xlabel("SHAP value (change of the model's output)")
        axes.tick_params(axis="y", labelsize=9)
        figure.set_layout_engine("constrained")
    return done[0]


def _dependence(explanation: Explanation) -> bytes:
    k = _shown_class(explanation)
    top = int(np.argmax(explanation.overall()))
    with _figure(3.6) as (_, axes, done):
        axes.axhline(0.0, color="0.7", linewidth=0.8)
        axes.scatter(
            explanation.data[:, top],
            explanation.values[:, top, k],
            s=14,
            alpha=0.7,
            color=COLOURS[0],
            linewidths=0,
        )
        axes.set_xlabel(_label(explanation.columns[top], 60))
        axes.set_ylabel("SHAP value")
        axes.set_title(_title(explanation, 1, k))
    return done[0]


def _shown_class(explanation: Explanation) -> int:
    """Number of the output that is drawn: the second of two, else that of the largest values."""
    n_outputs = explanation.values.shape[2]
    if n_outputs <= 2:
        return n_outputs - 1
    return int(np.argmax(np.abs(explanation.values).mean(axis=(0, 1))))


def _title(explanation: Explanation, shown: int, k: int | None = None) -> str:
    parts = [f"{len(explanation.rows)} rows"]
    if shown < len(explanation.columns):
        parts.append(f"top {shown} of {len(explanation.columns)} columns")
    if k is not None and explanation.classes is not None:
        parts.insert(0, f"class {_label(explanation.classes[k], 24)}")
    return ", ".join(parts)


def _label(name: str, width: int = 32) -> str:
    """Shorten a name, and escape what matplotlib would read as mathematics."""
    return textwrap.shorten(name, width, placeholder="…").replace("$", r"\$") or name[:width]


def _height(bars: int) -> float:
    return 1.4 + 0.3 * bars


@contextmanager
def _figure(height: float) -> Iterator[tuple[Any, Any, list[bytes]]]:
    """Give a figure, its axes, and a list that holds the PNG when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    done: list[bytes] = []
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.title.set_fontsize(10)
    yield figure, axes, done
    file = io.BytesIO()
    figure.savefig(file, format="png")
    done.append(file.getvalue())
