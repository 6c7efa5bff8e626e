"""Tables 10 and 11 from a store whose tags are known: scores by an oracle, the oracle over models, gaps, slips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from blurbstudy.baselines import MODELS, RETRAINED
from blurbstudy.engine.sources.baselines import BaselinePredictions, ModelInfo
from blurbstudy.errors import ParameterError
from blurbstudy.metrics import score
from blurbstudy.sections import scispacy
from blurbstudy.sections.claims.claims import load_claims
from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.sections.claims.verdicts import UNTESTED, judge
from blurbstudy.sections.scispacy import answers, tables10_11
from blurbstudy.sections.scispacy import scores as module
from blurbstudy.sections.scispacy import tables10_11 as scispacy_tables
from blurbstudy.sections.scispacy.grids import FINE_TUNED, MEAN, NER
from blurbstudy.sections.scispacy.scores import ORACLE, RELAXED, STRICT, relaxed
from blurbstudy.study.grid import Condition
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.training.run_record import RunRecord

STEM = "07_scispacy"
TYPES = {"jnlpba": ["ENTITY"], "bc5cdr": ["CHEMICAL", "DISEASE"]}


@pytest.fixture
def make_study(tmp_path, tiny_encoder):
    """A Study of this notebook as it makes it, on mini-BLURB."""

    def make(**changes):
        values = {"store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder), "Mine": None}, "seeds": 3}
        common = scale_parameters("mini", scispacy.NOTEBOOK) | {"spacy_epochs": 4, "ner_epochs": 1}
        return Study(scispacy, common | values | {"tasks": [task.name for task in NER]} | changes)

    return make


@pytest.fixture
def baselines(make_study, monkeypatch):
    """Models that find known shares of the gold mentions: bc5cdr more of chemicals and diseases, jnlpba of genes."""
    study = make_study()
    references = study.references
    shares = {"bc5cdr": (0.9, 0.8, 0.7, 0.0, 0.1), "jnlpba": (0.1, 0.0, 0.0, 0.6, 0.8)}
    predictions = {}
    for name, of_tasks in shares.items():
        tags = {}
        for task, share in zip(NER, of_tasks, strict=True):
            kind = {"BC5-chem": "CHEMICAL", "BC5-disease": "DISEASE", "NCBI-disease": "DISEASE"}.get(task.name)
            kind = kind if kind in TYPES[name] else TYPES[name][0]
            gold = references[task.name].gold["test"].gold
            tags[task.name] = known_tags(gold, share=share, kind=kind, seed=len(tags))
        if name == "bc5cdr":  # both sets are the same sentences: one model gives them the same tags
            both = [
                " ".join(a if a != "O" else b for a, b in zip(x.split(), y.split(), strict=True))
                for x, y in zip(tags["BC5-chem"], tags["BC5-disease"], strict=True)
            ]
            tags["BC5-chem"] = tags["BC5-disease"] = both
        model = ModelInfo(
            name=name,
            origin=RETRAINED,
            package="",
            fingerprint=name * 3,
            types=TYPES[name],
            dev_f1=0.5,
            epochs=4,
            seed=0,
            spacy="3.8",
            commit="abc",
        )
        predictions[name] = BaselinePredictions(model=model, tags=tags)
    monkeypatch.setattr(module, "ensure_baselines", lambda store, requests, *, workers, deadline: predictions)
    return module.scispacy_baselines(study)


def known_tags(gold, *, share, kind, seed):
    """A share of the gold sentences as they are, the others without a mention."""
    draw = np.random.default_rng(seed).random(len(gold))
    return [
        " ".join(tag if tag == "O" or draw[i] > share else f"{tag}-{kind}" for tag in tags.split())
        if draw[i] <= share
        else " ".join("O" for _ in tags.split())
        for i, tags in enumerate(gold)
    ]


@pytest.fixture
def results(make_study):
    """An encoder that finds 95% of the sentences on every set, with two seeds."""
    study = make_study()
    grid = scispacy.grids(study)["ner"]
    references, records = study.references, {}
    for config in grid.configs:
        predictions = {}
        for split in ("dev", "test"):
            tags = known_tags(references[config.task].gold[split].gold, share=0.95, kind="X", seed=100 + config.seed)
            predictions[split] = [one.replace("-X", "") for one in tags]
        records[config.id] = RunRecord(
            config=config, status="finished", stopped_at_step=1, selected_step=1, scores={"dev": 0.9, "test": 0.9},
            curve={}, predictions=predictions, seconds=1.0, peak_bytes=1, environment={"commit": "abcdef1234"},
        )  # fmt: skip
    return module.Results(grid=grid, records=records, references=references, provenance=study.provenance)


def words(table):
    return "\n".join([table.title, table.caption, *map(str, table.columns), *map(str, table.rows), *table.notes])


def test_scores_are_seqevals_on_the_mentions_that_count(baselines):
    for task in NER:
        gold = [tags.replace("B", "B-X").replace("I", "I-X").split() for tags in
                baselines.references[task.name].gold["test"].gold]  # fmt: skip
        for name in TYPES:
            predicted = [
                tags.replace("B", "B-X").replace("I", "I-X").split() for tags in baselines.evaluated_tags(name, task)
            ]
            oracle = f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)
            assert baselines.score(STRICT, name, task.name).score == pytest.approx(oracle)


def test_the_oracle_takes_the_better_model_of_each_set_and_the_mean_is_of_sets(baselines):
    best = {task.name: baselines.score(STRICT, ORACLE, task.name) for task in NER}
    assert [one.model for one in best.values()] == ["bc5cdr"] * 3 + ["jnlpba"] * 2
    for name in (*TYPES, ORACLE):
        own = [baselines.score(RELAXED, name, task.name).score for task in NER]
        assert baselines.score(RELAXED, name, MEAN).score == pytest.approx(np.mean(own))
    both = [baselines.score(STRICT, name, MEAN).score for name in TYPES]
    assert baselines.score(STRICT, ORACLE, MEAN).score > max(both)


def test_both_tables_have_every_set_the_mean_and_the_papers_numbers(baselines, results):
    for paper, chemical, mean in (("table10", 86.49, 70.6), ("table11", 91.42, 82.21)):
        table = tables10_11.baseline_table(baselines, results, title="Table", paper=paper)
        assert [row[0] for row in table.rows] == [*(task.name for task in NER), MEAN]
        assert len(table.columns) == 6 and "best of 2 on test" in table.columns[3]
        assert (table.rows[0][2].paper, table.rows[-1][3].paper) == (chemical, mean)
        assert table.rows[0][4].paper == {"table10": 93.33, "table11": 95.18}[paper]
        assert table.rows[0][4].n == 3 and table.rows[0][5].state == "no path given"
        assert "3.60 of a gene model" in words(table) and "retrained, 4 epochs, seed 0" in table.caption
        assert "<script" not in table._repr_html_()


def test_an_encoders_relaxed_cell_is_scored_by_overlap_and_its_failures_stay_strict(baselines, results):
    cells = {
        paper: tables10_11.baseline_table(baselines, results, title="", paper=paper).rows[0][4]
        for paper in (STRICT, RELAXED)
    }
    task = NER[0].name
    runs = [record for record in results.records.values() if record.config.task == task]
    gold = results.references[task].gold["test"].gold
    for paper, metric in module.METRIC_OF.items():
        expected = np.mean([score(metric, gold, run.predictions["test"]) for run in runs])
        assert cells[paper].mean == pytest.approx(100 * expected)
    assert cells[STRICT].collapsed == cells[RELAXED].collapsed == 0
    assert set(relaxed(results).references) == {task.name for task in NER}


def test_a_gap_is_the_difference_and_is_paired_over_examples(baselines, results):
    for part in (NER[0].name, MEAN):
        for table, own in module.by_table(results).items():
            one = module.gap(baselines, own, table=table, encoder="BERT", column=part)
            summary = own.summaries[Condition("BERT", FINE_TUNED, part)]
            oracle = baselines.score(table, ORACLE, part)
            assert one.difference == pytest.approx(summary.mean - oracle.score)
            interval = one.comparison.example_interval
            assert interval[0] < one.difference < interval[1]
            apart = np.hypot(*(np.ptp(bounds) for bounds in (summary.example_interval, oracle.interval)))
            assert np.ptp(interval) < 1.2 * apart
    same = module.gap(*_as_the_oracle(baselines, results), table=STRICT, encoder="BERT", column=NER[0].name)
    assert same.difference == 0 and same.comparison.reason == "neither seeds nor examples vary"


def test_claims_find_the_oracle_and_the_encoder_by_both_readings(baselines, results):
    evidence = Evidence(results={STEM: {"ner": results}}, baselines=baselines)
    claims = {claim.id: claim for claim in load_claims()}
    for name, table, shown_as in (
        ("finetuned-beats-scispacy", STRICT, "Exact boundaries"),
        ("finetuned-beats-scispacy-relaxed", RELAXED, "Overlap counts"),
    ):
        judgements = judge(claims[name], evidence.cell, margin=2.0).judgements
        assert len(judgements) == 2 * len(NER)
        for judgement in judgements[: len(NER)]:  # BASE; LARGE has no runs
            (first,), (second,) = judgement.contrast.first, judgement.contrast.second
            assert (first.level, second.group) == (shown_as, "scispaCy max")
            own = module.by_table(results)[table]
            one = module.gap(baselines, own, table=table, encoder="BERT", column=first.column)
            assert judgement.estimate.difference == pytest.approx(one.difference)
            assert judgement.estimate.interval == pytest.approx(one.comparison.interval)
        assert {one.outcome for one in judgements[len(NER) :]} == {UNTESTED}
    (shrinks, _) = judge(claims["boundaries-explain-part-of-the-lead"], evidence.cell, margin=2.0).judgements
    gaps = [
        module.gap(baselines, own, table=table, encoder="BERT", column=MEAN).difference
        for table, own in module.by_table(results).items()
    ]
    assert shrinks.estimate.difference == pytest.approx(gaps[0] - gaps[1])
    assert "scispaCy jnlpba: retrained, 4 epochs, seed 0" in evidence.systems


def _as_the_oracle(baselines, results):
    """The encoder predicts what the better model does: nothing is left of the gap, draw by draw."""
    task = NER[0]
    predicted = baselines.evaluated_tags("bc5cdr", task)
    records = {
        run_id: dataclasses.replace(record, predictions=record.predictions | {"test": predicted})
        if record.config.task == task.name
        else record
        for run_id, record in results.records.items()
    }
    return baselines, dataclasses.replace(results, records=records)


def test_the_answer_says_who_stands_for_scispacy_and_what_overlap_changes(baselines, results):
    told = answers.scispacy_answer(baselines, results).sentences
    assert "retrained with the published configuration, without word vectors" in told[0]
    assert told[1].startswith(
        "BERT against the better of scispaCy's models, mean of the five sets: by exact boundaries better, +"
    )
    beside = " ".join(answers.scispacy_against_paper(baselines, results).sentences)
    assert "BERT minus scispaCy max, BC5-chem: exact +6.84 in the paper, " in beside
    assert "The paper has no column for Mine." in beside


def test_slips_are_the_same_predictions_read_and_summed_otherwise(baselines):
    table = tables10_11.scorer_discrepancy_table(baselines)
    rows = {tuple(row[:3]): row[3:] for row in table.rows}
    assert len(rows) == 2 * len(NER) + 1
    ours, read, less, *_ = rows["BC5-chem", "scispaCy bc5cdr", "CHEMICAL"]
    assert float(read) < float(ours) and less.startswith("−")  # mini-BLURB has neighbours
    assert rows["BC2GM", "scispaCy jnlpba", "every mention"][-1] == "–"  # every type counts already
    assert ("BC5-chem and BC5-disease", "scispaCy bc5cdr", scispacy_tables.BOTH_TYPES) in rows


def test_every_type_counted_costs_precision_where_a_model_finds_both(baselines):
    rows = {tuple(row[:2]): row[3:] for row in tables10_11.scorer_discrepancy_table(baselines).rows}
    ours, every = (float(rows["BC5-chem", "scispaCy bc5cdr"][i]) for i in (0, 5))
    assert every < ours


def test_the_figure_speaks_of_every_system(baselines, results):
    figure = answers.overlap_figure(baselines, results, title="Figure")
    for name in ("scispaCy jnlpba", "scispaCy bc5cdr", "BERT"):
        assert f"BC5-chem, {name}:" in figure.alt
    assert "Mine" not in figure.alt and "<svg" in figure.svg


def test_a_model_whose_corpora_are_no_tasks_of_the_run_is_missing_with_the_reason(make_study, monkeypatch):
    monkeypatch.setattr(module, "ensure_baselines", lambda *_, **__: {})
    study = make_study(tasks=["BC5-chem", "JNLPBA"])
    found = module.scispacy_baselines(study)
    assert "trains on BC5-disease" in found.missing["bc5cdr"] and module.REMEDY in found.missing["jnlpba"]
    assert found.columns == ["BC5-chem", "JNLPBA"]
    table = tables10_11.model_table(found)
    assert [len(row) for row in table.rows] == [len(table.columns)] * len(MODELS)


def test_a_report_asks_the_store_alone(make_study, monkeypatch):
    make_study().sources  # noqa: B018 - the store then knows data and encoder
    monkeypatch.setattr(module, "ensure_baselines", lambda *_, **__: pytest.fail("a report makes nothing"))
    found = module.scispacy_baselines(make_study(train_missing=False))
    assert found.predictions == {} and set(found.missing.values()) == {module.REMEDY}
    results = module.Results(grid=scispacy.grids(make_study())["ner"], records={},
                             references=found.references, provenance="x")  # fmt: skip
    for make in (tables10_11.gap_table, answers.scispacy_answer, answers.scispacy_against_paper):
        assert make(found, results)
    assert (
        "not run" in words(tables10_11.scorer_discrepancy_table(found))
        and "svg" in answers.overlap_figure(found, results, title="").svg
    )


def test_encoders_can_be_asked_for_on_some_sets_alone(make_study):
    grid = scispacy.grids(make_study(ner_tasks=["BC5-chem", "NCBI-disease"]))["ner"]
    assert [part.label for part in grid.columns] == ["BC5-chem", "NCBI-disease"]
    with pytest.raises(ParameterError, match="BIOSSES is not an entity set of this run"):
        scispacy.grids(make_study(ner_tasks=["BIOSSES"]))
