"""`OnnxInferenceHelper`: predictions of an ONNX model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelException
from engine.onnx.convert import onnx_inputs


class OnnxInferenceHelper:
    """Predicts with an ONNX model in ONNX Runtime.

    Parameters
    ----------
    onnx_model_bytes : bytes
        The model, serialized.
    onnx_input_map : dict
        What the iteration's file ``constants.MODEL_RESOURCE_PATH_ONNX`` holds.

    Raises
    ------
    ModelException
        When the extra ``onnx`` is not installed.
    """

    def __init__(
        self,
        onnx_model_bytes: bytes,
        onnx_input_map: Mapping[str, Any] | None = None,
        *more: object,
    ) -> None:
        try:
            import onnx
            import onnxruntime
        except ImportError as error:
            raise ModelException(
                f"ONNX needs packages that are not installed ({error.name}): pip install "
                "'raysmith[onnx]'"
            ) from error
        self._model = onnx.load_from_string(onnx_model_bytes)
        self._session = onnxruntime.InferenceSession(onnx_model_bytes)

    def predict(
        self, X: Any, with_prob: bool = True
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Predict rows.

        Parameters
        ----------
        X:
            (n_rows, n_columns) raw columns, as the pipeline takes them.
        with_prob:
            Whether the probabilities of a classifier are returned.

        Returns
        -------
        tuple
            (n_rows,) labels and (n_rows, n_classes) probabilities; for regression (n_rows,) values
            and ``None``.
        """
        if hasattr(X, "to_pandas_dataframe"):
            X = X.to_pandas_dataframe()
        outputs = self._session.run(None, onnx_inputs(self._model, X))
        return outputs[0], outputs[1] if with_prob and len(outputs) > 1 else None
