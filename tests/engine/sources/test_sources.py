"""Sources read from disk leave all behind that the report needs to rebuild them from the store alone."""

import dataclasses
import json

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sources.sources import (
    PretrainingPlan,
    checkpoint_without_weights,
    sources_from_dict,
    sources_from_store,
    sources_to_dict,
)
from blurbstudy.errors import CheckpointError, DiskError, ParameterError, StoreError, StudyError
from blurbstudy.models import checkpoint_fingerprint, read_architecture
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import data_fingerprint, get_task, read_task


def test_live_sources_know_data_and_encoders(store, make_sources, mini_data, tiny_encoder):
    sources = make_sources(store)
    task = get_task("BIOSSES")
    assert sources.can_train and sources.data_folder == str(mini_data)
    assert sources.fingerprints == {"BIOSSES": data_fingerprint(task, mini_data)}
    assert sources.sizes["BIOSSES"]["train"] == len(read_task(task, mini_data)["train"])
    encoder = sources.encoders["tiny"]
    assert encoder.fingerprint == checkpoint_fingerprint(tiny_encoder) and encoder.path == str(tiny_encoder)
    assert encoder.description == "BERT, 2 layers, width 32, 0.0309 M parameters"


def test_the_store_alone_gives_the_same_sources_without_paths(store, make_sources, tiny_encoder):
    live = make_sources(store)
    again = sources_from_store(store, tasks=["biosses"], encoders={"tiny": str(tiny_encoder)}, data="mini")
    assert not again.can_train
    encoders = {"tiny": dataclasses.replace(live.encoders["tiny"], path=None)}
    assert again == dataclasses.replace(live, data_folder=None, encoders=encoders)
    config = {"recipe": Recipe(), "seed": 1}
    assert again.run_config("BIOSSES", "tiny", **config).id == live.run_config("biosses", "tiny", **config).id


def test_an_encoder_of_transformers_own_is_told_and_comes_back_from_the_store(
    store, other_sources, tiny_modernbert, capsys
):
    encoders = {"tiny": str(tiny_modernbert)}
    live = other_sources.encoders["tiny"]
    said = "ModernBERT, 3 layers, width 16, 0.0137 M parameters, one segment id, run by its transformers module"
    assert live.description == said and capsys.readouterr().err == ""
    again = sources_from_store(store, tasks=["biosses"], encoders=encoders, data="mini").encoders["tiny"]
    assert again == dataclasses.replace(live, path=None)
    shape = checkpoint_without_weights(again).architecture
    assert shape == read_architecture(tiny_modernbert) and shape.n_parameters == sum(shape.counts)
    resolve_sources(store, tasks=["BIOSSES"], encoders=encoders, data="mini")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tiny: {said}. Its runs train one at a time")


def test_gold_labels_are_kept_without_text(store, make_sources, mini_data):
    sources = make_sources(store)
    examples = read_task(get_task("BIOSSES"), mini_data)["test"]
    gold = store.gold("BIOSSES", sources.fingerprints["BIOSSES"], "test")
    assert list(gold.gold) == [example.label for example in examples]
    kept = "".join(path.read_text() for path in store.folder.rglob("*.json"))
    assert not any(text in kept for example in examples for text in example.texts)


def test_what_the_store_does_not_know_must_be_executed_first(store, make_sources, tiny_encoder):
    make_sources(store)
    ask = {"tasks": ["BIOSSES"], "encoders": {"tiny": str(tiny_encoder)}, "data": "mini"}
    for other in ({"tasks": ["BioASQ"]}, {"encoders": {"other": str(tiny_encoder)}}, {"data": "elsewhere"}):
        with pytest.raises(StoreError, match="execute the notebook with these parameters first"):
            sources_from_store(store, **(ask | other))


def test_an_encoder_that_is_nowhere_is_refused(store, tmp_path):
    for spec in (str(tmp_path / "none"), "./none", "a/b/c"):
        with pytest.raises(ParameterError, match=r"encoder 'mine': .*none|a/b/c is not a folder; use a checkpoint"):
            resolve_sources(store, tasks=["BIOSSES"], encoders={"mine": spec}, data="mini")


def test_an_encoder_folder_without_weights_is_refused(store, tmp_path, tiny_encoder):
    (tmp_path / "config.json").write_bytes((tiny_encoder / "config.json").read_bytes())
    with pytest.raises(CheckpointError):
        resolve_sources(store, tasks=["BIOSSES"], encoders={"mine": str(tmp_path)}, data="mini")


def test_an_encoder_without_spec_is_left_out(store, tiny_encoder):
    encoders = {"never released": None, "tiny": str(tiny_encoder)}
    assert list(resolve_sources(store, tasks=["BIOSSES"], encoders=encoders, data="mini").encoders) == ["tiny"]
    assert list(sources_from_store(store, tasks=["BIOSSES"], encoders=encoders, data="mini").encoders) == ["tiny"]


def test_a_store_that_cannot_be_written_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(DiskError, match="a file exists where a folder is needed"):
        resolve_sources(RunStore(tmp_path / "store"), tasks=["BIOSSES"], encoders={"tiny": "/none"}, data="/none")


def test_encoders_pretrained_on_the_spot_take_the_data_s_own_corpus(store, tiny_encoder, mini_data, monkeypatch):
    asked = {}

    def ensure_encoders(wanted, *, workers, progress, deadline):
        asked.update(wanted)
        return dict.fromkeys(wanted, tiny_encoder)

    monkeypatch.setattr("blurbstudy.engine.sources.resolve.ensure_encoders", ensure_encoders)
    encoders = {"mini": "pretrain:bert", "again": "pretrain:electra@2"}
    sources = resolve_sources(store, tasks=["BIOSSES"], encoders=encoders, progress="silent")
    corpus = (str(mini_data / "corpus.jsonl"),)
    assert {name: (one.objective, one.seed, one.corpus) for name, one in asked.items()} == {
        "mini": ("bert", 0, corpus),
        "again": ("electra", 2, corpus),
    }
    assert sources.encoders["mini"].fingerprint == checkpoint_fingerprint(tiny_encoder)
    assert sources_from_store(store, tasks=["BIOSSES"], encoders=encoders).encoders.keys() == encoders.keys()


def test_an_encoder_that_the_clock_left_is_left_out_and_known_to_the_store_until_it_is_made(
    store, tiny_encoder, monkeypatch
):
    made = {}
    monkeypatch.setattr("blurbstudy.engine.sources.resolve.ensure_encoders", lambda wanted, **_: dict(made))
    asked = {"tasks": ["BIOSSES"], "encoders": {"own": "pretrain:bert", "tiny": str(tiny_encoder)}}
    for found in (resolve_sources(store, **asked), sources_from_store(store, **asked)):
        assert list(found.encoders) == ["tiny"]
    made["own"] = tiny_encoder
    for found in (resolve_sources(store, **asked), sources_from_store(store, **asked)):
        assert list(found.encoders) == ["own", "tiny"]


def test_encoders_pretrained_otherwise_are_others_in_a_store(store, tiny_encoder, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "blurbstudy.engine.sources.resolve.ensure_encoders",
        lambda wanted, **_: dict.fromkeys(wanted, tiny_encoder),
    )
    plan = PretrainingPlan(config="small", corpus=(str(tmp_path / "text.jsonl"),), tokens=1000)
    asked = {"tasks": ["BIOSSES"], "encoders": {"mine": "pretrain:bert"}}
    resolve_sources(store, **asked, pretraining=plan, progress="silent")
    assert sources_from_store(store, **asked, pretraining=plan).encoders.keys() == {"mine"}
    with pytest.raises(StoreError, match="no runs of encoder 'mine'"):
        sources_from_store(store, **asked)


@pytest.mark.parametrize(
    ("spec", "said"),
    [("pretrain:gpt", "objective='gpt' is unknown; use bert, no-nsp"), ("pretrain:bert@x", "has no valid seed")],
)
def test_an_unknown_way_of_pretraining_is_refused(store, spec, said):
    with pytest.raises(ParameterError, match=said):
        resolve_sources(store, tasks=["BIOSSES"], encoders={"mine": spec}, progress="silent")


def test_runs_of_unknown_data_and_encoders_are_refused(store, make_sources, make_grid):
    sources = make_sources(store)
    (config,) = make_grid(sources, 1)
    assert sources.encoder_of(config).name == "tiny"
    for change in ({"encoder_fingerprint": "0" * 20}, {"data_fingerprint": "0" * 20}):
        with pytest.raises(StudyError, match="not among these"):
            sources.encoder_of(dataclasses.replace(config, **change))
    for task, encoder in (("BIOSSES", "huge"), ("BioASQ", "tiny")):
        with pytest.raises(ParameterError, match="is not among this study's; use"):
            sources.run_config(task, encoder, recipe=Recipe(), seed=1)


def test_sources_travel_to_another_process(store, make_sources):
    sources = make_sources(store)
    assert sources_from_dict(json.loads(json.dumps(sources_to_dict(sources)))) == sources


def test_fields_that_a_task_makes_no_use_of_do_not_make_another_run(tmp_path, mini_data, tiny_encoder):
    store = RunStore(tmp_path / "runs")
    sources = resolve_sources(
        store, tasks=["BC5-chem", "EBM PICO", "HoC", "BIOSSES"], encoders={"tiny": str(tiny_encoder)}, data=mini_data
    )

    def run_id(task, **fields):
        return sources.run_config(task, "tiny", recipe=Recipe(**fields), seed=1).id

    for task, idle, used in (
        ("BC5-chem", ("head", "segment_ids"), ("tag_scheme",)),
        ("EBM PICO", ("head", "segment_ids", "tag_scheme"), ()),
        ("HoC", ("segment_ids", "tag_scheme"), ("head",)),
        ("BIOSSES", ("tag_scheme",), ("head", "segment_ids")),
    ):
        other = {"head": "gelu", "segment_ids": "single", "tag_scheme": "io"}
        assert all(run_id(task, **{name: other[name]}) == run_id(task) for name in idle)
        assert all(run_id(task, **{name: other[name]}) != run_id(task) for name in used)
    assert run_id("BIOSSES", head="cosine") != run_id("BIOSSES")
    assert run_id("BIOSSES", head="cosine", segment_ids="single") == run_id("BIOSSES", head="cosine")
    with pytest.raises(ParameterError, match="head='cosine' compares two texts, but BC5-chem is a ner task"):
        run_id("BC5-chem", head="cosine")
