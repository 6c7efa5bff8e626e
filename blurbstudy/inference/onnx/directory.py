"""Model directories with an ONNX model: read and run by onnxruntime; needs no torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ...config import JsonMapping
from ...errors import CheckpointError, ParameterError, one_line
from ...lazy_imports import optional_module
from ...tasks import Task
from ...tasks.features import Features
from ...training.decoding import OutputFunction, evaluation_groups
from ..model_directory.check import METADATA_FILE
from ..model_directory.settings import RESTORE, ModelSettings, read_json, read_metadata

MODEL_FILE = "model.onnx"
MAX_TOKENS = 512  # per batch: the activations of more leave the processor's cache, and onnxruntime is slower
KEY = "onnx"  # of METADATA_FILE: what `OnnxDirectory.onnx` holds


@dataclass(frozen=True)
class TokenizerFile:
    """The tokenizer of a directory, without transformers."""

    backend_tokenizer: Tokenizer
    unk_token_id: int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class OnnxDirectory:
    """A model directory with an ONNX model, as read."""

    folder: Path
    task: Task
    settings: ModelSettings
    run: JsonMapping  # metadata of the training run
    onnx: JsonMapping  # pad_id: of the padding token; precision; texts and parity: see export.py

    @property
    def fingerprint(self) -> str:
        """A digest of weights, tokenizer and metadata."""
        digest = hashlib.sha256()
        for name in (MODEL_FILE, "tokenizer.json", METADATA_FILE):
            digest.update(hashlib.sha256((self.folder / name).read_bytes()).digest())
        return digest.hexdigest()[:20]

    def tokenizer(self) -> TokenizerFile:
        """The tokenizer.

        Raises:
            CheckpointError: it cannot be read.
        """
        file = self.folder / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises its own kinds
            raise CheckpointError(f"{file}: cannot be read ({one_line(error)}); {RESTORE}") from None
        unknown = read_json(self.folder / "tokenizer_config.json").get("unk_token")
        return TokenizerFile(tokenizer, tokenizer.token_to_id(str(unknown)))

    def load(self, device: str) -> OutputFunction:
        """The model, on the CPU (device auto or cpu).

        Raises:
            ParameterError: onnxruntime is not installed, or the device is another one.
            CheckpointError: onnxruntime cannot load the model.
        """
        if device not in ("auto", "cpu"):
            raise ParameterError(f"device={device!r}: ONNX models run on the CPU; use auto or cpu")
        session = inference_session(self.folder / MODEL_FILE)
        names = [value.name for value in session.get_inputs()]

        def outputs(features: Features, batch_tokens: int) -> np.ndarray:
            groups = evaluation_groups(features, max_tokens=min(batch_tokens, MAX_TOKENS))
            found = []
            for group in groups:
                texts = [text for i in group for text in features.texts(i)]
                (values,) = session.run(None, pad(texts, names, pad_id=self.onnx["pad_id"]))
                found.append(_at_targets(values, features, group))
            targets = np.concatenate([features.targets_of(i) for group in groups for i in group])
            return np.concatenate(found)[np.argsort(targets)]

        return outputs


def read_onnx_directory(folder: Path) -> OnnxDirectory:
    """Read a model directory with an ONNX model.

    Raises:
        CheckpointError: it is corrupt.
    """
    task, settings, run = read_metadata(folder)
    onnx = read_json(folder / METADATA_FILE).get(KEY)
    if not isinstance(onnx, dict) or not isinstance(onnx.get("pad_id"), int):
        raise CheckpointError(f"{folder / METADATA_FILE}: does not describe {MODEL_FILE}; {RESTORE}")
    return OnnxDirectory(folder=folder, task=task, settings=settings, run=run, onnx=onnx)


def pad(
    texts: Sequence[tuple[np.ndarray, np.ndarray]], names: Collection[str], *, pad_id: int
) -> dict[str, np.ndarray]:
    """(sub-words, segments) of each text -> the model's inputs, (texts, longest) int64."""
    shape = len(texts), max(len(ids) for ids, _ in texts)
    inputs = {name: np.full(shape, pad_id if name == "input_ids" else 0, np.int64) for name in names}
    for row, (ids, segments) in enumerate(texts):
        values = {"input_ids": ids, "attention_mask": 1, "token_type_ids": segments}
        for name, table in inputs.items():
            table[row, : len(ids)] = values[name]
    return inputs


def _at_targets(values: np.ndarray, features: Features, group: Sequence[int]) -> np.ndarray:
    """The model's output for a group of sequences -> (targets, outputs)."""
    if features.second_lengths is not None:
        first, second = values[0::2], values[1::2]
        norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
        return ((first * second).sum(-1) / np.maximum(norms, 1e-8))[:, None]
    if features.word_starts is None:
        return values
    return np.concatenate([row[features.word_starts_of(i)] for row, i in zip(values, group, strict=True)])


def inference_session(file: Path) -> Any:
    """A session of onnxruntime; OMP_NUM_THREADS limits its threads, as it limits torch's."""
    onnxruntime = optional_module("onnxruntime", extra=KEY)
    options = onnxruntime.SessionOptions()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0  # 0: one per core
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds
        raise CheckpointError(f"{file}: onnxruntime cannot load it ({one_line(error)}); {RESTORE}") from None
