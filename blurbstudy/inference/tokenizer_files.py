"""A model directory's tokenizer, which alone gives transformers the input that the model was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..tasks.features import uncut
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
    uncut(tokenizer.backend_tokenizer, words=bool(settings.words)).save(str(folder / "tokenizer.json"))
    path = folder / "tokenizer_config.json"
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    told = {name: value for name, value in told.items() if name not in LEFT_OVER}
    told |= {"model_max_length": settings.max_length, "padding_side": "right", "truncation_side": "right"}
    if settings.words:
        told["add_prefix_space"] = True  # byte-level vocabularies: words one by one begin as in running text
    typed = segments > 1 and settings.segment_ids == "pair"
    told["model_input_names"] = ["input_ids", *(["token_type_ids"] if typed else []), "attention_mask"]
    if tokenizer.pad_token is None:
        told["pad_token"] = tokenizer.convert_ids_to_tokens(pad_id)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
