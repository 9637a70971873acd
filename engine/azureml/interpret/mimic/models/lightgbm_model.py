"""Names of surrogate models, which scripts hand to `MimicWrapper`.

It explains the model itself, so that they choose nothing.
"""

from __future__ import annotations


class LGBMExplainableModel:
    """Stands for a surrogate model of boosted trees."""


class LinearExplainableModel:
    """Stands for a linear surrogate model."""


class SGDExplainableModel:
    """Stands for a linear surrogate model."""


class DecisionTreeExplainableModel:
    """Stands for a surrogate model of one tree."""
