"""`OnnxConvertConstants`."""

from __future__ import annotations

from engine.azureml.automl.core.shared.constants import MODEL_RESOURCE_PATH_ONNX


class OnnxConvertConstants:
    """What scripts ask before they use an ONNX model."""

    #: Scripts use ONNX below this version of Python: with all there are.
    OnnxIncompatiblePythonVersion = (99, 0)
    OnnxModelResource = MODEL_RESOURCE_PATH_ONNX
