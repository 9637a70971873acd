"""`OnnxConverter`: ONNX models as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto


class OnnxConverter:
    """Saves ONNX models."""

    @staticmethod
    def save_onnx_model(model: ModelProto, file_path: str | Path = "model.onnx") -> None:
        """Write a model to a file.

        Parameters
        ----------
        model:
            As ``run.get_output(return_onnx_model=True)`` returns it.
        file_path:
            The file; its folder is made.
        """
        path = Path(file_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
