"""Tables 5 and 6: the technique is chosen on dev, and LARGE is compared with BASE under the same one."""

import pytest

from blurbstudy.sections import large_models as section
from blurbstudy.sections.large_models import tables5_6 as large_models
from blurbstudy.sections.large_models.grids import BASE_COUNTERPART, LARGE
from blurbstudy.sections.large_models.selection import (
    best_technique_results,
    choice_table,
    choose_on_dev,
    technique_results,
)
from blurbstudy.study.conditions import BLURB
from blurbstudy.study.grid import Condition
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tables.paper import paper_tables
from blurbstudy.tasks import TASKS, get_task
from blurbstudy.training.run_record import RunRecord

SETTINGS = ("Default recipe", "Layer freeze", "Layerwise decay", "Layer reinit")


@pytest.fixture
def make_study(tmp_path, tiny_encoder, tiny_large_encoder):

    def make(**changes):
        values = {
            "store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder)}, "seeds": 2,
            "large_encoders": {"BioBERT-LARGE": None, "PubMedBERT-LARGE": str(tiny_large_encoder)},
            "base_counterparts": {"BioBERT-LARGE": "BioBERT-BASE", "PubMedBERT-LARGE": "BERT"}, "show_paper": True,
        }  # fmt: skip
        values["tasks"] = [task.name for task in TASKS]
        return Study(section, scale_parameters("mini", section.NOTEBOOK) | values | changes)

    return make


@pytest.fixture
def grid(make_study):
    """Study and grid; the BASE counterparts freeze one layer, the LARGE encoder two."""

    def make(*, seeds_otherwise=2, on_all_tasks=None, base_freeze=1, **changes):
        values = {"seeds_otherwise": seeds_otherwise, "on_all_tasks": on_all_tasks, "freeze": 2, "decay": 0.9}
        values |= {"base_freeze": base_freeze, "base_decay": 0.8, "reinit_layers": 1, "reinit_pooler": True}
        study = make_study(**(values | changes))
        return study, section.grids(study)["large"]

    return make


def invented(study, grid, *, score):
    """Results whose predictions are right in a share `score(config)` of the examples; no run is made."""
    references = study.references
    records = {}
    for config in grid.configs:
        predictions = {}
        for split in ("dev", "test"):
            gold = references[config.task].gold[split].gold
            right = round(score(config, split) * len(gold))
            predictions[split] = [*gold[:right], *(wrong(config.task, truth) for truth in gold[right:])]
        records[config.id] = RunRecord(
            config=config, status="finished", stopped_at_step=1, selected_step=1, scores={}, curve={},
            predictions=predictions, seconds=1.0, peak_bytes=1, environment={"commit": "abc"},
        )  # fmt: skip
    return large_models.Results(grid=grid, records=records, references=references, provenance="origin")


def wrong(task, truth):
    output = get_task(task).output
    if output == "token_labels":
        return " ".join("O" for _ in truth.split())
    if output == "score":
        return 0.0
    return "" if output == "multi_label" else next(label for label in get_task(task).labels if label != truth)


def technique(config):
    names = {"freeze": "Layer freeze", "layerwise_decay": "Layerwise decay", "reinitialize": "Layer reinit"}
    return next((names[name] for name in config.recipe.stabilizers), "Default recipe")


def is_large(study, config):
    return config.encoder_fingerprint == study.sources.encoders["PubMedBERT-LARGE"].fingerprint


QA = ["PubMedQA", "BioASQ", "BIOSSES"]


def test_techniques_are_tried_on_ss_and_qa_and_the_other_tasks_are_taken_as_they_are(grid):
    _, made = grid(seeds_otherwise=1)
    assert made.levels == SETTINGS
    counted = {key: len(runs) for key, runs in made.cells.items() if key.group == "PubMedBERT-LARGE"}
    assert counted == {
        **{Condition("PubMedBERT-LARGE", setting, "SS"): 2 for setting in SETTINGS},
        **{Condition("PubMedBERT-LARGE", setting, "QA"): 4 for setting in SETTINGS},
        **{Condition("PubMedBERT-LARGE", "Default recipe", task.name): 1 for task in TASKS if task.name not in QA},
    }
    assert {key.group for key in made.cells} == {"PubMedBERT-LARGE", "BERT"}


def test_encoders_that_all_tasks_are_not_asked_of_have_ss_and_qa_alone(grid):
    _, made = grid(on_all_tasks=[])
    assert {key.column for key in made.cells} == {"SS", "QA"}


def test_base_counterparts_are_frozen_and_decayed_at_their_own_depth(grid):
    study, made = grid(tasks=QA)
    for name, frozen, decay in (("PubMedBERT-LARGE", 2, 0.9), ("BERT", 1, 0.8)):
        (run, *_) = made.cells[Condition(name, "Layer freeze", "SS")]
        assert run.recipe.stabilizers["freeze"]["layers"] == frozen
        (run, *_) = made.cells[Condition(name, "Layerwise decay", "SS")]
        assert run.recipe.stabilizers["layerwise_decay"]["factor"] == decay
    assert ("Layer freeze, BASE counterpart", "BIOSSES") in made.recipes
    assert ("Layer reinit, BASE counterpart", "BIOSSES") not in made.recipes  # it is the same recipe


def test_the_technique_is_chosen_on_dev_and_the_first_of_equals(grid):
    """On dev layerwise decay is best for LARGE; on test freezing is, and for the twin re-initialization."""
    study, made = grid(tasks=["BIOSSES", "PubMedQA", "BioASQ"])
    dev = {"Default recipe": 0.6, "Layer freeze": 0.5, "Layerwise decay": 0.9, "Layer reinit": 0.9}

    def score(config, split):
        if split == "dev":
            return dev[technique(config)] if is_large(study, config) else 0.9
        best = "Layer freeze" if is_large(study, config) else "Layer reinit"
        return 0.95 if technique(config) == best else 0.7

    results = invented(study, made, score=score)
    chosen = choose_on_dev(technique_results(study, results))
    assert chosen["PubMedBERT-LARGE", "QA"] == "Layerwise decay"
    final = best_technique_results(study, results)
    for row in (LARGE, BASE_COUNTERPART):
        runs = final.grid.cells[Condition(row, "PubMedBERT-LARGE", "BioASQ")]
        assert {technique(run) for run in runs} == {"Layerwise decay"}
    table = choice_table(study, results)
    row = next(row for row in table.rows if row[:2] == ("PubMedBERT-LARGE", "QA"))
    assert row[-2:] == ("Layerwise decay", "Layerwise decay")  # the paper's best on test: 80.4


def test_large_and_base_are_paired_by_seed(grid):
    study, made = grid(tasks=QA)
    results = invented(study, made, score=lambda config, _: 0.9 if is_large(study, config) else 0.8)
    final = best_technique_results(study, results)
    decisions = {decision.condition: decision for decision in large_models.base_decisions(final)}
    change = decisions[Condition(LARGE, "PubMedBERT-LARGE", "BioASQ")].comparison
    reference = study.references["BioASQ"].gold["test"].gold
    n = len(reference)
    assert change.difference == pytest.approx((round(0.9 * n) - round(0.8 * n)) / n) and change.n == 2
    (row,) = [row for row in large_models.base_table(study, final).rows if row[1] == "BioASQ"]
    assert str(row[0]) == "PubMedBERT-LARGE\nagainst BERT" and row[4].startswith("+")


def test_the_blurb_score_is_of_the_seeds_that_all_tasks_have(grid):
    study, made = grid(seeds_otherwise=1)
    results = invented(study, made, score=lambda config, _: 0.9 if is_large(study, config) else 0.8)
    final = best_technique_results(study, results)
    assert {run.seed for run in final.grid.cells[Condition(LARGE, "PubMedBERT-LARGE", BLURB)]} == {1}
    assert len(final.grid.cells[Condition(LARGE, "PubMedBERT-LARGE", "BIOSSES")]) == 2
    table = large_models.large_table(study, final, title="Table 6")
    assert [row[0] for row in table.rows] == [*(task.name for task in TASKS), BLURB, "Δ BASE counterpart, BLURB score"]
    assert table.rows[-1][1].text == "–\npaper −0.59" and table.rows[-1][2].text.endswith("paper +0.58")
    assert table.rows[-2][2].expected == 1
    (sentence,) = large_models.large_findings(study, final).sentences
    assert "PubMedBERT-LARGE against BERT with the same techniques" in sentence and "of 13 tasks" in sentence
    (sentence,) = large_models.compare_large_with_paper(study, final).sentences
    assert "the paper +0.58" in sentence and sentence.endswith("undecided here.")  # one seed


def test_every_number_of_the_papers_table_6_stands_in_ours(grid):
    study, made = grid(seeds_otherwise=1)
    final = best_technique_results(study, invented(study, made, score=lambda *_: 0.9))
    table = large_models.large_table(study, final, title="Table 6")
    for column, name in enumerate(table.columns[1:], 1):
        printed = paper_tables()["table6"]["cells"][name]
        assert {row[0]: row[column].paper for row in table.rows[:-1]} == {
            task: value for task, value in printed.items() if task != "delta BASE model"
        }


def test_rows_without_an_encoder_or_not_asked_for_say_so(grid):
    study, made = grid(on_all_tasks=[], tasks=["BIOSSES", "PubMedQA", "BioASQ", "GAD"])
    final = best_technique_results(study, invented(study, made, score=lambda *_: 0.9))
    table = large_models.large_table(study, final, title="Table 6")
    (gad,) = [row for row in table.rows if row[0] == "GAD"]
    assert [cell.state for cell in gad[1:]] == ["no path given", "not requested (on_all_tasks)"]


def test_a_large_encoder_without_a_counterpart_has_no_difference(grid):
    study, made = grid(tasks=QA, encoders={"MiniLM": None})
    final = best_technique_results(study, invented(study, made, score=lambda *_: 0.9))
    table = large_models.base_table(study, final)
    assert table.rows[0][0] == "not run" and "No BASE counterpart is given for PubMedBERT-LARGE." in table.notes
    assert large_models.large_findings(study, final).sentences == ["Nothing has been run yet."]


def test_the_table_of_encoders_says_which_stands_for_which(make_study, tmp_path, monkeypatch):
    study = make_study()
    bio, pubmed = large_models.substitute_encoder_table(study).rows
    assert bio[:3] == ("BioBERT-LARGE", "no path given", "–")
    assert pubmed[2].startswith("3 layers of width 32") and pubmed[4].startswith("2 layers of width 32")
    spec = "pretrain:bert?config=mini-large&corpus=general"
    told = large_models._describe_encoder(study, "BioBERT-LARGE", spec)
    assert told == "substitute, pretrained here: bert, configuration mini-large, generated general-domain text"


def test_a_plan_names_every_run_though_the_technique_is_chosen_later(make_study, grid, monkeypatch):
    _, made = grid(seeds_otherwise=1)
    assert len(made.configs) == 2 * (4 * 3 * 2 + 10)
