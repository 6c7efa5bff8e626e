"""The encoders that the repository ships: those that the demonstration asks for, small, and rounded to bfloat16."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
import torch
from safetensors.torch import load_file

from blurbstudy.models import load_checkpoint
from blurbstudy.paths import ENCODERS
from blurbstudy.pretraining import RECORD_FILE
from blurbstudy.report.plan import planned_study
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.tasks.mini_blurb import CORPUS

DEMONSTRATION = sorted(path for path in ENCODERS.iterdir() if "-mini-" in path.name)
REAL = sorted(ENCODERS.glob("pubmed-*/"))
LIMIT = 1_000_000  # bytes of a folder; the substitute for LARGE encoders, deeper and wider, has a fifth more


def record_of(folder):
    return json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", DEMONSTRATION, ids=lambda folder: folder.name)
def test_an_encoder_of_the_demonstration_is_small(folder):
    assert sum(file.stat().st_size for file in folder.iterdir()) < LIMIT * (1.2 if "large" in folder.name else 1)


@pytest.mark.parametrize("folder", DEMONSTRATION + REAL, ids=lambda folder: folder.name)
def test_a_shipped_encoder_is_finished_and_rounded(folder):
    assert record_of(folder)["step"] == record_of(folder)["config"]["steps"]
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    weights = load_checkpoint(folder).weights
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())
    assert all(torch.equal(tensor, tensor.bfloat16().float()) for tensor in weights.values())
    assert "bfloat16" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", REAL, ids=lambda folder: folder.name)
def test_the_card_of_an_encoder_of_real_text_gives_its_terms_and_what_it_saw_of_blurb(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: other\n")
    assert re.search(r"1,708 documents (that are )?marked as text of a BLURB test set were left out", card)
    assert (ENCODERS / "pubmed.md").read_text(encoding="utf-8").strip() in card
    assert record_of(folder)["corpus"]["blurb_test"] == "left out"


def test_they_are_of_the_corpus_as_it_is_generated_now(mini_data):
    corpus = hashlib.sha256((mini_data / CORPUS).read_bytes()).hexdigest()
    texts = {folder.name: [file["sha256"] for file in record_of(folder)["corpus"]["files"]] for folder in DEMONSTRATION}
    assert len(texts) == 5 and all(files == [corpus] for files in texts.values())


@pytest.mark.parametrize(
    ("notebook", "on_the_spot"), [("01_pretraining_ablation", 1), ("03_layer_adaptation", 0), ("04_large_models", 0)]
)
def test_the_demonstration_pretrains_one_encoder_to_show_how(notebook, on_the_spot, tmp_path):
    values = scale_parameters("mini", notebook) | {"store": str(tmp_path / "store")}
    _, to_pretrain = planned_study(notebook, values)
    assert len(to_pretrain) == on_the_spot and all("on the spot" in name for name in to_pretrain)
