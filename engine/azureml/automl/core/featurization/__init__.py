"""Changes to the automatic featurization."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(
    __name__, {"FeaturizationConfig": f"{__name__}.featurizationconfig"}
)
