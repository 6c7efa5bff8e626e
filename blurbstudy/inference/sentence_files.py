"""What sentence-transformers reads beside an encoder whose two texts are encoded apart: the mean of a text's sub-words,
special tokens among them, is its vector.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
