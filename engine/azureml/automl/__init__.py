"""Automated training, by the module paths that SDK v1 had from August 2019 on."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__)
