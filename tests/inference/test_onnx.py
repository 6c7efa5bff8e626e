"""ONNX models predict what the torch model predicts, without torch, and are refused where they do not."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from blurbstudy.errors import DataError, ParameterError, ParityError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.model_directory.check import METADATA_FILE
from blurbstudy.inference.model_directory.directory import ModelDirectory, read_model_directory
from blurbstudy.inference.onnx import directory as onnx_directory
from blurbstudy.inference.onnx import export
from blurbstudy.inference.onnx.directory import MODEL_FILE, OnnxDirectory, read_onnx_directory
from blurbstudy.inference.onnx.parity import Parity, ParityTexts, compare, generated_texts, texts_of_file
from blurbstudy.inference.predictor import Predictor
from blurbstudy.inference.read_model import read_model
from blurbstudy.tasks import CustomForm

from .conftest import PAIRS, TEXTS
from .lexicon import TAGS, write_lexicon_model
from .model_directory.test_directory import CASES, ENCODERS

with_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnx", "onnxruntime", "onnxscript"))),
    reason="the extra onnx is not installed: pip install onnx onnxruntime onnxscript",
)
WITHOUT_TORCH = """
import sys

sys.modules["torch"] = sys.modules["transformers"] = None  # importing them is an ImportError
from blurbstudy.cli.app import main

main(sys.argv[1:])
"""


PADDED = [case for i, case in enumerate(CASES + ENCODERS) if i % 3 == 0 or case in ENCODERS[4:]]


def lexicon_texts(n: int = 200) -> list[str]:
    draw = random.Random(4)
    return [" ".join(draw.choices([*TAGS, "of", "the", "."], k=draw.randint(1, 90))) for _ in range(n)]


def documents(texts) -> list[Document]:
    return [Document(str(i), text if isinstance(text, tuple) else (text,)) for i, text in enumerate(texts)]


class TorchSession:
    """In place of onnxruntime's session: the module that is exported."""

    def __init__(self, source: ModelDirectory) -> None:
        self.model = export.encoder_with_head(source)
        self.names = export.input_names(source)

    def get_inputs(self):
        return [SimpleNamespace(name=name) for name in self.names]

    def run(self, _, inputs):
        with torch.no_grad():
            return [self.model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).numpy()]


@pytest.mark.parametrize(("family", "kind", "recipe"), PADDED)
def test_padded_texts_give_the_outputs_of_packed_ones(write_random, monkeypatch, family, kind, recipe):
    """For every encoder and head: transformers' encoder, padding and our reading of its output."""
    folder, *_ = write_random(family, kind, **recipe)
    source = read_model_directory(folder)
    monkeypatch.setattr(onnx_directory, "inference_session", lambda file: TorchSession(source))
    facts = {"pad_id": source.checkpoint.architecture.pad_id}
    exported = OnnxDirectory(folder=folder, task=source.task, settings=source.settings, run={}, onnx=facts)
    texts = PAIRS if len(source.task.text_columns) > 1 else TEXTS
    two_batches = {"device": "cpu", "batch_tokens": 40}
    parity = compare(
        Predictor(source, **two_batches), Predictor(exported, **two_batches), ParityTexts(documents(texts), "")
    )
    assert parity.largest_output > 0.02 and parity.largest_difference < 2e-5
    parity.check()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tagger with a note of its user's, and its ONNX directory."""
    folder = tmp_path_factory.mktemp("onnx")
    source = write_lexicon_model(folder / "model")
    (source / "README.md").write_text(
        "---\nlibrary_name: transformers\n---\n\n# T\n\n## How to use\n\nold\n\n## Terms\n"
    )
    (source / "notes").mkdir()
    (source / "notes" / "calibration.json").write_text("{}")
    texts = ParityTexts(documents(lexicon_texts()), "200 texts of the lexicon")
    export.write_onnx(read_model_directory(source), folder / "exported", texts)
    return SimpleNamespace(source=source, folder=folder / "exported", texts=texts)


@with_onnx
def test_predict_needs_neither_torch_nor_transformers(exported, tmp_path, command):
    (tmp_path / "texts.txt").write_text("\n".join(lexicon_texts(30)))
    words = ["predict", str(tmp_path / "texts.txt"), "--input-format", "lines", "--device", "cpu"]
    code, expected, _ = command(*words, "--model", str(exported.source))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words, "--model", str(exported.folder)], capture_output=True, text=True
    )
    assert (code, done.returncode) == (0, 0), done.stderr
    ours, theirs = ([json.loads(line) for line in out.splitlines()] for out in (done.stdout, expected))
    assert sum(len(line["entities"]) for line in ours) > 100
    for line, other in zip(ours, theirs, strict=True):
        probabilities = [[entity.pop("probability") for entity in side["entities"]] for side in (line, other)]
        assert line == other
        np.testing.assert_allclose(*probabilities, atol=1e-4)


@with_onnx
def test_the_directory_has_all_but_the_weights_and_tells_how_it_was_compared(exported):
    assert not list(exported.folder.glob("*.safetensors")) and (exported.folder / "notes/calibration.json").is_file()
    before, after = (json.loads((one / METADATA_FILE).read_text()) for one in (exported.source, exported.folder))
    onnx = after.pop("onnx")
    assert after == before and (onnx["precision"], onnx["texts"]) == ("float32", "200 texts of the lexicon")
    card = (exported.folder / "README.md").read_text()
    assert "library_name: onnx" in card and "\n## Terms" in card and "old" not in card
    found = sum(len(one.entities) for one in Predictor(read_model(exported.source)).predict(exported.texts.documents))
    assert f"| Equal entities | {found} of {found} (100.0%) |" in card
    assert "blurbstudy predict --model exported FILE" in card


@with_onnx
def test_probabilities_are_calibrated_as_those_of_torch(exported):
    run = {"calibration": {"fit": {"method": "temperature", "maps": {"": [2.0]}, "fitted_on": "dev"}}}
    models = [dataclasses.replace(read_model(one), run=run) for one in (exported.source, exported.folder)]
    sides = [Predictor(model, device="cpu").predict(exported.texts.documents) for model in models]
    ours, theirs = ([e.probability for one in side for e in one.entities] for side in sides)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    raw = Predictor(models[1], device="cpu", raw_confidence=True).predict(exported.texts.documents)
    assert np.mean(ours) < np.mean([e.probability for one in raw for e in one.entities])


@with_onnx
def test_int8_is_quantized_and_its_agreement_is_that_of_its_predictions(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_write_model", lambda _, file: shutil.copyfile(exported.folder / MODEL_FILE, file))
    source = read_model_directory(exported.source)
    parity = export.write_onnx(source, tmp_path / "int8", exported.texts, int8=True)["int8"]
    assert b"MatMulInteger" in (tmp_path / "int8" / MODEL_FILE).read_bytes()
    assert not list((tmp_path / "int8").glob("int8*"))
    sides = [
        {
            (one.id, e.start, e.end, e.type)
            for one in Predictor(read_model(folder)).predict(exported.texts.documents)
            for e in one.entities
        }
        for folder in (exported.source, tmp_path / "int8")
    ]
    assert (parity.equal, parity.predictions) == (len(sides[0] & sides[1]), len(sides[0] | sides[1]))
    assert f"| {parity.largest_difference:.2g} |" in (tmp_path / "int8" / "README.md").read_text()


@with_onnx
def test_an_onnx_model_of_other_weights_is_refused_with_exit_code_1(exported, tmp_path, monkeypatch, command):
    """Here the weights of the torch model change, and the ONNX model is that of before."""
    monkeypatch.setattr(export, "_write_model", lambda _, file: shutil.copyfile(exported.folder / MODEL_FILE, file))
    source = read_model_directory(exported.source)
    head = dict(source.head) | {"head.bias": source.head["head.bias"] + torch.tensor([0, 0, 0, 0, 0.002])}
    changed = dataclasses.replace(source, head=head)
    monkeypatch.setattr("blurbstudy.api.export_onnx.read_model_directory", lambda _: changed)
    code, out, errors = command("export", str(exported.source), "--onnx", "--to", str(tmp_path / "x"))
    assert (code, out) == (1, "") and "the largest difference of an output is 0.002, more than 0.001" in errors
    assert not (tmp_path / "x").exists()


@with_onnx
def test_a_directory_is_exported_and_compared_on_the_lines_of_a_file(exported, tmp_path, monkeypatch, command):
    monkeypatch.setattr(export, "_write_model", lambda _, file: shutil.copyfile(exported.folder / MODEL_FILE, file))
    (tmp_path / "own.txt").write_text("\n".join(lexicon_texts(5)))
    words = ["export", str(exported.source), "--onnx", "--to", str(tmp_path / "x")]
    code, out, errors = command(*words, "--texts", str(tmp_path / "own.txt"))
    assert (code, out) == (0, f"model: {tmp_path / 'x'}\n")
    assert errors.startswith("float32 against torch on the first 5 texts of own.txt: largest difference")
    code, out, errors = command(*words)
    assert code == 0 and "on 200 texts of random words from the tokenizer's vocabulary" in errors
    assert "It does not show how often predictions differ on real text" in (tmp_path / "x" / "README.md").read_text()


@pytest.mark.slow
@with_onnx
@pytest.mark.parametrize(
    ("family", "kind", "recipe"),
    [
        ("bert", "question", {}),
        ("bert", "similarity", {"head": "cosine"}),
        ("electra", "document", {"head": "gelu", "projected": True}),
        ("roberta", "similarity", {}),
        ("modernbert", "ner", {}),
        ("deberta-v2", "relation", {}),
    ],
)
def test_every_kind_of_model_is_exported(write_random, tmp_path, family, kind, recipe):
    folder, *_ = write_random(family, kind, **recipe)
    source = read_model_directory(folder)
    texts = generated_texts(source.tokenizer().backend_tokenizer, source.task)
    parity = export.write_onnx(source, tmp_path / "x", texts)["float32"]
    assert parity.largest_output > 0.02 and parity.largest_difference < 1e-4
    assert parity.equal in (None, parity.predictions)


def test_the_difference_may_be_a_thousandth_or_a_ten_thousandth_of_large_scores():
    parity = Parity(largest_difference=9e-4, mean_difference=0.0, largest_output=3.0, equal=1, predictions=1)
    parity.check()
    for difference, output in ((2e-3, 3.0), (float("nan"), 3.0), (2e-2, 100.0)):
        with pytest.raises(ParityError, match="the largest difference of an output is"):
            dataclasses.replace(parity, largest_difference=difference, largest_output=output).check()
    dataclasses.replace(parity, largest_difference=5e-3, largest_output=100.0).check()


def test_texts_to_compare_on_come_from_pairs_too(write_random, tmp_path):
    folder, *_ = write_random("bert", "similarity", custom=CustomForm())
    task = read_model_directory(folder).task
    path = tmp_path / "pairs.csv"
    path.write_text("text,text2\n" + "one,two\n" * 300)
    texts = texts_of_file(path, task)
    assert texts.documents[0].texts == ("one", "two") and texts.origin == "the first 200 texts of pairs.csv"
    path.write_text("text,text2\n")
    with pytest.raises(DataError, match="found no texts; expected at least one"):
        texts_of_file(path, task)


def test_without_the_extra_an_error_names_the_command_of_pip(tmp_path, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    folder = write_lexicon_model(tmp_path / "model")
    code, out, errors = command("export", str(folder), "--onnx", "--to", str(tmp_path / "x"))
    assert (code, out) == (2, "") and "pip install onnx onnxruntime onnxscript" in errors, errors
    (folder / MODEL_FILE).touch()
    values = json.loads((folder / METADATA_FILE).read_text()) | {"onnx": {"pad_id": 0}}
    (folder / METADATA_FILE).write_text(json.dumps(values))
    (tmp_path / "a.txt").write_text("aspirin")
    code, out, errors = command("predict", str(tmp_path / "a.txt"), "--model", str(folder))
    assert (code, out) == (2, "") and len(errors.splitlines()) == 1
    assert "onnxruntime is not installed; install what the extra `onnx` names: pip install onnx" in errors


def test_an_onnx_model_is_not_run_on_another_device_and_needs_its_description(tmp_path):
    folder = write_lexicon_model(tmp_path / "model")
    (folder / MODEL_FILE).touch()
    with pytest.raises(ValueError, match="does not describe model.onnx; restore the complete directory"):
        read_model(folder)
    values = json.loads((folder / METADATA_FILE).read_text()) | {"onnx": {"pad_id": 0}}
    (folder / METADATA_FILE).write_text(json.dumps(values))
    with pytest.raises(ParameterError, match="ONNX models run on the CPU; use auto or cpu"):
        Predictor(read_onnx_directory(folder), device="cuda")
