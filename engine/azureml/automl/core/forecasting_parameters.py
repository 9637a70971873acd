"""`ForecastingParameters`, which is not available yet."""

from engine.azureml.unavailable import unavailable

ForecastingParameters = unavailable(
    "ForecastingParameters",
    "forecasting is not available yet; use task='regression' on lagged columns",
)
