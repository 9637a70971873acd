"""`ExplanationDashboard`, see `engine.azureml.interpret.visualize`."""

from engine.azureml.interpret.visualize import ExplanationDashboard

__all__ = ["ExplanationDashboard"]
