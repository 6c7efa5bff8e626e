"""Whether a folder is a model directory, as far as its files tell, and whether it may be replaced; needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import CheckpointError, ParameterError

CARD = "README.md"
METADATA_FILE = "blurbstudy.json"


def check_metadata_file(folder: Path) -> None:
    """Check that a folder has the metadata of a model directory.

    Raises:
        CheckpointError: it has not; the message says what the folder is instead.
    """
    if not (folder / METADATA_FILE).is_file():
        raise CheckpointError(_explain_not_a_model(folder))


def check_target(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace anything but an empty folder or an unchanged model directory.

    Args:
        overwrite: allow any folder.

    Raises:
        ParameterError: the path is a file, or a folder with other content.
    """
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder}: is a file; name a directory")
    if overwrite or not folder.exists() or not any(folder.iterdir()) or is_unchanged(folder):
        return
    kind = "has changed since it was exported" if (folder / METADATA_FILE).is_file() else "is not empty"
    raise ParameterError(f"{folder}: {kind}; name another directory, or pass --overwrite to replace it")


def is_unchanged(folder: Path) -> bool:
    """Whether nothing in a model directory was edited or added since its export, which writes METADATA_FILE last."""
    if not (folder / METADATA_FILE).is_file():
        return False
    exported = (folder / METADATA_FILE).stat().st_mtime_ns
    return all(path.lstat().st_mtime_ns <= exported for path in (folder, *folder.rglob("*")))


def exported_run_id(folder: Path) -> str:
    """The id of the run whose model is in a directory; "" without a readable model."""
    try:
        return str(json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))["run"]["id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


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
