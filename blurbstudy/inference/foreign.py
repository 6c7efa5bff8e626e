"""What a directory is that is no model directory, in one line that says what to do with it."""

from __future__ import annotations

import json
from pathlib import Path

CHECKPOINT = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def what_it_is(folder: Path) -> str:
    """The line for a directory without blurbstudy.json."""
    if not folder.exists():
        return f"{folder}: no such directory; name one that `blurbstudy finetune` or `blurbstudy export` wrote"
    if not folder.is_dir():
        return f"{folder}: is a file; name the model directory that it lies in"
    if (folder / "runs").is_dir():
        return f"{folder}: is a run store, no model; use `blurbstudy export RUN_ID --store {folder} --to DIR` first"
    if not (folder / "config.json").is_file():
        return f"{folder}: holds no model (no config.json, no blurbstudy.json); name a model directory"
    if (folder / "pytorch_model.bin").is_file() and not list(folder.glob("model*.safetensors")):
        kind = "a checkpoint with pickled weights (pytorch_model.bin), which may hold code and are not read here"
    else:
        kind = _kind(folder / "config.json")
    return (
        f"{folder}: is {kind}, without the blurbstudy.json of a model directory; fine-tune it first (blurbstudy "
        f"finetune --task TASK --encoder {folder}), or use it with the library that made it"
    )


def _kind(config: Path) -> str:
    """What config.json says that the model is."""
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        name = (values.get("architectures") or [f"a model of type {values.get('model_type')!r}"])[0]
    except (OSError, ValueError, AttributeError, IndexError, TypeError, KeyError, RecursionError):
        return "a directory whose config.json cannot be read"
    return f"a Hugging Face directory ({str(name)[:80]})"
