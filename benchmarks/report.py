"""From the records of ``benchmarks/run.py`` to tables."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

#: Differences smaller than this share of the score are ties.
TIE = 0.001


def write_report(records: list[dict], file: Path) -> str:
    """A Markdown report, one section a budget; returns its text."""
    parts = ["# Benchmark", ""]
    latest = {(r["set"], r["framework"], r["seed"], r["seconds"]): r for r in records}
    budgets = sorted({r["seconds"] for r in latest.values()})
    for seconds in budgets:
        chosen = [r for r in latest.values() if r["seconds"] == seconds]
        parts += [f"## {seconds:g} s on {chosen[0]['cores']} cores", "", *_section(chosen), ""]
        picture = file.with_name(f"anytime-{seconds:g}s.png")
        if _plot(chosen, picture):
            caption = "Best score of raysmith's own folds, against seconds from the first trial on:"
            parts += [caption, "", f"![best score against seconds]({picture.name})", ""]
    text = "\n".join(parts)
    file.write_text(text)
    return text


def _section(records: list[dict]) -> list[str]:
    frameworks = sorted({r["framework"] for r in records})
    scores: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    tasks = {r["set"]: r["task"] for r in records}
    for r in records:
        if r.get("score") is not None:
            scores[r["set"], r["seed"]][r["framework"]] = r["score"]
    ranks, gaps, wins = defaultdict(list), defaultdict(list), defaultdict(lambda: [0, 0, 0])
    rows = []
    for (name, seed), found in sorted(scores.items()):
        up = tasks[name] == "classification"
        values = pd.Series({f: found.get(f, -np.inf if up else np.inf) for f in frameworks})
        best = values.max() if up else values.min()
        for framework, rank in values.rank(ascending=not up).items():
            ranks[framework].append(rank)
            if np.isfinite(values[framework]):
                gaps[framework].append(abs(best - values[framework]) / abs(best))
            if framework != "raysmith" and "raysmith" in values:
                ours, theirs = values["raysmith"], values[framework]
                better = ours - theirs if up else theirs - ours
                outcome = 1 if abs(better) <= TIE * abs(best) else (0 if better > 0 else 2)
                wins[framework][outcome] += 1
        marked = {f: f"**{v:.5g}**" if v == best else f"{v:.5g}" for f, v in values.items()}
        rows.append({"set": name, "seed": seed, **marked})
    summary = []
    for framework in frameworks:
        mine = [r for r in records if r["framework"] == framework]
        summary.append(
            {
                "framework": framework,
                "average rank": f"{np.mean(ranks[framework]):.2f}",
                "mean gap to best": f"{100 * np.mean(gaps[framework]):.2f} %",
                "raysmith wins/ties/losses": "/".join(map(str, wins[framework]))
                if framework in wins
                else "",
                "runs": len(mine),
                "failed": sum("error" in r for r in mine),
                "model saved after (median / max)": _middle_and_most(mine, "saved_after", "s"),
                "peak memory (median / max)": _middle_and_most(mine, "peak_mb", "MB"),
                "prediction of 1,000 rows (median)": _middle(mine, "predict_ms_per_1000", "ms"),
                "cores in use between first and last trial (median)": _middle(
                    mine, "utilisation", ""
                ),
            }
        )
    return [table(summary), "", table(rows)]


def _plot(records: list[dict], picture: Path) -> bool:
    """Anytime curves, a panel a set; whether there was anything to draw."""
    drawn = [r for r in records if r.get("curve")]
    if not drawn:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted({r["set"] for r in drawn})
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(3.2 * columns, 2.2 * rows), squeeze=False, layout="constrained"
    )
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    for panel, name in zip(axes.flat, names, strict=False):
        for record in (r for r in drawn if r["set"] == name):
            seconds, scores = zip(*record["curve"], strict=True)
            up = record["task"] == "classification"
            so_far = (np.maximum if up else np.minimum).accumulate(scores)
            panel.step(seconds, so_far, where="post", label=f"seed {record['seed']}")
            # The first pipelines are far off on some sets, and would flatten the rest.
            rest = so_far[min(2, len(so_far) - 1) :]
            margin = 0.1 * (float(np.ptp(rest)) or 1e-3)
            panel.set_ylim(min(rest) - margin, max(rest) + margin)
            panel.set_ylabel("AUC_weighted" if up else "RMSE", fontsize=7)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.ticklabel_format(useOffset=False)
    figure.supxlabel("seconds", fontsize=8)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
    return True


def _numbers(records: list[dict], key: str) -> list[float]:
    return [r[key] for r in records if r.get(key) is not None]


def _middle(records: list[dict], key: str, unit: str) -> str:
    found = _numbers(records, key)
    return f"{np.median(found):.4g} {unit}" if found else ""


def _middle_and_most(records: list[dict], key: str, unit: str) -> str:
    found = _numbers(records, key)
    return f"{np.median(found):.4g} / {max(found):.4g} {unit}" if found else ""


def table(rows: list[dict]) -> str:
    if not rows:
        return "nothing yet"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row[n]) for n in names) + " |" for row in rows]
    return "\n".join(lines)
