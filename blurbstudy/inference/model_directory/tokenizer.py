"""A model directory's tokenizer, which alone gives transformers the input that the model was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from ...tasks.features import around, second_text, without_truncation
from .settings import ModelSettings

LEFT_OVER = ("max_length", "stride", "truncation_strategy", "pad_to_multiple_of", "pad_token_type_id", "name_or_path",
             "padding", "truncation", "is_local", "local_files_only", "backend")  # fmt: skip


def write_tokenizer(tokenizer: Any, folder: Path, *, settings: ModelSettings, pad_id: int, segments: int) -> None:
    """Writes tokenizer.json and its settings: the longest sequence is the recipe's, no truncation or padding is stored,
    padding is on the right, and token types are given only where the model was trained with them.

    Args:
        tokenizer: the encoder's fast tokenizer of transformers; left unchanged.
        pad_id: the encoder's entry for padding.
        segments: rows of its segment table.
    """
    tokenizer.save_pretrained(folder)
    typed = segments > 1 and settings.segment_ids == "pair"
    alone = without_truncation(tokenizer.backend_tokenizer, words=bool(settings.words))
    (with_segments(alone) if typed else alone).save(str(folder / "tokenizer.json"))
    path = folder / "tokenizer_config.json"
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    told = {name: value for name, value in told.items() if name not in LEFT_OVER}
    told |= {"model_max_length": settings.max_length, "padding_side": "right", "truncation_side": "right"}
    if settings.words:
        told["add_prefix_space"] = True  # byte-level vocabularies: words one by one begin as in running text
    told["model_input_names"] = ["input_ids", *(["token_type_ids"] if typed else []), "attention_mask"]
    if tokenizer.pad_token is None:
        told["pad_token"] = tokenizer.convert_ids_to_tokens(pad_id)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def with_segments(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, or one that numbers the texts of a pair as the model was trained, 0 and 1, where it does not."""
    pair = tokenizer.encode("a", "a")
    begins = second_text(pair.sequence_ids)
    expected = [int(place >= begins) for place in range(len(pair.ids))]
    begin, end = around(tokenizer)
    if pair.type_ids == expected or len(begin) != 1 or len(end) != 1:
        return tokenizer
    first, last = (tokenizer.id_to_token(place[0]) for place in (begin, end))
    typed = Tokenizer.from_str(tokenizer.to_str())
    typed.post_processor = TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {last}:0 $B:1 {last}:1",
        special_tokens=[(first, begin[0]), (last, end[0])],
    )
    return typed if typed.encode("a", "a").ids == pair.ids else tokenizer


STEPS = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


def write_sentence_files(folder: Path, *, width: int, max_length: int) -> None:
    """Writes modules.json, sentence_bert_config.json and 1_Pooling/config.json."""
    pooling = {"word_embedding_dimension": width, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / "modules.json", STEPS)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
