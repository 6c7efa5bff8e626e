"""Read a model directory, whichever library runs its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import model_directory
from .onnx.directory import MODEL_FILE, OnnxDirectory, read_onnx_directory

if TYPE_CHECKING:
    from .model_directory.directory import ModelDirectory

    AnyModel = ModelDirectory | OnnxDirectory


def read_model(folder: Path | str) -> AnyModel:
    """Read a model directory and check it. Only weights in safetensors need torch.

    Raises:
        CheckpointError: it is not a model directory, is corrupt or inconsistent, or has pickled weights.
    """
    folder = Path(folder)
    if (folder / MODEL_FILE).is_file():
        return read_onnx_directory(folder)
    return model_directory.read_model_directory(folder)
