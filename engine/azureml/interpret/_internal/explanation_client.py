"""`ExplanationClient`, see `engine.azureml.interpret.explanation_client`."""

from engine.azureml.interpret.explanation_client import ExplanationClient

__all__ = ["ExplanationClient"]
