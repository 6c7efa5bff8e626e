"""Publish pretrained encoders in this folder: weights rounded to bfloat16, which halves them, all else as it was.

python encoders/publish.py FOLDER ...   one or several folders that `blurbstudy pretrain` or a study has written
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
ROUNDED = "The published weights are rounded to bfloat16 (8 significant bits) after training."


def publish(source: Path) -> Path:
    """Copy an encoder under its name into this folder, with its weights in bfloat16."""
    target = HERE / source.name
    shutil.copytree(source, target)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(source / "model.safetensors").items()}
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    card = target / "README.md"
    card.write_text(f"{card.read_text(encoding='utf-8').rstrip()}\n\n{ROUNDED}\n", encoding="utf-8")
    return target


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(publish(Path(argument)))
