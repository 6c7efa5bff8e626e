"""Whether a folder is a model directory, as far as its files tell; needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import CheckpointError

METADATA_FILE = "blurbstudy.json"


def check_metadata_file(folder: Path) -> None:
    """Check that a folder has the metadata of a model directory.

    Raises:
        CheckpointError: it has not; the message says what the folder is instead.
    """
    if not (folder / METADATA_FILE).is_file():
        raise CheckpointError(_explain_not_a_model(folder))


def _explain_not_a_model(folder: Path) -> str:
    """The error message for a directory without blurbstudy.json."""
    if not folder.exists():
        return f"{folder}: no such directory; name one that `blurbstudy finetune` or `blurbstudy export` wrote"
    if not folder.is_dir():
        return f"{folder}: is a file; name the model directory that contains it"
    if (folder / "runs").is_dir():
        return f"{folder}: is a run store; export a model first: blurbstudy export RUN_ID --store {folder} --to DIR"
    if not (folder / "config.json").is_file():
        return f"{folder}: not a model directory (no config.json, no blurbstudy.json); name one"
    if (folder / "pytorch_model.bin").is_file() and not list(folder.glob("model*.safetensors")):
        kind = "a checkpoint with pickled weights (pytorch_model.bin), which may contain code and are not loaded"
    else:
        kind = _describe_config(folder / "config.json")
    return (
        f"{folder}: is {kind} without the blurbstudy.json of a model directory; fine-tune it first: blurbstudy "
        f"finetune --task TASK --encoder {folder}"
    )


def _describe_config(config: Path) -> str:
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        name = (values.get("architectures") or [f"a model of type {values.get('model_type')!r}"])[0]
    except (OSError, ValueError, AttributeError, IndexError, TypeError, KeyError, RecursionError):
        return "a directory whose config.json cannot be read"
    return f"a Hugging Face directory ({str(name)[:80]})"
