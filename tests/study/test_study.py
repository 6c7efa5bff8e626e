"""Study: parameters are checked before anything runs, and a report runs nothing."""

from dataclasses import replace

import pytest
import yaml

from blurbstudy.errors import DiskError, ParameterError
from blurbstudy.sections import layer_adaptation, pretraining_ablation
from blurbstudy.sections.pretraining_ablation.curves import pretraining_table
from blurbstudy.sections.pretraining_ablation.grids import objective_grid
from blurbstudy.sections.pretraining_ablation.table2 import objective_table, variance_table
from blurbstudy.stabilizers import Freeze, Reinitialize
from blurbstudy.store.run_store import RunStore
from blurbstudy.study import study as module
from blurbstudy.study.conditions import technique_grid
from blurbstudy.study.grid import trained_where
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tables.header import Header


@pytest.fixture
def make_study(tmp_path, tiny_encoder):
    """A Study as a notebook makes it: globals with IPython's own names among them."""

    def make(**changes):
        hidden = {"_ih": [""], "_oh": {}, "_": 1, "exit": object(), "Study": Study}
        values = scale_parameters("mini", layer_adaptation.NOTEBOOK)
        values |= {"store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder)}, "seeds": 2}
        return Study(layer_adaptation, hidden | values | changes)

    return make


PRETRAINED = {
    "vocab_size": 300, "n_layers": 1, "width": 16, "n_heads": 2, "intermediate": 32, "max_positions": 64,
    "max_length": 48, "batch_size": 8, "steps": 4, "learning_rate": 5e-3, "n_evaluations": 1, "held_out_sequences": 8,
}  # fmt: skip


@pytest.mark.slow
def test_two_pretraining_seeds_go_through_to_tables_and_a_report_alone(tmp_path):
    """Two objectives x two pretraining seeds x two fine-tuning seeds on BIOSSES, then all of it from the store."""
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(PRETRAINED))
    values = {
        "store": str(tmp_path / "store"), "tasks": ["BIOSSES"], "seeds": 2, "pretraining_seeds": 2, "workers": 2,
        "brief_tokens": 0,
        "encoders": {"BERT": "pretrain:bert", "BERT (no NSP)": None, "ELECTRA": "pretrain:electra"},
        "pretraining": {"config": str(config), "corpus": None, "tokens": 0, "precision": "float32"},
    }  # fmt: skip

    def results(*, train_missing):
        common = scale_parameters("mini", pretraining_ablation.NOTEBOOK)
        study = Study(pretraining_ablation, common | values | {"train_missing": train_missing})
        recipe = study.recipe(epochs=0.5, max_length=48, n_evaluations=1, learning_rate=1e-3)
        return study, study.results(objective_grid(study, {"BIOSSES": recipe}))

    study, trained = results(train_missing=True)
    _, rebuilt = results(train_missing=False)
    for found in (trained, rebuilt):
        assert len(found.records) == 8 and set(found.grid.pretraining_seeds.values()) == {0, 1}
        (row,) = objective_table(found, title="Table 2").rows
        assert [cell.n for cell in row[1:]] == [4, 0, 4] and row[2].state == "no path given"
        assert [row[1:3] for row in variance_table(found).rows] == [("BERT", "2"), ("ELECTRA", "2")]
    names = [row[0] for row in pretraining_table(study).rows]
    assert names == ["BERT", "ELECTRA", "BERT (pretraining seed 1)", "ELECTRA (pretraining seed 1)"]
    assert len({source.fingerprint for source in study.sources.encoders.values()}) == 4


def test_a_name_that_the_parameters_cell_does_not_declare_is_refused(make_study, tmp_path):
    with pytest.raises(ParameterError, match=r"unknown parameter 'nonsense' \(notebooks/03_layer_adaptation.ipynb\)"):
        make_study(nonsense=1)
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_written_is_told_before_anything_runs(make_study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file"):
        make_study(store=str(tmp_path / "file"))


def test_freezing_more_layers_than_there_are_is_refused_before_anything_runs(make_study, tmp_path):
    study = make_study()
    with pytest.raises(ParameterError, match="freeze=14 exceeds the encoder's 2 layers; use 0 to 2"):
        grid(study, {"Layer freeze": [Freeze(14)]})
    assert len(RunStore(tmp_path / "store")) == 0


def test_a_layer_both_frozen_and_re_initialized_is_refused(make_study):
    with pytest.raises(ParameterError, match="both frozen and re-initialized"):
        grid(make_study(), {"Freeze and reinit": [Freeze(2), Reinitialize(1)]})


def test_the_qa_column_names_its_tasks_where_one_is_missing(make_study):
    both = make_study(tasks=["BIOSSES", "PubMedQA", "BioASQ"])
    assert [part.label for part in both.paper_columns()] == ["SS", "QA"]
    alone = make_study(tasks=["BIOSSES", "PubMedQA"]).paper_columns()[1]
    assert (alone.label, alone.paper, alone.paper_label) == ("QA (PubMedQA alone)", "QA", "paper, mean of both")


def test_an_encoder_without_a_path_has_no_runs_but_a_row(make_study, tiny_encoder):
    study = make_study(encoders={"BERT": str(tiny_encoder), "BERT (no NSP)": None})
    made = grid(study, {"Baseline": []})
    assert made.groups == ("BERT", "BERT (no NSP)")
    assert made.missing_reasons == {"BERT (no NSP)": "no path given"}
    assert {key.group for key in made.cells} == {"BERT"}


def test_a_report_without_the_runs_trains_nothing_and_says_so(make_study, monkeypatch):
    study = make_study()
    study.save_parameters()
    grid(study, {"Baseline": []})  # the sources are in the store now
    monkeypatch.setattr(module, "run_missing", lambda *_, **__: pytest.fail("runs something"))
    study = make_study(train_missing=False)
    results = study.results(grid(study, {"Baseline": []}))
    assert results.records == {} and results.summaries == {}
    assert "0 of 2 runs" in results.caption


@pytest.fixture
def make_ablation(tmp_path, tiny_encoder):
    """A study of notebook 01 on one larger and one small task."""

    def make(**changes):
        values = scale_parameters("mini", pretraining_ablation.NOTEBOOK) | {
            "store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder)}, "tasks": ["BC5-chem", "BIOSSES"],
            "brief_tokens": 0, "segment_ids": False,
        }  # fmt: skip
        return Study(pretraining_ablation, pretraining_ablation.Parameters.parse(values | changes))

    return make


def test_larger_tasks_are_trained_on_a_part_with_as_many_passes_over_it(make_ablation):
    study = make_ablation(max_train_examples=100)
    n = study.sources.sizes["BC5-chem"]["train"]
    share = next(0.5**k for k in range(7) if n * 0.5**k <= 100)
    assert share < 1
    (whole,) = make_ablation().run_configs("BC5-chem", "BERT", recipe=study.recipe(epochs=4), splits=None, seeds=[1])
    (part,) = study.run_configs("BC5-chem", "BERT", recipe=study.recipe(epochs=4), splits=None, seeds=[1])
    (small,) = study.run_configs("BIOSSES", "BERT", recipe=study.recipe(epochs=4), splits=None, seeds=[1])
    assert (whole.train_share, whole.recipe.epochs) == (1, 4)
    assert (part.train_share, part.recipe.epochs) == (share, 4 * share)
    assert (small.train_share, small.recipe.epochs) == (1, 4)
    cut = f"a part of the examples, drawn by the seed: 1/{round(1 / share)} of BC5-chem"
    caption = make_ablation(max_train_examples=100, train_missing=False)
    study.save_parameters()
    results = caption.results(pretraining_ablation.grids(caption)["table2"])
    assert cut in results.caption and "BIOSSES" not in results.provenance.split(cut)[1]


def test_a_part_smaller_than_the_smallest_is_refused(make_ablation):
    with pytest.raises(ParameterError, match="max_train_examples=1: BC5-chem has .* 1/64 of them is the smallest part"):
        make_ablation(max_train_examples=1).train_share("BC5-chem")


def test_no_data_named_anywhere_is_an_error_with_a_remedy(make_study, monkeypatch):
    monkeypatch.delenv("BLURBSTUDY_DATA", raising=False)
    with pytest.raises(ParameterError, match="no data: name the folder of the BLURB datasets .*BLURBSTUDY_DATA"):
        _ = make_study(data=None).data


def test_captions_say_whether_ray_and_how_many_machines_trained(make_record):
    def records(*environments):
        return [replace(make_record(), environment=environment) for environment in environments]

    assert trained_where(records({}, {"machine": "a"}, {"machine": "a"})) == ""
    assert trained_where(records({"machine": "a"}, {"machine": "b"})) == " on 2 machines"
    assert trained_where(records({"machine": "a", "engine": "ray"}, {"machine": "b"})) == " by Ray on 2 machines"


def test_captions_name_the_parameters_file_what_was_changed_and_the_scale(make_study):
    origin = make_study().provenance
    assert "parameters/mini/03_layer_adaptation.yaml and common.yaml" in origin
    assert "changed: encoders BERT" in origin and "store" not in origin


@pytest.mark.parametrize(
    ("scale", "data", "setting", "expected"),
    [
        ("mini", "/blurb", "", True), ("small", "mini", "", True), ("small", None, "mini", True),
        ("small", "/blurb", "", False), ("small", None, "/blurb", False),
    ],
)  # fmt: skip
def test_the_mini_scale_and_generated_data_are_no_finding(monkeypatch, scale, data, setting, expected):
    monkeypatch.setenv("BLURBSTUDY_DATA", setting)
    assert module.is_demo(scale, data) is expected


def test_generated_data_carry_the_banner_at_any_scale(make_study):
    study = make_study(scale="small", data="mini")
    assert Header(study)._repr_html_().count("do not cite") == 1


def test_folders_are_shown_by_their_last_name(make_study, tmp_path):
    study = make_study(data="/home/someone/blurb/", encoders={"BERT": r"C:\Users\someone\bert"})
    html = Header(study)._repr_html_()
    assert str(tmp_path) not in html and "someone" not in html and ">blurb<" in html and "BERT: bert" in html


def grid(study, settings):
    bases = {"BIOSSES": study.recipe(epochs=1, max_length=48)}
    return technique_grid(study, settings, bases=bases, columns=study.task_columns("similarity"))
