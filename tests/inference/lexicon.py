"""A model with known predictions: each word of a lexicon has a fixed tag, and all other words are outside.

Its encoder passes on the embedding of a word's first sub-word, so tags do not depend on context.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from blurbstudy.config import Recipe
from blurbstudy.inference.model_directory.directory import write_model_files
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.models import Architecture, Classifier, FinetunedWeights, random_checkpoint
from blurbstudy.tasks import Task, get_task

TAGS = {
    "aspirin": "B-Drug",
    "naltrexone": "B-Drug",
    "warfarin": "B-Drug",
    "hydrochloride": "I-Drug",
    "asthma": "B-Disease",
    "cancer": "B-Disease",
    "ataxia": "B-Disease",
    "telangiectasia": "I-Disease",
    "syndrome": "I-Disease",
}
LABELS = ("O", "B-Disease", "I-Disease", "B-Drug", "I-Drug")
ARCHITECTURE = Architecture(
    family="bert", vocab_size=1, n_layers=1, width=16, n_heads=2, intermediate=16, max_positions=512, norm_eps=1e-5
)


def typed_task() -> Task:
    """Entities of two types."""
    return dataclasses.replace(get_task("NCBI-disease"), name="drugs and diseases", labels=LABELS)


def lexicon_tokenizer() -> PreTrainedTokenizerFast:
    """BERT's, uncased; it knows the lexicon's words and single letters."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?()-'"
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *TAGS, *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({one: i for i, one in enumerate(entries)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **{f"{k}_token": v for k, v in names.items()})


def write_lexicon_model(folder: Path, *, max_length: int = 64, words: str = "basic") -> Path:
    """Write the model directory."""
    tokenizer, task = lexicon_tokenizer(), typed_task()
    architecture = dataclasses.replace(ARCHITECTURE, vocab_size=len(tokenizer))
    model = Classifier(architecture, members=1, outputs=len(LABELS), head="token")
    model.load_member(0, random_checkpoint(architecture, seed=1), seed=1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm.weight" not in name:
                parameter.zero_()
        table = model.encoder.embeddings.word_embeddings[0]
        table[:, 0] = 1  # outside
        for word, tag in TAGS.items():
            row = tokenizer.convert_tokens_to_ids(word)
            table[row, 0], table[row, LABELS.index(tag)] = 0, 1
        for label in range(len(LABELS)):
            model.head.weight[0, label, label] = 2
    settings = dataclasses.replace(settings_of(task, Recipe(max_length=max_length)), words=words)
    trained = FinetunedWeights(architecture, model.member_weights(0), model.head_weights(0))
    folder.mkdir(parents=True)
    write_model_files(folder, trained, task=task, settings=settings, tokenizer=tokenizer, run={})
    return folder
