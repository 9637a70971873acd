"""Where runs are driven: compute targets. ``local`` is this machine's embedded Ray."""

from cluster.embedded import EmbeddedTarget

__all__ = ["EmbeddedTarget"]
