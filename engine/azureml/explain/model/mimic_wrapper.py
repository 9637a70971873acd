"""`MimicWrapper`, see `engine.azureml.interpret.mimic_wrapper`."""

from engine.azureml.interpret.mimic_wrapper import MimicWrapper

__all__ = ["MimicWrapper"]
