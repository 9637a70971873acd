"""`RunDetails`: a live widget of a run in a notebook, a report elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import webbrowser
from pathlib import Path
from typing import Any, Protocol

from engine.errors import AutoMLError, ConfigException
from engine.show.report import view_source
from engine.show.view import RunView, ViewState, full_state, importance_of, log_of, run_state
from engine.store.status import RunStatus
from engine.temporary import shared_folder

_LOOK_SECONDS = 1.0


class ShownRun(Protocol):
    """A run that can be shown and canceled, such as `engine.AutoMLRun`."""

    @property
    def id(self) -> str:
        """Id of the run."""

    def view(self) -> RunView:
        """Return the run as widget and report read it."""

    def report(self, path: str | Path = ...) -> str:
        """Write the report; return its path."""

    def cancel(self) -> None:
        """Ask for the end of the run."""

    def cancel_iteration(self, iteration: int) -> None:
        """Ask for the end of an iteration."""


class RunDetails:
    """A view of a run: its table, each iteration's parameters and log, charts of every metric.

    Parameters
    ----------
    run:
        The run; it may still go on.

    Raises
    ------
    ConfigException
        When ``run`` is not a run.
    """

    def __init__(self, run: ShownRun) -> None:
        if not hasattr(run, "get_children"):
            raise ConfigException([f"run={run!r}: expected an AutoMLRun"])
        self._run = run

    def __repr__(self) -> str:
        return f"RunDetails({self._run!r})"

    def show(self) -> str | None:
        """Show the run.

        In Jupyter that is a widget that follows the run, which needs the extra ``widget``.
        Elsewhere the report is written and opened in the browser, if there is one.

        Returns
        -------
        str or None
            Path of the report; ``None`` in Jupyter.
        """
        if _in_notebook():
            from IPython.display import display

            display(self.get_widget())
            return None
        # One folder a process: it is there as long as the process, and a later one removes it.
        path = shared_folder(f"reports-{os.getpid()}") / f"{self._run.id}.html"
        self._run.report(path)
        if not _open_browser(path):
            print(f"The report of run {self._run.id}: {path}")
        return str(path)

    def get_widget(self) -> Any:
        """Return the widget without showing it.

        Raises
        ------
        ImportError
            When the extra ``widget`` is not installed.
        """
        return make_widget(self._run)


def make_widget(run: ShownRun) -> Any:
    """Make an ``anywidget`` that follows ``run`` until it has ended.

    Raises
    ------
    ImportError
        When the extra ``widget`` is not installed.
    """
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

    def asked(_: object, content: dict[str, Any], __: object) -> None:
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
        widget.state = json.dumps(full_state(run.view()), default=str)

    widget.on_msg(asked)
    # The log of a row is shown as soon as the row is chosen, also after the run's end.
    widget.observe(lambda _: follower.bring(widget), names="chosen")
    widget.follower = follower
    if RunStatus(json.loads(widget.state)["run"]["status"]).is_final:
        widget.state = json.dumps(full_state(run.view()), default=str)
    else:
        threading.Thread(target=follow, name="raysmith-widget", daemon=True).start()
    return widget


class _Follower:
    """Reads the states of a run for its widget."""

    def __init__(self, run: ShownRun) -> None:
        self._run = run
        self.stop = threading.Event()

    def look(self, chosen: int | None) -> ViewState:
        """Return the state, with the log of the chosen iteration."""
        view = self._run.view()
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
        """Add the log of the widget's chosen iteration to its state."""
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
