"""What finetune says of its runs: a status each, never a failure where dev could only not show them to be better."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from blurbstudy.api.finetune_result import FinetuneResult
from blurbstudy.api.model_facts import select_by_dev
from blurbstudy.engine.sources.sources import EncoderSource
from blurbstudy.engine.sweep import SweepResult
from blurbstudy.models import Architecture
from blurbstudy.stats.seeds.selection import out_of_bag_score
from blurbstudy.stats.status import judge_run
from blurbstudy.stats.summary import summarize
from blurbstudy.tasks import Task

SHAPE = Architecture(family="bert", vocab_size=50, n_layers=2, width=32, n_heads=4, intermediate=8)
ENCODER = EncoderSource(
    name="tiny", spec="tiny", path=None, fingerprint="e" * 20, architecture=SHAPE, description="BERT, 2 layers"
)
GOLD = ["yes", "no"] * 20


def answers(n_right):
    return [g if i < n_right else {"yes": "no", "no": "yes"}[g] for i, g in enumerate(GOLD)]


def with_score(record, reference):
    scores = {split: reference.score(reference.gold[split].gold, p) for split, p in record.predictions.items()}
    return dataclasses.replace(record, scores={"dev": None, "test": None} | scores)


@pytest.fixture
def result(make_reference):
    """The result of runs on BioASQ with forty questions in dev and in test."""

    def make(records, *, units=None, has_test=True):
        reference = make_reference("BioASQ", GOLD, units=units)
        records = [with_score(record, reference) for record in records]
        references = {"BioASQ": reference}
        return FinetuneResult(
            task=Task.load("BioASQ"),
            encoder=ENCODER,
            recipe=records[0].config.recipe,
            store=Path("store"),
            sweep=SweepResult(records={record.id: record for record in records}, trained=len(records)),
            judgements={record.id: judge_run(record, reference) for record in records},
            best=select_by_dev(records, reference),
            dev=summarize(records, references, split="dev"),
            test=summarize(records, references) if has_test else None,
        )

    return make


def test_every_status_in_words(result, make_record):
    records = [
        make_record(1, task="BioASQ", test=answers(36)),
        make_record(2, task="BioASQ", test=answers(24)),
        make_record(3, task="BioASQ", test=answers(18)),
        make_record(4, task="BioASQ", test=["yes"] * 40),
        make_record(5, task="BioASQ", test=answers(30), final_loss=0.93),
        make_record(6, task="BioASQ", status="diverged"),
    ]
    found = result(records)
    rows = {line.split()[0]: line for line in found.text().splitlines()[2:8]}
    expected = [
        "better than trivial",
        "not shown better than trivial",
        "no better than trivial",
        "constant predictions",
        "not trained",
        "diverged",
    ]
    assert [rows[str(seed)].split("  ")[-1] for seed in range(1, 7)] == expected
    counts = "3 collapsed / 1 no better than trivial / 1 not shown better than trivial / 1 better than trivial"
    assert f"\nstatus: {counts}, of 6 runs; rate of collapse in %, 95% [18.76, 81.24]\n" in found.text()
    assert "as much about the size of dev as about the run" in found.text()
    assert "warning: with seed 5 training ended above 0.5 times the loss" in found.text()
    assert "mean 65.00 (sd 22.91) over 3 seeds without a collapsed run" in found.text()
    assert "mean of all runs, collapsed ones included, 95% [" in found.text()
    assert "failed" not in found.text() and "last step" not in found.text()
    runs = found.to_dict()["runs"]
    assert [run["status"] for run in runs] == expected and runs[4]["loss_ratio"] == 0.93
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))["summary"]["test"]
    assert (values["collapsed"], values["failed"], values["shown"], values["runs"]) == (3, 4, 1, 6)
    assert values["noncollapsed_mean"] == pytest.approx(0.65)
    assert "Loss ratio" in found._repr_html_() and "not shown better than trivial" in found._repr_html_()


def test_one_document_in_dev_judges_nothing_and_says_why(result, make_record):
    found = result([make_record(seed, task="BioASQ", test=GOLD) for seed in (1, 2)], units=["d"] * 40)
    text = found.text()
    assert text.count("not judged: dev is 1 document, too few for a bound") == 2 and "failed" not in text
    assert "0 collapsed / 0 no better than trivial / 2 not judged / 0 not shown" in text
    assert found.to_dict()["runs"][0]["status_reason"] == "dev is 1 document, too few for a bound"


def test_of_selected_weights_the_status_is_said_to_be_that_of_the_last_step(result, make_record):
    found = result([make_record(1, task="BioASQ", test=answers(36), checkpoint_selection="best_dev")])
    assert "status and loss ratio are those of the last step's weights, scores those of the best" in found.text()
    assert "dev scores are too high" in found.text()


def test_what_dev_decided_within_runs_is_said_beside_the_dev_score(result, make_record):
    recipe = dict(checkpoint_selection="best_dev", early_stopping=3)
    runs = [make_record(seed, task="BioASQ", test=answers(36), **recipe) for seed in (1, 2)]
    stopped = dataclasses.replace(runs[0], planned_steps=40, threshold=0.35)
    found = result([stopped, dataclasses.replace(runs[1], planned_steps=10, threshold=0.6)])
    assert "early stopping, steps: seed 1 after 10 of 40 (the learning rate follows the planned steps)" in found.text()
    assert (
        "a label is predicted above a threshold that dev chose (0.35, 0.6), so dev scores are too high" in found.text()
    )
    selected = [caveat["text"] for caveat in found.to_dict()["caveats"] if caveat["kind"] == "selection"]
    assert len(selected) == 2 and "best weights on dev" in selected[0] and "threshold that dev chose" in selected[1]
    first = found.to_dict()["runs"][0]
    assert (first["threshold"], first["stopped_at_step"], first["planned_steps"]) == (0.35, 10, 40)
    plain = result([make_record(1, task="BioASQ", test=answers(36))])
    assert not {"threshold", "planned_steps"} & plain.to_dict()["runs"][0].keys() and "too high" not in plain.text()


def test_without_a_test_set_the_dev_score_of_the_best_seed_is_corrected(result, make_record, make_reference):
    generator = np.random.default_rng(3)
    flip = {"yes": "no", "no": "yes"}
    runs = [[g if generator.random() < 0.8 else flip[g] for g in GOLD] for _ in range(8)]
    records = [make_record(seed, task="BioASQ", test=run) for seed, run in enumerate(runs, start=1)]
    found = result(records, has_test=False)
    corrected = out_of_bag_score(runs, make_reference("BioASQ", GOLD))[0]
    naive = max(run.scores["dev"] for run in found.sweep.values())
    assert corrected < naive
    line = next(line for line in found.text().splitlines() if line.startswith("dev score of the model: "))
    assert f" {100 * corrected:.2f} (out-of-bag estimate); its own {100 * naive:.2f} (seed " in line
    best = found.to_dict()["best"]
    assert (best["dev"], best["dev_out_of_bag"], best["candidates"]) == (naive, corrected, 8)
    assert "dev score of the model" not in result(records).text()  # test has the better estimate
    few = result(records, units=["d"] * 40, has_test=False).text()
    assert "too high, since dev selected it; no correction: dev is 1 document, too few" in few
    assert "dev score of the model" not in result(records[:1], has_test=False).text()


def test_where_all_collapsed_the_mean_is_that_of_collapsed_runs(result, make_record):
    found = result([make_record(seed, task="BioASQ", test=["yes"] * 40) for seed in (1, 2)])
    assert "test: mean 50.00 over 2 seeds, all collapsed, worst 50.00, trivial 50.00" in found.text()
    assert "no score" in result([make_record(1, task="BioASQ", status="diverged")]).text()


def test_a_loss_above_that_of_a_constant_is_no_case_for_more_steps_alone(result, make_record):
    above = result([make_record(1, task="BioASQ", test=answers(30), final_loss=5.8)]).text()
    below = result([make_record(1, task="BioASQ", test=answers(30), final_loss=0.6)]).text()
    assert "train longer, or, above 1, with a lower learning rate" in above
    assert below.count("train longer\n") == 1


def test_seeds_with_one_score_have_no_interval_over_seeds(result, make_record):
    found = result([make_record(seed, task="BioASQ", test=answers(36)) for seed in (1, 2, 3)])
    assert "mean 90.00 (sd 0.00) over 3 seeds, 95% over seeds –, over examples [" in found.text()
    assert found.to_dict()["summary"]["test"]["interval_over_seeds"] is None


def test_runs_below_the_list_of_trains_mentions_are_warned_of(result, make_record):
    runs = [make_record(seed, task="BioASQ", test=answers(30)) for seed in (1, 2, 3)]
    made = result(runs)
    for listed, warned in ((0.7, False), (0.8, True)):
        told = dataclasses.replace(made, test=dataclasses.replace(made.test, mention_list=listed))
        (line,) = [line for line in told.text().splitlines() if line.startswith("test: ")]
        assert line.endswith(f"list of train's mentions {listed * 100:.2f}")
        assert any("looking up the mentions of train" in warning for warning in told.to_dict()["warnings"]) is warned
