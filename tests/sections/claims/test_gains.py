"""Which techniques help: gains told apart, decided by the joint test, and how sure scores are."""

import dataclasses

import pytest

from blurbstudy.sections.claims.answers import certainty_answer, few_examples_answer, gains_answer
from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.sections.claims.gains import gain_table, technique_gains
from blurbstudy.stats.counts import boschloo_p
from blurbstudy.tables.formatting import format_signed

STEM = "03_layer_adaptation"
GOOD, BAD, COLLAPSED = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81], [60, 61, 60, 62, 61]


def evidence_of(results):
    return Evidence(results={STEM: {"first": results}})


def test_a_gain_is_told_apart_into_fewer_collapsed_and_better_runs(make_results):
    evidence = evidence_of(make_results({"Default recipe": [*GOOD[:2], *COLLAPSED[:3]], "Layer freeze": GOOD}))
    table = gain_table(evidence)
    (row,) = table.rows
    total, fewer, better, collapsed = (float(row[index].replace("−", "-")) for index in (2, 3, 5, 6))
    assert total == pytest.approx(fewer + better + collapsed, abs=0.16) and fewer > 0.9 * total
    assert row[7] == "0 of 5 / 3 of 5"
    assert len(table.runs[f"{STEM}: BERT, QA, Layer freeze"]) == 10
    (row,) = technique_gains(evidence).rows
    assert row[0].text == f"Layer freeze\nBERT, {STEM}" and f'data-page="{STEM}"' in row[0].markup
    assert row[1].text.startswith(format_signed(total, 1)) and fewer < total
    assert row[2:] == ("0 of 5 / 3 of 5", f"{boschloo_p(0, 5, 3, 5):.2g}")


def test_a_rate_of_collapse_is_said_to_differ_where_an_exact_test_says_so(make_results):
    """0 of 5 against 3 of 5 does not, against 5 of 5 does."""
    few = evidence_of(make_results({"Default recipe": [*GOOD[:2], *COLLAPSED[:3]], "Layer freeze": GOOD}))
    assert gains_answer(few).sentences[-2] == "No technique is shown to change how often runs collapse."
    all_of_them = evidence_of(make_results({"Default recipe": COLLAPSED, "Layer freeze": GOOD}))
    *_, said, _ = gains_answer(all_of_them).sentences
    assert said == (
        "Compared with the default recipe, fewer runs collapsed with: Layer freeze (BERT), 0 of 5 against 5 "
        "of 5 (exact test)."
    )


def test_better_is_decided_by_the_joint_test_and_undecided_says_what_could_have_been(make_results):
    clear = evidence_of(make_results({"Default recipe": BAD, "Layer freeze": GOOD}))
    table = technique_gains(clear)
    assert table.columns[1] == "BioASQ" and table.rows[0][1].text.split("\n")[1] == "better"
    said, *_ = gains_answer(clear).sentences
    assert said == "Better than the default recipe: layer freeze (on BioASQ)."
    narrow = evidence_of(make_results({"Default recipe": [90] * 5, "Layer freeze": [91, 91, 91, 91, 92]}))
    outcome, *_, reach, seeds = technique_gains(narrow).rows[0][1].text.split("\n")[1:]
    assert (outcome, seeds) == ("undecided", "5 seeds") and float(reach.removeprefix("80%: ")) >= 1.2
    assert gains_answer(narrow).sentences[0] == (
        "Undecided, neither shown to help nor to harm: layer freeze (on BioASQ)."
    )


def test_what_to_use_with_few_examples_names_what_is_better_and_what_is_not_shown_to_be(make_results):
    results = make_results({"Default recipe": BAD, "Layer freeze": GOOD, "Layer reinit": BAD[::-1]})
    few = dataclasses.replace(evidence_of(results), train_sizes={"BioASQ": 670})
    (said,) = few_examples_answer(few).sentences
    assert said.startswith("BioASQ (question answering, 670 examples): layer freeze (+")
    assert said.endswith("Undecided: layer reinit (0.0).")
    assert "The default recipe scores 81.8 ± 2.6 with BERT, and 0 of 5 runs collapsed. " in said
    for key, summary in results.summaries.items():
        results.summaries[key] = dataclasses.replace(summary, noncollapsed_mean=-0.02)  # a correlation can be
    assert "scores −2.0 ± 2.6 with BERT, and" in few_examples_answer(few).sentences[0]
    for key, summary in results.summaries.items():
        results.summaries[key] = dataclasses.replace(summary, noncollapsed_mean=0.818, mention_list=0.9)
    said = few_examples_answer(few).sentences[0]
    assert "scores 81.8 ± 2.6 with BERT (looking up the mentions of all of train gives 90.0), and" in said
    many = dataclasses.replace(evidence_of(results), train_sizes={"BioASQ": 5000})
    assert few_examples_answer(many).sentences[0].startswith("No task with at most 1,000 training examples")


def test_a_grid_that_calls_the_default_recipe_by_its_head_counts(make_results):
    heads = make_results({"Pair head": BAD, "Cosine head": GOOD})  # by its recipe the first is the default
    evidence = Evidence(results={STEM: {"heads": heads, "first": make_results({"Default recipe": BAD})}})
    assert [row[0].text.split("\n")[0] for row in technique_gains(evidence).rows] == ["Cosine head"]
    assert gains_answer(evidence).sentences[0] == "Better than the default recipe: cosine head (on BioASQ)."
    assert [row[0].text for row in gain_table(evidence).rows] == ["Cosine head"]
    assert not technique_gains(Evidence(results={STEM: {"heads": heads}})).runs


def test_what_was_decided_on_resampled_splits_is_told_with_their_task(make_results):
    results = make_results({"Default recipe": BAD, "Layer freeze": BAD[::-1]})
    pooled = make_results({"Default recipe": BAD, "Layer freeze": GOOD})
    (column,) = pooled.grid.columns
    column = dataclasses.replace(column, label="BioASQ, all 100 resampled", in_paper=False)
    cells = {key._replace(column=column.label): runs for key, runs in pooled.grid.cells.items()}
    pooled = dataclasses.replace(pooled, grid=dataclasses.replace(pooled.grid, columns=(column,), cells=cells))
    evidence = Evidence(results={STEM: {"first": results, "second": pooled}}, train_sizes={"BioASQ": 670})
    said = few_examples_answer(evidence).sentences[0]
    assert "layer freeze (+9.4, all 100 resampled), better than the default recipe" in said


def test_techniques_of_one_name_are_told_apart_by_the_encoders_that_were_run(make_results):
    """A grid may name an encoder by the paper's column that it stands in."""
    results = make_results({"Default recipe": BAD, "Layer freeze": GOOD})
    cells = {
        key: tuple(dataclasses.replace(config, encoder_name="BERT LARGE") for config in configs)
        for key, configs in results.grid.cells.items()
    }
    large = dataclasses.replace(results, grid=dataclasses.replace(results.grid, cells=cells))
    both = Evidence(results={STEM: {"first": results, "second": large}})
    assert [row[0].text.split("\n")[1] for row in technique_gains(both).rows] == [
        f"{name}, {STEM}" for name in ("BERT", "BERT LARGE")
    ]
    assert len(technique_gains(both).runs) == 2 and len(gain_table(both).runs) == 2


def test_how_sure_is_told_by_both_uncertainties(make_results):
    said = " ".join(
        certainty_answer(evidence_of(make_results({"Default recipe": BAD, "Layer freeze": GOOD}))).sentences
    )
    assert "points over seeds and ±" in said and "medians of 2 cells of the tables, each of 5 seeds" in said


def test_runs_with_dev_in_train_are_compared_since_their_training_loss_tells_their_status(make_results, joined):
    both = make_results({"Default recipe": COLLAPSED, "Searched recipe": [*GOOD[:4], 60]})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": joined(both, "Searched recipe")}})
    (row,) = technique_gains(evidence).rows
    assert row[2] == "1 of 5 / 5 of 5"


def test_a_setting_with_the_very_runs_of_its_baseline_is_no_comparison(make_results):
    results = make_results({"Default recipe": BAD, "Searched recipe": GOOD})
    standard, optimal = results.grid.cells
    grid = dataclasses.replace(results.grid, cells=results.grid.cells | {optimal: results.grid.cells[standard]})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": dataclasses.replace(results, grid=grid)}})
    assert technique_gains(evidence).rows[0][0] == "no runs yet"


def test_cells_where_every_run_collapsed_do_not_make_scores_look_sure(make_results):
    alive = certainty_answer(evidence_of(make_results({"Default recipe": BAD}))).sentences[0]
    beside = certainty_answer(evidence_of(make_results({"Default recipe": BAD, "Layer freeze": [60] * 5}))).sentences[0]
    assert alive == beside and "without cells in which every run collapsed" in alive


def test_a_store_whose_runs_have_no_baseline_is_not_called_empty(make_results):
    said = gains_answer(evidence_of(make_results({"Layer freeze": GOOD}))).sentences
    assert said == ["No technique has runs of several seeds beside the default recipe's yet."]


def test_nothing_run_is_said_as_such():
    empty = Evidence(results={})
    assert gain_table(empty).rows[0][0] == technique_gains(empty).rows[0][0] == "no runs yet"
    for answer in (few_examples_answer(empty), gains_answer(empty), certainty_answer(empty)):
        assert answer.on_front_page and len(answer.sentences) == 1


def test_a_setting_that_lacks_something_is_held_against_the_default_recipe_that_has_it(make_results):
    """A setting without both adjustments is no baseline: what it lacks would be credited to settings that lack less."""
    levels = ("Default recipe", "No bias correction", "Few epochs and no bias correction")
    results = make_results(dict(zip(levels, (GOOD, BAD, COLLAPSED), strict=True)))
    rows = technique_gains(Evidence(results={"02_optimization_ablation": {"table3": results}})).rows
    names = [row[0].text.split("\n")[0] for row in rows]
    assert names == list(levels[1:])
    assert all(row[1].text.startswith("−") and row[1].text.split("\n")[1] == "worse" for row in rows)
