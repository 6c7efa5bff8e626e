"""What a table decides: averages over encoders first, then encoders, each family with Holm's correction."""

import dataclasses

import pytest

from blurbstudy.stats.contrasts import Comparison
from blurbstudy.stats.counts import Counts, RateComparison, compare_rates
from blurbstudy.stats.intervals import holm
from blurbstudy.study.decisions import (
    ALL_GROUPS,
    Outcome,
    decide,
    decide_collapse,
    decide_effects,
    decide_family,
    decide_levels,
    decide_rates,
)
from blurbstudy.study.decisions import tested_conditions as conditions_to_test
from blurbstudy.study.grid import Condition

EFFECTS = [Condition(ALL_GROUPS, level, "QA") for level in ("freeze", "decay", "reset")]


def found(p, difference=0.1, n=5):
    return Comparison(n=n, difference=difference, p=p)


def outcomes(averages, cells):
    """Effect and group -> outcome and corrected p; p of each effect's average and of its groups A, B, C, ..."""
    effects = {
        effect: {effect._replace(group=chr(65 + i)): found(p) for i, p in enumerate(of)}
        for effect, of in zip(EFFECTS, cells, strict=False)
    }
    decisions = decide_effects({e: found(p) for e, p in zip(EFFECTS, averages, strict=False)}, effects)
    return {(d.condition.level, d.condition.group): (d.outcome, d.p) for d in decisions}


def test_an_outcome_is_the_sign_of_a_decided_difference():
    assert decide(found(0.01), 0.049) is Outcome.BETTER and decide(found(0.01, -0.1), 0.049) is Outcome.WORSE
    assert decide(found(0.01), 0.05) is Outcome.UNDECIDED and decide(found(0.01), None) is Outcome.UNDECIDED
    assert decide(found(None), 0.01) is Outcome.NOT_JUDGED
    assert [outcome for outcome in Outcome if outcome.decided] == [Outcome.BETTER, Outcome.WORSE]


def test_groups_are_looked_at_only_where_their_average_is_decided():
    """Averages .01, .03, .04: Holm gives .03, .06, .06, so the first alone; within it .001, .02, .2: .003, .04, .2."""
    result = outcomes([0.01, 0.03, 0.04], [[0.02, 0.001, 0.2], [0.0001, 0.5, 0.5], [0.5, 0.5, 0.5]])
    assert result["freeze", ""] == (Outcome.BETTER, pytest.approx(0.03))
    assert result["freeze", "A"] == (Outcome.BETTER, pytest.approx(0.04))
    assert result["freeze", "B"] == (Outcome.BETTER, pytest.approx(0.003))
    assert result["freeze", "C"] == (Outcome.UNDECIDED, pytest.approx(0.2))
    assert result["decay", ""] == (Outcome.UNDECIDED, pytest.approx(0.06))
    assert result["decay", "A"] == (Outcome.UNDECIDED, None)  # though its own p is .0001


def test_a_single_encoder_has_no_average_and_is_corrected_among_the_effects():
    result = outcomes([0.01, 0.03], [[0.01], [0.03]])
    assert result == {
        ("freeze", "A"): (Outcome.BETTER, pytest.approx(0.02)), ("decay", "A"): (Outcome.BETTER, pytest.approx(0.03)),
    }  # fmt: skip


def test_a_group_that_is_not_judged_takes_no_part_in_the_correction():
    effect = EFFECTS[0]
    groups = {effect._replace(group="A"): found(0.03), effect._replace(group="B"): found(0.04)}
    silent = effect._replace(group="C")
    decisions = decide_effects({effect: found(0.001)}, {effect: groups | {silent: found(None, n=5)}})
    assert [d.p for d in decisions[1:]] == pytest.approx([*holm([0.03, 0.04]), None])
    assert decisions[3].outcome is Outcome.NOT_JUDGED and decisions[0].groups == 3
    alone = decide_effects({effect: found(0.03)}, {effect: {silent: found(None, n=1), **dict([*groups.items()][:1])}})
    assert [(d.condition.group, d.outcome) for d in alone] == [("C", Outcome.NOT_JUDGED), ("A", Outcome.BETTER)]


def test_a_family_is_corrected_over_all_its_contrasts():
    conditions = [Condition(group, "freeze", "QA") for group in "ABC"]
    decided = decide_family(dict(zip(conditions, map(found, (0.01, 0.04, None)), strict=True)))
    assert [decided[c].outcome for c in conditions] == [Outcome.BETTER, Outcome.BETTER, Outcome.NOT_JUDGED]
    assert [decided[c].p for c in conditions] == [pytest.approx(0.02), pytest.approx(0.04), None]


def with_encoder(results, name, right):
    """The same results with another encoder, whose runs give these answers right."""
    grid, records, cells = results.grid, dict(results.records), dict(results.grid.cells)
    for condition, configs in results.grid.cells.items():
        others = tuple(dataclasses.replace(config, encoder_fingerprint=name * 20) for config in configs)
        cells[condition._replace(group=name)] = others
        for config, count in zip(others, right[condition.level], strict=True):
            gold = results.references["BioASQ"].gold["test"].gold
            predicted = [a if i < (count or 0) else {"yes": "no", "no": "yes"}[a] for i, a in enumerate(gold)]
            one = records[results.grid.cells[condition][config.seed - 1].id]
            status = dict(status="finished") if count is not None else dict(status="diverged")
            predictions = {"dev": predicted, "test": predicted} if count is not None else {}
            records[config.id] = dataclasses.replace(one, config=config, predictions=predictions, **status)
    grid = dataclasses.replace(grid, groups=(*grid.groups, name), cells=cells)
    return dataclasses.replace(results, grid=grid, records=records)


STANDARD, BETTER = (80, 82, 79, 81, 80), (90, 91, 89, 92, 90)


def test_a_table_of_two_encoders(make_results):
    results = make_results({"Standard": STANDARD, "Freeze": BETTER, "Decay": (80, 81, 80, 82, 79)})
    results = with_encoder(results, "b", {"Standard": STANDARD, "Freeze": BETTER, "Decay": STANDARD})
    decisions = decide_levels(results, baseline="Standard")
    table = {(d.condition.level, d.condition.group): d for d in decisions}
    assert list(table) == [(level, group) for level in ("Freeze", "Decay") for group in ("", "BERT", "b")]
    assert table["Freeze", ""].is_average and table["Freeze", ""].groups == 2 and not table["Freeze", "b"].is_average
    assert {table["Freeze", group].outcome for group in ("", "BERT", "b")} == {Outcome.BETTER}
    assert table["Decay", ""].outcome is Outcome.UNDECIDED and table["Decay", "BERT"].p is None
    assert table["Decay", "b"].outcome is Outcome.NOT_JUDGED  # the baseline's predictions, seed by seed
    pairs = [(Condition(g, "Freeze", "QA"), Condition(g, "Standard", "QA")) for g in ("BERT", "b")]
    assert table["Freeze", ""].comparison == results.average_comparison(pairs)


def test_runs_that_diverged_count_as_the_trivial_baseline(make_results):
    right = {"Standard": STANDARD, "Freeze": BETTER}
    results = with_encoder(make_results(right), "b", {"Standard": STANDARD, "Freeze": (None,) * 5})
    decisions = {d.condition.group: d for d in decide_levels(results, baseline="Standard")}
    assert list(decisions) == [ALL_GROUPS, "BERT", "b"]
    lost = decisions["b"].comparison.difference
    assert lost == pytest.approx(0.6 - sum(STANDARD) / 100 / len(STANDARD))
    assert decisions[ALL_GROUPS].comparison.difference == pytest.approx(
        (decisions["BERT"].comparison.difference + lost) / 2
    )


def test_where_both_sides_collapsed_nothing_is_called_better(make_results):
    results = make_results({"Standard": (60,) * 5, "Freeze": (None,) * 5})
    collapsed = {
        id_: dataclasses.replace(record, final_loss=1.0, constant_loss=1.0) for id_, record in results.records.items()
    }
    (decision,) = decide_levels(dataclasses.replace(results, records=collapsed), baseline="Standard")
    assert decision.outcome is Outcome.BOTH_COLLAPSED


def test_cells_with_the_same_runs_are_tested_once(make_results):
    results = make_results({"Standard": STANDARD, "Freeze": BETTER, "Same": STANDARD, "Twin": BETTER})
    cells = dict(results.grid.cells)
    for copy, of in (("Same", "Standard"), ("Twin", "Freeze")):
        cells[Condition("BERT", copy, "QA")] = cells[Condition("BERT", of, "QA")]
    results = dataclasses.replace(results, grid=dataclasses.replace(results.grid, cells=cells))
    tested, notes = conditions_to_test(results, baseline="Standard")
    assert [condition.level for condition in tested] == ["Freeze"]
    assert notes == [
        "BERT, QA, Same: the same settings as Standard, so the same runs; not tested.",
        "BERT, QA, Twin: the same runs as BERT, QA, Freeze; counted once.",
    ]


def test_counts_of_collapsed_runs_are_a_family_of_levels(make_results):
    right = {"Standard": (None,) * 5, "Freeze": STANDARD, "Decay": (None, 80, 81, 82, 80)}
    results = with_encoder(make_results(right), "b", right)
    decided = decide_collapse(results, baseline="Standard")
    alone = {
        "Freeze": compare_rates([Counts(0, 5, 5, 5)] * 2), "Decay": compare_rates([Counts(1, 5, 5, 5)] * 2),
    }  # fmt: skip
    assert {level: change for level, (change, _) in decided.items()} == alone
    assert [p for _, p in decided.values()] == pytest.approx(holm([change.p for change in alone.values()]))
    assert decided["Freeze"][0].difference == -1.0


def test_rates_that_cannot_differ_have_p_1():
    same = RateComparison(difference=0.0, interval=None, p=1.0, method="", collapsed=(0, 0), n=(5, 5))
    assert decide_rates({"Freeze": same}) == {"Freeze": (same, 1.0)}
