"""Explanations of models, by the module path of July 2019."""

from engine.client.explanations import explain_model, retrieve_model_explanation

__all__ = ["explain_model", "retrieve_model_explanation"]
