"""An exported model reproduces the predictions of its run under every recipe; exports are atomic."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time

import numpy as np
import pytest
import torch

from blurbstudy.api.export_model import export_run
from blurbstudy.api.export_onnx import dev_texts
from blurbstudy.api.model_facts import best_by_dev
from blurbstudy.api.retrain import ensure_weights, sources_of_run
from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import ParameterError, StoreError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.model_directory.check import exported_run_id, is_unchanged
from blurbstudy.inference.model_directory.directory import load_classifier, read_model_directory
from blurbstudy.inference.predictor import Predictor
from blurbstudy.stats.status import RunStatus, judge_run
from blurbstudy.store.run_weights import has_weights, weights_folder
from blurbstudy.tasks import custom_task, get_task, read_split
from blurbstudy.tasks.features import tokenize
from blurbstudy.training.decoding import decode
from blurbstudy.training.evaluation import evaluation_batches, predict

SHORT = dict(epochs=1, learning_rate=1e-3, max_length=48, n_evaluations=2)
RECIPES = {
    "plain": {},
    "pruned": {"stabilizers": {"remove_layers": {"layers": 1}}},
    "re-initialized": {"stabilizers": {"reinitialize": {"layers": 1}}},
    "frozen": {"stabilizers": {"freeze": {"layers": 1}}},
    "layerwise decay": {"stabilizers": {"layerwise_decay": {"factor": 0.8}}},
    "the best step": {"checkpoint_selection": "best_dev", "epochs": 2, "n_evaluations": 4},
    "gelu": {"head": "gelu"},
    "cosine": {"head": "cosine"},
    "one segment": {"segment_ids": "single"},
}
KINDS = {"ner": "NCBI-disease", "pico": "EBM PICO", "relation": "GAD", "document": "HoC", "question": "BioASQ"}


@pytest.fixture
def trained(store, mini_data, tiny_encoder):
    """Train runs on a mini-BLURB task, one per seed; returns records and sources."""

    def train(task, *, seeds=1, encoder=tiny_encoder, keep="all", workers=1, **recipe):
        sources = resolve_sources(store, tasks=[task], encoders={"tiny": str(encoder)}, data="mini")
        settings, name = SHORT | recipe, getattr(task, "name", task)
        configs = [
            sources.run_config(name, "tiny", recipe=Recipe(**settings), seed=seed) for seed in range(1, seeds + 1)
        ]
        engine = LocalEngine(device="cpu", workers=workers, keep_weights=keep)
        results = run_missing(configs, store, sources=sources, engine=engine, progress="silent")
        return list(results.values()), sources

    return train


def predictions(folder, task, mini_data):
    """The predictions of a model directory for test, by our own evaluation."""
    directory = read_model_directory(folder)
    model, settings = load_classifier(directory), directory.settings
    examples = read_split(get_task(task), mini_data, split="test")
    options = {"max_length": settings.max_length, "segment_ids": settings.layout}
    features = tokenize(examples, directory.checkpoint.tokenizer(), directory.task, **options)
    batches = evaluation_batches(features, members=1, n_heads=model.architecture.n_heads)
    outputs = predict(model, batches, device=torch.device("cpu"), autocast=False)
    return decode(outputs[0], features, directory.task, tag_scheme=settings.tag_scheme)


def same(predicted, recorded):
    if isinstance(recorded[0], float):
        return np.allclose(predicted, recorded, rtol=1e-5, atol=1e-5)
    return predicted == recorded


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_model_reproduces_its_run_under_every_recipe(trained, store, tmp_path, mini_data, recipe):
    (record,), _ = trained("BIOSSES", **RECIPES[recipe])
    folder = export_run(store, record, tmp_path / "model")
    assert same(predictions(folder, "BIOSSES", mini_data), record.predictions["test"])
    layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    assert layers == (1 if recipe == "pruned" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_reproduces_its_run_for_every_kind_of_task(trained, store, tmp_path, mini_data, kind):
    (record,), _ = trained(KINDS[kind], epochs=0.3)
    folder = export_run(store, record, tmp_path / "model")
    assert same(predictions(folder, KINDS[kind], mini_data), record.predictions["test"])


def test_a_model_predicts_above_the_threshold_that_dev_chose(trained, store, tmp_path, mini_data):
    (record,), _ = trained("HoC", threshold="dev", class_weights="balanced", epochs=0.3)
    folder = export_run(store, record, tmp_path / "model")
    examples = read_split(get_task("HoC"), mini_data, split="test")
    documents = [Document(example.id, example.texts) for example in examples]

    def predicted():
        predictions = Predictor(read_model_directory(folder)).predict(documents)
        return [",".join(prediction.labels) for prediction in predictions]

    assert record.threshold != 0.5 and predicted() == record.predictions["test"]
    metadata = json.loads((folder / "blurbstudy.json").read_text())
    assert metadata.pop("threshold") == record.threshold
    note = f"if its probability exceeds {record.threshold:g}, the threshold chosen on dev"
    assert note in (folder / "README.md").read_text()
    (folder / "blurbstudy.json").write_text(json.dumps(metadata))
    assert predicted() != record.predictions["test"]


def test_a_roberta_with_io_tags_reproduces_its_run(trained, store, tmp_path, mini_data, tiny_roberta):
    (record,), _ = trained("NCBI-disease", encoder=tiny_roberta, tag_scheme="io", epochs=0.3)
    folder = export_run(store, record, tmp_path / "model")
    assert predictions(folder, "NCBI-disease", mini_data) == record.predictions["test"]
    assert json.loads((folder / "config.json").read_text())["id2label"] == {"0": "O", "1": "I"}


@pytest.mark.parametrize(("word", "rule"), [("IL-2", "joined"), ("IL", "basic")])
def test_a_model_records_how_its_training_words_were_split(trained, store, tmp_path, word, rule):
    path = tmp_path / "own.conll"
    path.write_text(f"{word}\tB-Gene\nbinds\tO\n.\tO\n\n" * 20)
    task = custom_task(kind="ner", files=dict.fromkeys(("train", "dev", "test"), str(path)))
    (record,), _ = trained(task)
    folder = export_run(store, record, tmp_path / "model")
    assert read_model_directory(folder).settings.words == rule
    assert ("treat words such as IL-2 as one word" in (folder / "README.md").read_text()) == (rule == "joined")


def test_another_transformers_encoder_reproduces_its_run(trained, store, tmp_path, mini_data, tiny_modernbert):
    (record,), _ = trained("NCBI-disease", encoder=tiny_modernbert, epochs=0.1)
    folder = export_run(store, record, tmp_path / "model")
    assert predictions(folder, "NCBI-disease", mini_data) == record.predictions["test"]


@pytest.mark.parametrize("workers", [1, 2])  # two: the rule must reach worker processes
def test_only_the_best_seed_on_dev_keeps_its_weights(trained, store, workers):
    records, _ = trained("BIOSSES", seeds=3, keep="best", workers=workers)
    kept = [record for record in records if has_weights(store, record.id)]
    best = max(records, key=lambda record: record.scores["dev"])
    assert best in kept
    assert len(kept) == 1 or workers > 1  # parallel processes may each have one
    assert not list((store.folder / "weights").glob(".*"))


def test_a_run_trained_again_reproduces_the_run(trained, store, tmp_path, mini_data):
    (record,), sources = trained("BIOSSES", keep="none")
    assert not has_weights(store, record.id)
    with pytest.raises(StoreError, match=f"blurbstudy export {record.id} --store .* --train"):
        export_run(store, record, tmp_path / "model")
    assert ensure_weights(store, record, sources=sources, device="cpu", progress="silent") == ""
    folder = export_run(store, record, tmp_path / "model")
    assert same(predictions(folder, "BIOSSES", mini_data), record.predictions["test"])
    assert len(store) == 1 and not list(store.folder.glob(".scratch-*"))


def test_a_second_training_that_differs_is_noted_in_the_card(trained, store, tmp_path):
    (record,), sources = trained("BIOSSES", keep="none")
    path = store.folder / "runs" / record.id[:2] / f"{record.id}.json"
    values = json.loads(path.read_text())
    values["predictions"]["test"][0] += 1.0  # as on another machine
    path.write_text(json.dumps(values))
    other = store.get(record.id)
    difference = ensure_weights(store, other, sources=sources, device="cpu", progress="silent")
    assert difference.startswith("predictions")
    card = (export_run(store, other, tmp_path / "model") / "README.md").read_text()
    assert "second training" in card and f"test {100 * record.scores['test']:.2f}" in card


def test_the_store_records_where_data_and_encoder_are(trained, store, tmp_path, tiny_large_encoder):
    (record,), sources = trained("BIOSSES", keep="none")
    resolved = sources_of_run(store, record)
    assert resolved.encoder_of(record.config).path == sources.encoders["tiny"].path
    with pytest.raises(ParameterError, match="is not the encoder of run"):
        sources_of_run(store, record, encoder=str(tiny_large_encoder))
    shutil.rmtree(store.folder / "facts")
    with pytest.raises(ParameterError, match="does not record its encoder; pass --encoder"):
        sources_of_run(store, record)


def test_failed_runs_are_never_the_best_unless_all_failed(make_record, make_reference, correlated):
    gold, good = correlated(30, 0.8)
    reference = make_reference("BIOSSES", gold)
    fine = dataclasses.replace(make_record(1, test=good), scores={"dev": 0.8, "test": 0.8})
    constant = dataclasses.replace(make_record(2, test=[1.0] * 30), scores={"dev": 0.9, "test": 0.0})
    unscored = make_record(3, test=good, status="diverged")
    assert best_by_dev([constant, unscored, fine], reference) is fine
    assert best_by_dev([constant, unscored], reference) is constant
    assert best_by_dev([unscored], reference) is None


def test_a_run_that_a_small_dev_cannot_show_to_be_better_is_not_left_out(make_record, make_reference, correlated):
    gold, weak = correlated(10, 0.5)
    reference = make_reference("BIOSSES", gold)
    assert judge_run(make_record(1, test=weak), reference).status is RunStatus.NOT_SHOWN
    best = dataclasses.replace(make_record(1, test=weak), scores={"dev": 0.5, "test": 0.5})
    untrained = dataclasses.replace(make_record(2, test=gold, final_loss=0.95), scores={"dev": 1.0, "test": 1.0})
    assert best_by_dev([untrained, best], reference) is best


def test_only_unchanged_model_directories_are_replaced_without_overwrite(trained, store, tmp_path):
    first, second = trained("BIOSSES", seeds=2)[0]
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    with pytest.raises(ParameterError, match="other: is not empty; name another directory, or pass --overwrite"):
        export_run(store, first, other)
    assert [file.name for file in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(ParameterError, match="is a file; name a directory"):
        export_run(store, first, other / "thesis.txt", overwrite=True)

    folder = export_run(store, first, tmp_path / "model")
    export_run(store, second, folder)
    assert exported_run_id(folder) == second.id


def edit_card(folder):
    (folder / "README.md").write_text("Terms: for research only")


def add_folder(folder):
    (folder / ".git").mkdir()


def move_old_file_in(folder):
    path = folder.parent / "old.txt"
    path.write_text("old")
    os.utime(path, (0, 0))
    path.rename(folder / "old.txt")


@pytest.mark.parametrize("change", [edit_card, add_folder, move_old_file_in])
def test_a_changed_model_directory_is_replaced_with_overwrite_only(trained, store, tmp_path, change):
    (record,), _ = trained("BIOSSES")
    folder = export_run(store, record, tmp_path / "model")
    time.sleep(0.02)  # the resolution of modification times
    change(folder)
    before = sorted(file.name for file in folder.iterdir())
    with pytest.raises(ParameterError, match="has changed since it was exported; name another directory"):
        export_run(store, record, folder)
    assert sorted(file.name for file in folder.iterdir()) == before
    export_run(store, record, folder, overwrite=True)
    assert is_unchanged(folder) and not (folder / ".git").exists() and not (folder / "old.txt").exists()
    read_model_directory(folder)


def test_a_crash_leaves_no_partial_directory(trained, store, tmp_path, monkeypatch):
    (record,), _ = trained("BIOSSES")

    def crash(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("blurbstudy.api.export_model.model_card", crash)
    with pytest.raises(KeyboardInterrupt):
        export_run(store, record, tmp_path / "models" / "model")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("text", ["{", '{"run": "none"}', "[]"])
def test_corrupt_metadata_of_saved_weights_is_one_line_with_a_remedy(trained, store, tmp_path, text):
    (record,), _ = trained("BIOSSES")
    (weights_folder(store, record.id) / "blurbstudy.json").write_text(text)
    with pytest.raises(StoreError, match="delete its folder"):
        export_run(store, record, tmp_path / "model")


def test_an_onnx_model_is_compared_on_dev_while_the_data_are_in_place(trained, store, mini_data, tmp_path):
    (record,), _ = trained("BIOSSES", epochs=0.1)
    texts, dev = dev_texts(store, record), read_split(get_task("BIOSSES"), mini_data, split="dev")
    assert texts.origin == f"all {len(dev)} dev examples of BIOSSES"
    assert [document.texts for document in texts.documents] == [example.texts for example in dev]
    assert texts.gold == [example.label for example in dev]
    assert dev_texts(store, record, data=str(tmp_path)) is None
    shutil.copytree(mini_data, tmp_path / "changed")
    test = next((tmp_path / "changed" / "BIOSSES").glob("test*"))
    test.write_text(test.read_text() + "\n")
    assert dev_texts(store, record, data=str(tmp_path / "changed")) is None
