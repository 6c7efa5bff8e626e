"""Save the tokenizer so that transformers alone reproduces the input that the model was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from ...config import JsonObject
from ...tasks.features import second_text, special_tokens, without_truncation
from .settings import ModelSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DROPPED_SETTINGS = (
    "max_length",
    "stride",
    "truncation_strategy",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "name_or_path",
    "padding",
    "truncation",
    "is_local",
    "local_files_only",
    "backend",
)


def write_tokenizer(
    tokenizer: PreTrainedTokenizerFast, folder: Path, *, settings: ModelSettings, pad_id: int, segments: int
) -> None:
    """Save tokenizer.json and tokenizer_config.json: maximum length as in the recipe, padding and truncation on the
    right but not enabled, and token types only if the model was trained with them.

    Args:
        tokenizer: the encoder's fast tokenizer from transformers; not modified.
        pad_id: id of the encoder's padding token.
        segments: rows of the encoder's segment embeddings.
    """
    tokenizer.save_pretrained(folder)
    has_types = segments > 1 and settings.segment_ids == "pair"
    backend = without_truncation(tokenizer.backend_tokenizer, words=bool(settings.words))
    (with_segments(backend) if has_types else backend).save(str(folder / "tokenizer.json"))
    path = folder / "tokenizer_config.json"
    config: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if name not in DROPPED_SETTINGS}
    config |= {"model_max_length": settings.max_length, "padding_side": "right", "truncation_side": "right"}
    if settings.words:
        config["add_prefix_space"] = True  # byte-level vocabularies: single words start as in running text
    config["model_input_names"] = ["input_ids", *(["token_type_ids"] if has_types else []), "attention_mask"]
    if tokenizer.pad_token is None:
        config["pad_token"] = tokenizer.convert_ids_to_tokens(pad_id)
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def with_segments(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer with token types 0 and 1 for the texts of a pair; the tokenizer itself if it sets them already."""
    pair = tokenizer.encode("a", "a")
    begins = second_text(pair.sequence_ids)
    expected = [int(position >= begins) for position in range(len(pair.ids))]
    begin, end = special_tokens(tokenizer)
    if pair.type_ids == expected or len(begin) != 1 or len(end) != 1:
        return tokenizer
    first, last = (tokenizer.id_to_token(ids[0]) for ids in (begin, end))
    typed = Tokenizer.from_str(tokenizer.to_str())
    typed.post_processor = TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {last}:0 $B:1 {last}:1",
        special_tokens=[(first, begin[0]), (last, end[0])],
    )
    return typed if typed.encode("a", "a").ids == pair.ids else tokenizer


MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def write_sentence_transformer_files(folder: Path, *, width: int, max_length: int) -> None:
    """Save modules.json, sentence_bert_config.json and 1_Pooling/config.json (mean pooling)."""
    pooling = {"word_embedding_dimension": width, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / "modules.json", MODULES)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})


def _write(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
