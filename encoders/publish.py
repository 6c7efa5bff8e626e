"""Publish pretrained encoders in this folder: weights rounded to bfloat16, which halves them, all else as it was.

    python encoders/publish.py FOLDER ... [--terms FILE]

FOLDER: written by `blurbstudy pretrain` or a study. FILE: added to its card, whose licence is then `other`
(pubmed.md for encoders pretrained on text of PubMed).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
ROUNDED = "The published weights are rounded to bfloat16 (8 significant bits) after training."


def publish(source: Path, *, terms: str = "") -> Path:
    """Copy an encoder under its name into this folder, with its weights in bfloat16.

    Args:
        terms: Markdown for its card, of an encoder whose text has terms of its own.
    """
    target = HERE / source.name
    shutil.copytree(source, target)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(source / "model.safetensors").items()}
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    card = target / "README.md"
    text = f"{card.read_text(encoding='utf-8').rstrip()}\n\n{ROUNDED}\n"
    if terms:
        text = text.replace("---\n", "---\nlicense: other\n", 1) + f"\n{terms.rstrip()}\n"
    card.write_text(text, encoding="utf-8")
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--terms", type=Path, metavar="FILE")
    given = parser.parse_args()
    for folder in given.folders:
        print(publish(folder, terms=given.terms.read_text(encoding="utf-8") if given.terms else ""))
