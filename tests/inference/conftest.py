"""Tiny random models of every encoder family, with tokenizers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from blurbstudy.config import Recipe
from blurbstudy.inference.model_directory.directory import write_model_files
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.models import Architecture, Classifier, FinetunedWeights, load_checkpoint, random_checkpoint
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary
from blurbstudy.tasks import get_task

TEXTS = [
    "Aspirin inhibits COX-2 in human cells.",
    "The patients (n = 12) received naltrexone, 50 mg/day; none relapsed.",
    "Mutations of the ataxia-telangiectasia gene raise the risk of breast cancer.",
    "Is there a link between BRCA1 and ovarian cancer? We found none.",
]
PAIRS = [(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[3]), (TEXTS[3], TEXTS[0])]
TASKS = {
    "ner": "NCBI-disease",
    "pico": "EBM PICO",
    "relation": "GAD",
    "document": "HoC",
    "question": "PubMedQA",
    "similarity": "BIOSSES",
}
SHAPE = dict(n_layers=2, width=32, n_heads=4, intermediate=48, max_positions=130)


@pytest.fixture(scope="session")
def wordpiece():
    return train_vocabulary(TEXTS, 160)


@pytest.fixture(scope="session")
def byte_level():
    """RoBERTa's tokenizer with a vocabulary of single bytes."""
    from transformers import RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = {token: i for i, token in enumerate(special + sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return RobertaTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


@pytest.fixture
def write_random(tmp_path, wordpiece, byte_level, make_base):
    """Write a random model for a task; returns its folder, Classifier, task and recipe."""

    def start_of(family: str, tokenizer, *, projected: bool):
        if family in ("bert", "electra", "roberta", "xlm-roberta"):
            shape = dict(n_segments=1, norm_eps=1e-5, pad_id=1) if family.endswith("roberta") else {}
            wide = 16 if projected else 0
            architecture = Architecture(
                family=family, vocab_size=len(tokenizer), embedding_width=wide, **SHAPE, **shape
            )
            return random_checkpoint(architecture, seed=3)
        base = make_base(family, vocab_size=len(tokenizer), max_position_embeddings=132, pad_token_id=0)
        base.save_pretrained(tmp_path / "base")
        return load_checkpoint(tmp_path / "base")

    def write(
        family: str,
        kind: str,
        *,
        head: str = "pooler",
        tag_scheme: str = "bio",
        segment_ids: str = "pair",
        custom=None,
        projected: bool = False,
    ):
        tokenizer = byte_level if family.endswith("roberta") else wordpiece
        start = start_of(family, tokenizer, projected=projected)
        task = dataclasses.replace(get_task(TASKS[kind]), custom=custom)
        longest = 120 if task.output == "token_labels" else 32  # texts are truncated, sentences are not
        recipe = Recipe(max_length=longest, head=head, tag_scheme=tag_scheme, segment_ids=segment_ids)
        settings = settings_of(task, recipe)
        outputs = len(task.labels) - (tag_scheme == "io") or 1
        model = Classifier(start.architecture, members=1, outputs=outputs, head=settings.head)
        model.load_member(0, start, seed=5)
        generator = torch.Generator().manual_seed(7)
        for parameter in model.parameters():  # far from the initialization, so that no check passes on zeros
            if parameter.requires_grad:
                parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
        folder = tmp_path / "model"
        folder.mkdir()
        trained = FinetunedWeights(start.architecture, model.member_weights(0), model.head_weights(0))
        write_model_files(folder, trained, task=task, settings=settings, tokenizer=tokenizer, run={"seed": 5})
        return folder, model, task, recipe

    return write
