"""Write a model directory with an ONNX model in place of the weights, checked against the torch model.

The encoder is transformers' own module, so the comparison also checks our encoder against an independent one.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...config import JsonObject
from ...errors import CheckpointError, one_line
from ...filesystem import atomic_directory, disk_errors
from ...lazy_imports import optional_module
from ...models.auto.module import build
from ...models.state_dict_names import to_hugging_face
from ..model_directory.check import CARD, METADATA_FILE
from ..model_directory.directory import ModelDirectory
from ..predictor import Predictor
from .card import onnx_card
from .directory import KEY, MODEL_FILE, OnnxDirectory
from .parity import Parity, ParityTexts, compare

FLOAT32, INT8 = "float32", "int8"
_ACTIVATIONS = {"pooler": torch.tanh, "gelu": F.gelu}


class EncoderWithHead(nn.Module):
    """transformers' encoder and our head, over padded texts.

    Args:
        head: as in ModelSettings.
        weights: of the head: ModelDirectory.head.
    """

    def __init__(self, encoder: nn.Module, head: str, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.encoder, self.activation = encoder, _ACTIVATIONS.get(head)
        self.dense, self.head = (_linear(weights, name) for name in ("pooler.dense", "head"))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(texts, longest) each -> logits, (texts, longest, outputs) or (texts, outputs); without a head, the means
        (texts, width) of the texts' sub-words.
        """
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **types)[0]
        if self.head is None:
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * mask).sum(1) / mask.sum(1)
        if self.activation is not None and self.dense is not None:
            hidden = self.activation(self.dense(hidden[:, 0]))
        return self.head(hidden)


def write_onnx(source: ModelDirectory, folder: Path, texts: ParityTexts, *, int8: bool = False) -> dict[str, Parity]:
    """Write the directory: the small files of the source, the ONNX model, and a card with the comparison.

    Args:
        int8: weights and matrix products in int8 (dynamic quantization of onnxruntime).

    Returns:
        Precision -> agreement with the torch model: that of FLOAT32, and of INT8 if asked for.

    Raises:
        ParameterError: an extra is not installed; or the disk refuses.
        CheckpointError: torch cannot export the model.
        ParityError: the exported model does not compute the same in float32.
    """
    for name in ("onnx", "onnxruntime", "onnxscript"):
        optional_module(name, extra=KEY)
    with disk_errors(folder, "name another folder (--to)"), atomic_directory(folder, replace=True) as temporary:
        shutil.copytree(
            source.folder,
            temporary,
            dirs_exist_ok=True,
            copy_function=shutil.copyfile,
            ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json"),
        )
        source.tokenizer().backend_tokenizer.save(str(temporary / "tokenizer.json"))
        _write_model(source, temporary / MODEL_FILE)
        facts: JsonObject = {"pad_id": source.checkpoint.architecture.pad_id, "precision": FLOAT32}
        made = OnnxDirectory(folder=temporary, task=source.task, settings=source.settings, run=source.run, onnx=facts)
        original = Predictor(source, device="cpu")
        parities = {FLOAT32: compare(original, Predictor(made, device="cpu"), texts)}
        parities[FLOAT32].check()
        if int8:
            _quantize(temporary / MODEL_FILE)
            facts["precision"] = INT8
            parities[INT8] = compare(original, Predictor(made, device="cpu"), texts)
        facts |= {"texts": texts.origin, "parity": {name: parity.to_dict() for name, parity in parities.items()}}
        card = onnx_card((source.folder / CARD), source, texts, parities, directory_name=folder.name)
        (temporary / CARD).write_text(card, encoding="utf-8")
        values = json.loads((source.folder / METADATA_FILE).read_text(encoding="utf-8")) | {KEY: facts}
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        (temporary / METADATA_FILE).write_text(text, encoding="utf-8")  # last: see is_unchanged
    return parities


def encoder_with_head(source: ModelDirectory) -> EncoderWithHead:
    """The module that is exported, with frozen parameters."""
    architecture = source.checkpoint.architecture
    encoder = build(architecture.config or json.dumps(architecture.to_config()), n_layers=architecture.n_layers)
    encoder.set_attn_implementation("eager")  # a smaller graph than that of torch's fused attention
    state = to_hugging_face(source.checkpoint.weights, architecture)
    encoder.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith("pooler.")})
    return EncoderWithHead(encoder, source.settings.head, source.head).eval().requires_grad_(False)


def input_names(source: ModelDirectory) -> list[str]:
    """The inputs that the encoder reads."""
    has_segments = source.checkpoint.architecture.n_segments > 1
    return ["input_ids", "attention_mask", *(["token_type_ids"] if has_segments else [])]


def _write_model(source: ModelDirectory, file: Path) -> None:
    """Export a model, with any number of texts of any length.

    Raises:
        CheckpointError: torch cannot export it.
    """
    architecture = source.checkpoint.architecture
    model = encoder_with_head(source)
    names = input_names(source)
    inputs = {name: torch.full((2, 8), int(name == "attention_mask")) for name in names}
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("sequence", max=architecture.max_positions)}
    try:
        with _silent():
            torch.onnx.export(
                model,
                kwargs=inputs,
                f=str(file),
                dynamo=True,
                dynamic_shapes=dict.fromkeys(names, axes),
                input_names=names,
                output_names=["sentence_embedding" if model.head is None else "logits"],
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter raises many kinds
        cause = error.__cause__ or error
        raise CheckpointError(f"torch cannot export {architecture.title} to ONNX ({one_line(cause)})") from error


def _quantize(file: Path) -> None:
    """Replace a model by its dynamic quantization to int8.

    Embeddings stay in float32: one scale for the whole table costs most of the agreement and gains no speed. Weights
    have 7 bits, since processors without VNNI saturate with 8.
    """
    quantization = optional_module("onnxruntime.quantization", extra=KEY)
    quantized = file.with_name(f"{INT8}.onnx")
    with _silent():
        quantization.quantize_dynamic(
            file,
            quantized,
            op_types_to_quantize=["MatMul"],
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
    quantized.replace(file)


def _linear(weights: Mapping[str, Tensor], name: str) -> nn.Linear | None:
    if f"{name}.weight" not in weights:
        return None
    n_outputs, width = weights[f"{name}.weight"].shape
    layer = nn.Linear(width, n_outputs)
    layer.load_state_dict({kind: weights[f"{name}.{kind}"] for kind in ("weight", "bias")})
    return layer


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the exporter's progress, warnings and log."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
