"""ONNX models of automated training, see `engine.azureml.automl.core.onnx_convert`."""

from engine.azureml.lazy_package import lazy_package

_CORE = "engine.azureml.automl.core.onnx_convert"

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "OnnxConvertConstants": f"{_CORE}.onnx_convert_constants",
        "OnnxConverter": f"{_CORE}.onnx_converter",
        "OnnxInferenceHelper": f"{_CORE}.onnx_inference_helper",
    },
)
