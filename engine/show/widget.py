"""`RunDetails`: a live widget of a run in a notebook, a report elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from engine.errors import AutoMLError, ConfigException
from engine.pace import Pace
from engine.show.live_state import Changes, LiveState
from engine.show.view import RunView
from engine.show.view_files import view_script, view_style
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

        In Jupyter that is a widget, which needs the extra ``widget``. It follows the run until the
        run has ended, the widget is closed, or its cell is executed again. Elsewhere the report is
        written and opened in the browser, if there is one; a later report of the same run replaces
        it.

        Returns
        -------
        str or None
            Path of the report; ``None`` in Jupyter.
        """
        if _in_notebook():
            _show_in_notebook(self.get_widget())
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
    """Make an ``anywidget`` that follows ``run`` until it has ended or the widget is gone.

    The browser gets the whole state once and then only changes. It asks for the whole state again
    when it has missed changes.

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

    follower = _Follower(run)

    class RunWidget(anywidget.AnyWidget):
        _esm = view_script()
        _css = view_style()
        # Made when a browser opens the widget, and not sent with each change of the run.
        state = traitlets.Dict(read_only=True).tag(sync=True, to_json=lambda *_: follower.whole())
        chosen = traitlets.Int(None, allow_none=True).tag(sync=True)

    widget = RunWidget()

    def asked(_: object, content: dict[str, Any], __: object) -> None:
        if "cancel" in content:
            with contextlib.suppress(AutoMLError):
                if content["cancel"] is None:
                    run.cancel()
                else:
                    run.cancel_iteration(int(content["cancel"]))
        if "views" in content:
            follower.add_views(int(content["views"]))
        if "seen" in content and content["seen"] != follower.revision:
            widget.send({"state": follower.whole()})

    widget.on_msg(asked)
    # The log of a row is shown as soon as the row is chosen, also after the run's end.
    widget.observe(lambda change: follower.choose(change["new"]), names="chosen")
    widget.comm.on_close(lambda _: follower.end())
    follower.start(lambda changes: widget.send({"changes": changes}), lambda: widget.comm is None)
    return widget


class _Follower:
    """Follows a run for its widget, in a thread that lives while somebody may look.

    It looks until the run has ended or the widget is closed, and pauses when the last view that a
    browser has reported is gone. Before the first report it looks too: a kernel that is busy takes
    no reports.

    Parameters
    ----------
    run:
        The run.
    """

    def __init__(self, run: ShownRun) -> None:
        self._live = LiveState(run.view())
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._stop.set()
        self._chosen: int | None = None
        self._views = 0
        self._pace = Pace(_LOOK_SECONDS)
        self._send: Callable[[Changes], None] = lambda _: None
        self._is_closed: Callable[[], bool] = lambda: False

    @property
    def revision(self) -> int:
        """Number of changes so far."""
        return self._live.revision

    def whole(self) -> dict[str, Any]:
        """Return the whole state."""
        return dict(_plain(self._live.whole()))

    def start(self, send: Callable[[Changes], None], is_closed: Callable[[], bool]) -> None:
        """Follow the run from now on.

        Parameters
        ----------
        send:
            Takes changes to the browser.
        is_closed:
            Whether the widget is gone.
        """
        self._send, self._is_closed = send, is_closed
        self._go_on()

    def add_views(self, number: int) -> None:
        """Count the views in browsers: 1 for one more, -1 for one less."""
        self._views = max(0, self._views + number)
        if self._views:
            self._go_on()
        else:
            self._stop.set()

    def choose(self, iteration: int | None) -> None:
        """Bring the log of an iteration with the changes, the first time at once."""
        self._chosen = iteration
        if iteration is not None:
            self._in_thread(lambda: self._look(lambda: self._live.bring_log(iteration)))

    def end(self) -> None:
        """Follow the run no longer."""
        self._is_closed = lambda: True
        self._stop.set()

    def _go_on(self) -> None:
        if self._stop.is_set() and not self._is_over():
            self._stop = threading.Event()
            self._in_thread(partial(self._follow, self._stop))

    def _is_over(self) -> bool:
        return self._live.is_over or self._is_closed()

    def _follow(self, stop: threading.Event) -> None:
        while not stop.wait(self._pace.pause) and not self._is_over():
            with self._pace.look():
                self._look(lambda: self._live.look(self._chosen))

    def _look(self, look: Callable[[], Changes | None]) -> None:
        """Look and send the changes; the store may fail to answer for a moment."""
        with self._lock, contextlib.suppress(Exception):
            changes = look()
            if changes is not None:
                self._send(_plain(changes))

    def _in_thread(self, do: Callable[[], None]) -> None:
        threading.Thread(target=do, name="raysmith-widget", daemon=True).start()


def _plain(value: object) -> Any:
    """Return a copy in types that JSON has."""
    return json.loads(json.dumps(value, default=str))


class _Cells:
    """The widgets that cells of a notebook show, so that a cell's next execution closes them."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[str, list[Any]]] = {}

    def add(self, widget: Any, cell: str, execution: str) -> None:
        """Add a widget; close those of earlier executions of its cell."""
        earlier, widgets = self._shown.get(cell, (execution, []))
        if earlier != execution:
            for old in widgets:
                old.close()
            widgets = []
        self._shown[cell] = execution, [*widgets, widget]


_cells = _Cells()


def _show_in_notebook(widget: Any) -> None:
    from IPython import get_ipython
    from IPython.display import display

    display(widget)
    request = get_ipython().kernel.get_parent()
    cell = request.get("metadata", {}).get("cellId")
    if cell is not None:  # not every notebook says which cell it executes
        _cells.add(widget, str(cell), str(request["header"]["msg_id"]))


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
