"""What a demonstration shows: eight seeds that decide, one seed without intervals, the paper's numbers on request."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.sections import layer_adaptation, optimization_ablation, pretraining_ablation
from blurbstudy.study.grid import Results
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tables.comparison_table import (
    ONE_SEED_DEMO,
    collapse_table,
    compare_with_paper,
    key_findings,
    paired_table,
)
from blurbstudy.tables.figure import seeds_figure
from blurbstudy.tables.paper import NOT_COMPARED
from blurbstudy.tables.score_table import score_table

BASELINE = "Default recipe"


@pytest.fixture
def make_study(tmp_path, tiny_encoder):

    def make(section, *, scale="mini", **changes):
        values = scale_parameters(scale, section.NOTEBOOK)
        encoders = {"BERT": str(tiny_encoder), "ELECTRA": str(tiny_encoder)}
        values |= {"store": str(tmp_path / "store"), "data": "mini", "encoders": encoders, "workers": 1}
        return Study(section, values | changes)

    return make


def test_one_seed_of_a_demonstration_has_no_interval_and_no_comparison(make_results):
    results = dataclasses.replace(make_results({BASELINE: [80], "Layer freeze": [70]}), is_demo=True)
    assert not results.decides
    assert paired_table(results, title="d", baseline=BASELINE, paper="table4") is ONE_SEED_DEMO
    assert collapse_table(results, title="c", baseline=BASELINE)._repr_html_() == ""  # said once
    assert key_findings(results, question="?", baseline=BASELINE).sentences[-1] == ONE_SEED_DEMO.text
    assert "95% intervals" not in results.caption
    html = score_table(results, title="t", paper="table4")._repr_html_()
    assert "80.0" in html and "trivial" in html and "without intervals" in html
    assert "<dt>examples</dt>" not in html and "<dt>seeds</dt>" not in html


def test_several_seeds_of_a_demonstration_and_one_of_a_study_are_shown_in_full(make_results):
    several = dataclasses.replace(make_results({BASELINE: [80, 81, 83], "Layer freeze": [70, 70, 72]}), is_demo=True)
    for results in (several, make_results({BASELINE: [80], "Layer freeze": [70]})):
        assert results.decides and "<dt>examples</dt>" in score_table(results, title="t", paper="table4")._repr_html_()


def test_the_papers_numbers_are_shown_on_request_alone(make_results):
    shown = make_results({BASELINE: [80, 81, 83], "Layer freeze": [70, 70, 72]})
    hidden = dataclasses.replace(shown, shows_paper=False)
    tables = [score_table(results, title="t", paper="table4") for results in (shown, hidden)]
    assert [table.rows[0][2].paper is None for table in tables] == [False, True]
    assert [any(note.startswith("On the paper") for note in table.legend) for table in tables] == [True, False]
    columns = [paired_table(r, title="d", baseline=BASELINE, paper="table4").columns for r in (shown, hidden)]
    assert [names[-1] for names in columns] == ["The paper's", "Here"]
    assert compare_with_paper(hidden, baseline=BASELINE, paper="table4") is NOT_COMPARED
    figures = [seeds_figure(results, title="f", paper="table4") for results in (shown, hidden)]
    assert ["the paper" in figure.alt for figure in figures] == [True, False]


def test_a_table_that_the_paper_has_not_shows_no_number_of_it(make_results):
    results = make_results({BASELINE: [80, 81, 83], "Layer freeze": [70, 70, 72]})
    table = score_table(results, title="t", paper="")
    assert table.rows[0][2].paper is None and not any("On the paper" in note for note in table.legend)
    assert paired_table(results, title="d", baseline=BASELINE, paper="").columns[-1] == "Here"


def test_table_3_takes_questions_with_encoders_and_seeds_of_their_own(make_study):
    changes = {"seeds": 3, "qa_encoders": ["ELECTRA"], "qa_seeds": 2, "splits": "official", "low_resource": {}}
    study = make_study(optimization_ablation, scale="small", **changes)
    grid = optimization_ablation.grids(study)["table3"]
    assert [column.label for column in grid.columns] == ["BIOSSES", "PubMedQA"]
    runs = {(key.group, key.column): len(configs) for key, configs in grid.cells.items()}
    assert runs == {("BERT", "BIOSSES"): 3, ("ELECTRA", "BIOSSES"): 3, ("ELECTRA", "PubMedQA"): 2}
    epochs = {(level, task): recipe.epochs for (level, task), recipe in grid.recipes.items()}
    level = BASELINE
    assert (epochs[level, "BIOSSES"], epochs[level, "PubMedQA"]) == (40, 10)
    assert grid.seeds == (1, 2, 3)


def test_the_papers_similarity_scores_do_not_stand_beside_questions(make_study):
    study = make_study(optimization_ablation, scale="small", seeds=1, qa_seeds=1, low_resource={})
    grid = optimization_ablation.grids(study)["table3"]
    results = Results(grid=grid, records={}, references={}, provenance="")
    row = score_table(results, title="t", paper="table3").rows[0]
    assert (row[2].paper, row[3].paper) == (93.46, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"qa_tasks": ["BIOSSES"]}, "qa_tasks: 'BIOSSES' is not among PubMedQA, BioASQ"),
        ({"qa_encoders": []}, "qa_encoders=.* names no encoder; use null for all"),
        ({"qa_encoders": ["RoBERTa"]}, "qa_encoders: 'RoBERTa' is not an encoder; use BERT or ELECTRA"),
        ({"qa_seeds": 0}, "seeds=0: expected a number"),
    ],
)
def test_a_wrong_choice_for_questions_is_refused(make_study, changes, problem):
    with pytest.raises(ParameterError, match=problem):
        optimization_ablation.grids(make_study(optimization_ablation, **changes))


FEW = {"NCBI-disease": {"max_train_examples": 30, "epochs": 8, "learning_rate": 2e-3, "max_length": 64}}


@pytest.mark.parametrize("section", [optimization_ablation, layer_adaptation])
def test_a_larger_task_is_trained_on_few_examples_that_the_seed_draws(make_study, section):
    study = make_study(section, seeds=2, tasks=["NCBI-disease", "BIOSSES", "PubMedQA"], low_resource=FEW)
    (grid,) = [grid for name, grid in section.grids(study).items() if name.startswith("table")]
    n_train = study.sources.sizes["NCBI-disease"]["train"]
    share = max(0.5**k for k in range(7) if n_train * 0.5**k <= 30)
    label = f"NCBI-disease, {int(n_train * share)} examples"
    assert grid.columns[-1].label == label and not grid.columns[-1].in_paper
    runs = [config for key, configs in grid.cells.items() if key.column == label for config in configs]
    assert len(runs) == len(grid.levels) * len(grid.groups) * 2
    assert {(run.task, run.train_share, run.recipe.learning_rate) for run in runs} == {("NCBI-disease", share, 2e-3)}
    first = next(run for run in runs if run.recipe.bias_correction)
    assert first.recipe.epochs == 8 * share  # of all of train, which `train_share` counts in
    others = {config.train_share for key, configs in grid.cells.items() if key.column != label for config in configs}
    assert others == {1.0}


def test_few_examples_are_for_tasks_that_have_many(make_study):
    few = {"PubMedQA": FEW["NCBI-disease"]}
    with pytest.raises(ParameterError, match="low_resource: 'PubMedQA' is not among BC5-chem"):
        optimization_ablation.grids(make_study(optimization_ablation, low_resource=few))


def test_both_heads_are_compared_under_improved_optimization(make_study):
    grids = optimization_ablation.grids(make_study(optimization_ablation))
    heads, level = grids["heads"], BASELINE
    recipes = {name: recipe for (name, _), recipe in heads.recipes.items()}
    assert [recipes[name].head for name in heads.levels] == ["pooler", "cosine"]
    table3 = {
        key.group: runs for key, runs in grids["table3"].cells.items() if (key.level, key.column) == (level, "BIOSSES")
    }
    cosine = {key.group: runs for key, runs in heads.cells.items() if key.level == optimization_ablation.COSINE_HEAD}
    assert [[run.id for run in cosine[g]] for g in cosine] == [[run.id for run in table3[g]] for g in cosine]


def test_no_heads_are_compared_unless_asked(make_study):
    assert not optimization_ablation.grids(make_study(optimization_ablation, compare_heads=False))["heads"].cells


def test_table_4_runs_questions_with_fewer_encoders(make_study):
    grid = layer_adaptation.grids(make_study(layer_adaptation, seeds=2, qa_encoders=["BERT"]))["table4"]
    groups = {
        label: {key.group for key in grid.cells if key.column == label} for label in ("SS", "QA (PubMedQA alone)")
    }
    assert groups == {"SS": {"BERT", "ELECTRA"}, "QA (PubMedQA alone)": {"BERT"}}
    levels = set(itertools.product(grid.levels, ("BIOSSES", "PubMedQA")))
    assert set(grid.recipes) == levels and grid.groups == ("BERT", "ELECTRA")


def test_table_4_without_similarity_and_questions_is_refused(make_study):
    with pytest.raises(ParameterError, match="has no sentence similarity or question answering"):
        layer_adaptation.grids(make_study(layer_adaptation, tasks=["GAD"]))


def test_texts_that_are_encoded_apart_have_no_segment_ids_to_cross(make_study):
    def columns(**changes):
        study = make_study(pretraining_ablation, brief_tokens=0, **changes)
        return [column.label for column in pretraining_ablation.grids(study)["segment_ids"].columns]

    assert columns() == ["PubMedQA", "BioASQ"]
    assert columns(similarity_head="pooler") == ["BIOSSES", "PubMedQA", "BioASQ"]


def test_the_encoder_that_is_pretrained_on_the_spot_is_not_fine_tuned(make_study):
    study = make_study(pretraining_ablation, brief_tokens=2000)
    (brief,) = set(study.encoder_specs) - {"BERT", "ELECTRA"}
    assert study.encoder_specs[brief] == "pretrain:bert?tokens=2000@0" and brief.startswith("BERT, 2,000 tokens")
    grids = pretraining_ablation.grids(study)
    assert grids["table2"].levels == ("BERT", "ELECTRA") == grids["segment_ids"].groups
