"""`RunDetails`: a run to look at, as a live widget in a notebook, as a report elsewhere."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import AutoMLError, ConfigException
from engine.show.report import view_source
from engine.show.view import full_state, importance_of, log_of, run_state
from engine.store.status import RunStatus

if TYPE_CHECKING:
    from engine.client.run import AutoMLRun

_LOOK_SECONDS = 1.0


class RunDetails:
    """Shows a run: its table, each iteration's parameters and log, charts of every metric.

    Parameters
    ----------
    run:
        The run; it may be going on.

    Raises
    ------
    ConfigException
        For anything else than a run.
    """

    def __init__(self, run: AutoMLRun) -> None:
        if not hasattr(run, "get_children"):
            raise ConfigException([f"run={run!r}: expected an AutoMLRun"])
        self._run = run

    def __repr__(self) -> str:
        return f"RunDetails({self._run!r})"

    def show(self) -> str | None:
        """In Jupyter a widget that follows the run, needs the extra ``widget``; elsewhere the
        report, opened in the browser where there is one.

        Returns
        -------
        The path of the report; nothing in a notebook, which would show it once more.
        """
        if _in_notebook():
            from IPython.display import display

            display(self.get_widget())
            return None
        path = Path(tempfile.mkdtemp(prefix="raysmith-")) / "report.html"
        self._run.report(path)
        if not _open_browser(path):
            print(f"The report of run {self._run.id}: {path}")
        return str(path)

    def get_widget(self) -> Any:
        """The widget, without showing it.

        Raises
        ------
        ImportError
            Without the extra ``widget``.
        """
        return make_widget(self._run)


def make_widget(run: AutoMLRun) -> Any:
    """An ``anywidget`` that follows ``run`` until it has ended."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise ImportError(
            "the notebook widget needs anywidget: pip install 'raysmith[widget]'"
        ) from error

    class RunWidget(anywidget.AnyWidget):
        _esm = view_source("run_view.js")
        _css = view_source("run_view.css")
        state = traitlets.Unicode("{}").tag(sync=True)
        chosen = traitlets.Int(None, allow_none=True).tag(sync=True)

    follower = _Follower(run)
    widget = RunWidget(state=json.dumps(follower.look(None), default=str))

    def asked(_: Any, content: dict[str, Any], __: Any) -> None:
        if "cancel" in content:
            with contextlib.suppress(AutoMLError):
                if content["cancel"] is None:
                    run.cancel()
                else:
                    run.cancel_iteration(int(content["cancel"]))

    def follow() -> None:
        while not follower.stop.wait(_LOOK_SECONDS):
            try:
                state = follower.look(widget.chosen)
            except Exception:
                continue  # a store that does not answer for a moment
            text = json.dumps(state, default=str)
            if text != widget.state:
                widget.state = text
            if RunStatus(state["run"]["status"]).is_final:
                break
        widget.state = json.dumps(full_state(run._view()), default=str)

    widget.on_msg(asked)
    # A log is wanted as soon as its row is chosen, also after the run's end.
    widget.observe(lambda _: follower.bring(widget), names="chosen")
    widget.follower = follower
    if RunStatus(json.loads(widget.state)["run"]["status"]).is_final:
        widget.state = json.dumps(full_state(run._view()), default=str)
    else:
        threading.Thread(target=follow, name="raysmith-widget", daemon=True).start()
    return widget


class _Follower:
    def __init__(self, run: AutoMLRun) -> None:
        self._run = run
        self.stop = threading.Event()

    def look(self, chosen: int | None) -> dict[str, Any]:
        """The state, with the log of the chosen iteration."""
        view = self._run._view()
        record, iterations = view.store.run(view.run_id), view.store.iterations(view.run_id)
        state = run_state(view, record, iterations)
        state["explanation"] = None
        if RunStatus(state["run"]["status"]).is_final:
            state["explanation"] = importance_of(view, state["best"], iterations)
        state["logs"] = {
            str(chosen): log_of(view.store, child)
            for child in iterations
            if child.iteration == chosen
        }
        return state

    def bring(self, widget: Any) -> None:
        state = json.loads(widget.state)
        if widget.chosen is None or str(widget.chosen) in state.get("logs", {}):
            return
        state["logs"] = {**state.get("logs", {}), **self.look(widget.chosen)["logs"]}
        widget.state = json.dumps(state, default=str)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"


def _open_browser(path: Path) -> bool:
    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
