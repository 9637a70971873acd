"""The nodes that take no part in a run because they cannot have its data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping

from engine.driver.data_host import barred_note
from engine.errors import DataException

logger = logging.getLogger("raysmith.driver")


class BarredNodes:
    """Bars nodes one after the other, tells the user, and says when none is left.

    Parameters
    ----------
    barred:
        Node id -> note, of the nodes that are barred already.
    is_any_left:
        Whether there are nodes besides these; default: always.
    tell:
        Gets a note for the user about each node; default: nobody does.

    Attributes
    ----------
    ids:
        The nodes that are barred.
    failure:
        Why the run cannot go on: no node is left. ``None`` while there is one.

    Examples
    --------
    >>> nodes = BarredNodes(is_any_left=lambda barred: len(barred) < 2, tell=print)
    >>> nodes.bar("f00d", "10.0.0.3", "OSError: /data is not mounted")
    node 10.0.0.3 takes no part in the run: OSError: /data is not mounted
    >>> nodes.failure is None, sorted(nodes.ids)
    (True, ['f00d'])
    """

    def __init__(
        self,
        barred: Mapping[str, str] | None = None,
        is_any_left: Callable[[Collection[str]], bool] = lambda barred: True,
        tell: Callable[[str], None] = lambda note: None,
    ) -> None:
        self.ids = frozenset(barred or ())
        self.failure: DataException | None = None
        self._is_any_left = is_any_left
        self._tell = tell

    def bar(self, node_id: str, address: str, reason: str) -> None:
        """Bar a node; once more is not news.

        Parameters
        ----------
        node_id, address:
            The node.
        reason:
            Why it cannot have the data, with a traceback where there is one.
        """
        if node_id in self.ids:
            return
        self.ids |= {node_id}
        note = barred_note(address or node_id[:12], reason)
        logger.warning(note)
        self._tell(note)
        if not self._is_any_left(self.ids):
            self.failure = DataException(reason)
