"""`RunDetails`: a live widget of a run in a notebook, a report elsewhere."""

from __future__ import annotations

from typing import Any

from engine.show import widget


class RunDetails(widget.RunDetails):
    """A view of a run; of an iteration's run it is the view of the whole run.

    Parameters
    ----------
    run_instance : AutoMLRun or Run
        The run; it may still go on.
    """

    def __init__(self, run_instance: Any) -> None:
        super().__init__(getattr(run_instance, "parent", run_instance))

    def show(self, render_lib: object = None, widget_settings: object = None) -> str | None:
        """Show the run, see `engine.RunDetails.show`; the parameters have no meaning here."""
        return super().show()

    def get_widget_data(self, widget_settings: object = None) -> dict[str, Any]:
        """Return details of the run and the metrics of its iterations."""
        run: Any = self._run
        return {"run_details": run.get_details(), "run_metrics": run.get_metrics(recursive=True)}
