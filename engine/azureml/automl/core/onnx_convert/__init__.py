"""ONNX models of automated training: `OnnxConverter`, `OnnxInferenceHelper` and constants."""

from engine.azureml.lazy_package import lazy_package

_HERE = __name__

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "OnnxConvertConstants": f"{_HERE}.onnx_convert_constants",
        "OnnxConverter": f"{_HERE}.onnx_converter",
        "OnnxInferenceHelper": f"{_HERE}.onnx_inference_helper",
    },
)
