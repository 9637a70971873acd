"""Explainers of a scoring script, see `engine.azureml.interpret.scoring.scoring_explainer`."""

from engine.azureml.interpret.scoring.scoring_explainer import (
    DeepScoringExplainer,
    KernelScoringExplainer,
    LinearScoringExplainer,
    ScoringExplainer,
    TreeScoringExplainer,
    load,
    save,
)

__all__ = [
    "DeepScoringExplainer",
    "KernelScoringExplainer",
    "LinearScoringExplainer",
    "ScoringExplainer",
    "TreeScoringExplainer",
    "load",
    "save",
]
