"""The map of collapse: each run counted once, shades by share, and words that go no further than the runs."""

import re

from blurbstudy.sections.claims.collapse_map import collapse_table, count_statuses, safety_answer
from blurbstudy.sections.claims.evidence import Evidence

GOOD, COLLAPSED = [90, 92, 91, 93, 90], [60, 61, 60, 62, 61]
RIGHT = {"Baseline": COLLAPSED, "Layer freeze": GOOD, "Layerwise decay": [*GOOD[:3], *COLLAPSED[:2]]}


def test_each_run_counts_once_and_settings_with_the_same_runs_share_a_row(make_results):
    same = make_results({"Improved optimization": COLLAPSED})  # by its recipe the runs of the baseline
    evidence = Evidence(results={"03": {"table4": make_results(RIGHT)}, "02": {"table3": same}})
    settings = count_statuses(evidence)
    counts = {one.name: (one.by_task["BioASQ"].n_collapsed, one.by_task["BioASQ"].n) for one in settings}
    assert counts == {"Baseline": (5, 5), "Layer freeze": (0, 5), "Layerwise decay": (2, 5)}
    assert [one.aliases for one in settings] == [["Improved optimization"], [], []]
    assert collapse_table(evidence).rows[0][0].note == "also Improved optimization"


def test_the_map_is_shaded_by_share_and_says_it_in_numbers(make_results):
    table = collapse_table(Evidence(results={"03": {"table4": make_results(RIGHT)}}), front=True)
    assert table.info["front"] and table.columns == ("Setting", "BioASQ")
    assert [row[1].text for row in table.rows] == ["5/5", "0/5", "2/5"]
    assert [re.search(r"shade (s\d)", row[1].markup)[1] for row in table.rows] == ["s5", "s0", "s3"]
    assert 'title="2 not trained, 3 better than trivial"' in table.rows[2][1].markup
    assert all(len(runs) == 5 for runs in table.runs.values()) and len(table.runs) == 3


def test_the_statuses_of_runs_are_counted_in_words(make_results):
    (setting,) = count_statuses(Evidence(results={"03": {"table4": make_results({"Baseline": [90, 40, 62, None]})}}))
    assert str(setting.total) == "1 diverged, 1 constant predictions, 1 not trained, 1 better than trivial"
    assert setting.total.n_collapsed == 3


def test_runs_with_dev_in_train_are_judged_by_their_training_loss(make_results, joined):
    evidence = Evidence(results={"06": {"table8": joined(make_results(RIGHT), "Layerwise decay")}})
    counts = {one.name: (one.total.n_collapsed, one.total.n) for one in count_statuses(evidence)}
    assert counts["Layerwise decay"] == (2, 5)


def test_encoders_are_told_apart_where_asked_for(make_results):
    evidence = Evidence(results={"03": {"table4": make_results(RIGHT)}})
    assert collapse_table(evidence, by_encoder=True).rows[0][0] == "BERT · Baseline"


def test_a_setting_that_never_collapsed_is_called_safe_only_as_far_as_its_runs_go(make_results):
    said = safety_answer(Evidence(results={"03": {"table4": make_results(RIGHT)}})).sentences
    assert said[0] == "This rests on 15 runs of BERT, on BioASQ."
    assert said[1] == (
        "No run collapsed under: Layer freeze (0 of 5: with 95% confidence fewer than 43 in 100, on BioASQ)."
    )
    assert (
        said[2] == "Runs collapsed most often under: Baseline (5 of 5, on BioASQ); Layerwise decay (2 of 5, on BioASQ)."
    )


def test_nothing_run_is_said_as_such():
    empty = Evidence(results={})
    assert collapse_table(empty).rows[0][0] == "no runs yet"
    assert safety_answer(empty).sentences == ["Nothing has been run yet."]
