"""The map of collapse: each run counted once, shades by share, and words that go no further than the runs."""

import re

from blurbstudy.sections.claims.collapse_map import collapse_table, count_statuses, safety_answer
from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.study.grid import DEFAULT_RECIPE

GOOD, COLLAPSED = [90, 92, 91, 93, 90], [60, 61, 60, 62, 61]
FREEZE, DECAY = "Layer freeze", "Layerwise decay"
RIGHT = {"Default recipe": COLLAPSED, "Layer freeze": GOOD, "Layerwise decay": [*GOOD[:3], *COLLAPSED[:2]]}


def test_each_run_counts_once_and_settings_with_the_same_runs_share_a_row(make_results):
    same = make_results({"Cosine head": COLLAPSED})  # by its recipe the runs of the baseline
    evidence = Evidence(results={"03": {"table4": make_results(RIGHT)}, "02": {"heads": same}})
    settings = count_statuses(evidence)
    counts = {one.name: (one.by_task["BioASQ"].n_collapsed, one.by_task["BioASQ"].n) for one in settings}
    assert counts == {DEFAULT_RECIPE: (5, 5), FREEZE: (0, 5), DECAY: (2, 5)}
    assert [one.aliases for one in settings] == [["Cosine head"], [], []]
    assert collapse_table(evidence).rows[0][0].note == "also Cosine head"


def test_the_map_is_shaded_by_the_rate_that_is_proved_and_says_it_in_numbers(make_results):
    table = collapse_table(Evidence(results={"03": {"table4": make_results(RIGHT)}}), front=True)
    assert table.info["front"] and table.columns == ("Setting", "BioASQ")
    assert [row[1].text for row in table.rows] == ["5/5", "0/5", "2/5"]
    assert [re.search(r"shade (s\d)", row[1].markup)[1] for row in table.rows] == ["s4", "s0", "s2"]
    assert 'title="2 not trained, 3 better than trivial"' in table.rows[2][1].markup
    assert all(len(runs) == 5 for runs in table.runs.values()) and len(table.runs) == 3


def test_every_cell_names_its_task_for_narrow_pages(make_results):
    (row, *_) = collapse_table(Evidence(results={"03": {"table4": make_results(RIGHT)}})).rows
    assert row[1].markup.startswith('<small class="task">BioASQ</small>') and row[1].text == "5/5"


def test_the_default_recipe_is_one_row_also_where_a_grid_asks_for_something_else(make_results):
    others = {"Two segment ids": COLLAPSED, "One": GOOD, "Other": GOOD, "Searched recipe": GOOD}  # recipes by place
    standard = make_results(others, missing=("One", "Other"))
    evidence = Evidence(results={"03": {"table4": make_results(RIGHT)}, "06": {"table8": standard}})
    names = [one.name for one in count_statuses(evidence)]
    assert names == [DEFAULT_RECIPE, FREEZE, DECAY, "Searched recipe"]


def test_the_statuses_of_runs_are_counted_in_words(make_results):
    (setting,) = count_statuses(
        Evidence(results={"03": {"table4": make_results({"Default recipe": [90, 40, 62, None]})}})
    )
    assert str(setting.total) == "1 diverged, 1 constant predictions, 1 not trained, 1 better than trivial"
    assert setting.total.n_collapsed == 3


def test_runs_with_dev_in_train_are_judged_by_their_training_loss(make_results, joined):
    evidence = Evidence(results={"06": {"table8": joined(make_results(RIGHT), "Layerwise decay")}})
    counts = {one.name: (one.total.n_collapsed, one.total.n) for one in count_statuses(evidence)}
    assert counts[DECAY] == (2, 5)


def test_encoders_are_told_apart_where_asked_for(make_results):
    evidence = Evidence(results={"03": {"table4": make_results(RIGHT)}})
    assert collapse_table(evidence, by_encoder=True).rows[0][0] == "BERT · Default recipe"


def test_a_run_that_is_not_compared_is_named_beside_those_that_are(make_results):
    """The run of 00_overview is scored by several conventions."""
    alone = make_results(dict.fromkeys("1234", [90]), missing=("1", "2", "3"))  # a fourth recipe
    evidence = Evidence(results={"00_overview": {"scoring": alone}, "03": {"table4": make_results(RIGHT)}})
    assert "15 of the study's 16 runs" in safety_answer(evidence).sentences[-1]


def test_a_setting_that_never_collapsed_is_called_safe_only_as_far_as_its_runs_go(make_results):
    said = safety_answer(Evidence(results={"03": {"table4": make_results(RIGHT)}})).sentences
    assert said[-1].startswith("This rests on 15 runs of BERT, on BioASQ. Collapse is judged by the training loss;")
    assert said[0] == "No run collapsed under: Layer freeze (0 of 5, 95% interval up to 43%, on BioASQ)."
    assert said[1] == (
        "Runs collapsed most often under: Default recipe (5 of 5, on BioASQ); Layerwise decay (2 of 5, on BioASQ)."
    )


def test_nothing_run_is_said_as_such():
    empty = Evidence(results={})
    assert collapse_table(empty).rows[0][0] == "no runs yet"
    assert safety_answer(empty).sentences == ["Nothing has been run yet."]
