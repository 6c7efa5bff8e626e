"""How many points are only scoring: one run's predictions by every convention, or why there is no run."""

from types import SimpleNamespace

import pytest

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.errors import ParameterError
from blurbstudy.metrics import entity_f1, io_ceiling
from blurbstudy.sections import overview
from blurbstudy.sections.overview.scoring_conventions import conventions, scoring_answer, scoring_table
from blurbstudy.stats.references import GoldReference
from blurbstudy.store.run_store import Gold
from blurbstudy.study.grid import Results
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.tasks import get_task
from blurbstudy.training.run_record import RunRecord

GOLD = ["B I O B", "B B O O", "O O O B"]
PREDICTED = ["B O O B", "B I O O", "O O O O"]
TASK = get_task("BC5-chem")


def run_config(task, encoder, *, recipe, seed):
    return RunConfig(
        task=task,
        data_fingerprint="d" * 20,
        encoder_fingerprint="e" * 20,
        recipe=recipe,
        seed=seed,
        encoder_name=encoder,
    )


def study(*, tasks=("BC5-chem",), encoders=("BERT", "ELECTRA"), task="BC5-chem"):
    return SimpleNamespace(
        tasks=tuple(map(get_task, tasks)),
        sources=SimpleNamespace(encoders=dict.fromkeys(encoders)),
        seeds=(3, 4),
        parameters=overview.Parameters.parse(scale_parameters("mini", overview.NOTEBOOK) | {"scoring_task": task}),
        recipe=lambda **fields: Recipe(**fields),
        run_config=run_config,
    )


def scoring_grid(study):
    return overview.grids(study)["scoring"]


def results(grid, *, predicted=PREDICTED):
    names = tuple(f"s{i}" for i in range(len(GOLD)))
    gold = Gold(ids=names, units=names, gold=tuple(GOLD))
    records = {}
    for config in grid.configs:
        records[config.id] = RunRecord(
            config=config, status="finished" if predicted else "diverged", stopped_at_step=1, selected_step=1,
            scores={"dev": 0.5, "test": 0.5}, curve={}, predictions={"dev": predicted, "test": predicted} if predicted
            else {}, seconds=1.0, peak_bytes=1, environment={"commit": "abcdef1234"},
        )  # fmt: skip
    reference = GoldReference(task=TASK, data="d" * 20, gold=dict.fromkeys(("train", "dev", "test"), gold))
    return Results(grid=grid, records=records, references={TASK.name: reference}, provenance="parameters/x.yaml")


def audit(kept):
    """An audit in which these [sentence, words] begin within 64 sub-words; every sentence fits the other limits."""
    limits = {"64": {"kept": kept}, "128": {"kept": []}, "256": {"kept": []}, "512": {"kept": []}}
    return SimpleNamespace(vocabularies=("v",), of=lambda task, vocabulary: {"limits": {"test": limits}})


@pytest.fixture
def scored():
    return results(scoring_grid(study(task="bc5 chem")))


def test_one_run_of_the_first_encoder_and_the_first_seed():
    (config,) = scoring_grid(study()).configs
    assert (config.task, config.encoder_name, config.seed) == ("BC5-chem", "BERT", 3)


def _conventions(results, audit):
    ((name, reference),) = results.references.items()
    return conventions(next(iter(results.records.values())), reference, audit)


def test_every_convention_scores_the_same_predictions_strict_first(scored):
    found = {convention.name: convention for convention in _conventions(scored, audit([[2, 2]]))}
    assert next(iter(found)) == "strict BIO" and found["strict BIO"].f1 == entity_f1(GOLD, PREDICTED)
    assert found["long sentences truncated at 64"].f1 == entity_f1([*GOLD[:2], "O O"], [*PREDICTED[:2], "O O"])
    assert "long sentences truncated at 128" not in found


def test_the_table_ends_with_the_ceiling_of_io_tags_and_shows_differences_in_points(scored):
    table = scoring_table(scored, audit([[2, 2]]))
    strict, *others, ceiling = table.rows
    assert ceiling[4] == f"{100 * io_ceiling(GOLD):.2f}" and strict[5] == ""
    for row in others:
        difference = float(row[4]) - float(strict[4])
        assert float(row[5].replace("−", "-")) == pytest.approx(difference, abs=0.011)
    assert "seed 3" in table.caption and "abcdef1234" in table.caption and "BERT" in table.notes[0]


def test_the_answer_names_the_widest_gap_among_mentions(scored):
    (sentence,) = scoring_answer(scored, audit([])).sentences
    assert (
        "by the strict convention (BLURB)" in sentence
        and "relaxed, any overlap" in sentence
        and "word level" not in sentence
    )


@pytest.mark.parametrize(
    ("given", "predicted", "why"),
    [
        ({"tasks": ("BIOSSES",)}, PREDICTED, "BC5-chem is not among the tasks of this run"),
        ({"encoders": ()}, PREDICTED, "no encoder can be run"),
        ({}, None, "the run's loss diverged"),
    ],
)
def test_without_a_run_table_and_answer_say_why(given, predicted, why):
    found = results(scoring_grid(study(**given)), predicted=predicted)
    assert why in scoring_table(found, audit([])).rows[0]
    assert why in scoring_answer(found, audit([])).sentences[0]


def test_a_run_that_is_not_in_the_store_is_told():
    grid = scoring_grid(study())
    found = Results(grid=grid, records={}, references={}, provenance="x")
    assert "this run is not in the store" in scoring_answer(found, audit([])).sentences[0]


def test_a_task_without_mentions_is_refused():
    with pytest.raises(ParameterError, match="scoring_task='BIOSSES' has no entities; use BC5-chem, BC5-disease"):
        scoring_grid(study(task="BIOSSES"))
