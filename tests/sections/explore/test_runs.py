"""The runs of some settings: every seed is shown, curves keep their gaps, and nothing to show is a sentence."""

import dataclasses

import pytest

from blurbstudy.sections.explore.catalog import Message, read_store
from blurbstudy.sections.explore.runs import (
    ID_DIGITS,
    MAX_GROUPS,
    Curve,
    curves_figure,
    curves_picture,
    default_groups,
    longest_curve,
    runs_table,
    seeds_picture,
)
from blurbstudy.store.run_store import RunStore

GOOD, BAD = [90, 92, 91, 93], [30, 85, None, 84]


def test_every_seed_is_a_point_and_collapsed_ones_are_counted(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    alt = seeds_picture(catalog, default_groups(catalog)).alt
    assert "BERT · BioASQ, Baseline, rate 1e-05: 4 seeds, 90.0 to 93.0, 0 collapsed." in alt
    assert "BERT · BioASQ, Baseline, rate 2e-05: 4 seeds, 30.0 to 85.0, 2 collapsed." in alt


def test_the_table_leads_to_run_ids(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    first, second = runs_table(catalog, catalog.groups).rows
    assert first[2:7] == ("4", "91.50", "1.29", "90.00", "4 better than trivial")
    assert second[6] == "1 diverged, 1 not trained, 2 better than trivial"
    assert first[7] == ", ".join(run.id[:ID_DIGITS] for run in catalog.groups[0].runs.values())


def test_of_many_settings_the_first_are_drawn_and_the_rest_is_told(make_catalog):
    catalog = make_catalog({f"rate {i}": [90] for i in range(MAX_GROUPS + 3)})
    figure = seeds_picture(catalog, catalog.groups)
    assert figure.notes[-1].startswith(f"{MAX_GROUPS + 3} settings match; only the first {MAX_GROUPS} are shown")
    for made in (figure, runs_table(catalog, catalog.groups)):
        assert made.caption.startswith(f"{MAX_GROUPS} runs")


def test_seeds_with_gaps_are_listed(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    (group,) = catalog.groups
    runs = {seed: group.runs[seed] for seed in (1, 2, 4)}
    assert "3 runs · seeds 1, 2, 4 ·" in catalog.caption([dataclasses.replace(group, runs=runs)])


def test_captions_name_runs_seeds_commit_and_parameters(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    for made in (seeds_picture(catalog, catalog.groups), runs_table(catalog, catalog.groups)):
        assert made.caption == "4 runs · seeds 1 to 4 · commit abcdef1234 · parameters/mini/x.yaml"


def test_nothing_to_show_is_a_sentence(make_catalog, tmp_path):
    empty = read_store(RunStore(tmp_path / "empty"), remedy="Fill it.")
    for made in (seeds_picture(empty, []), runs_table(empty, []), curves_picture(empty, longest_curve(empty))):
        assert isinstance(made, Message) and made.text == "This run store has no runs yet. Fill it."
    assert isinstance(seeds_picture(make_catalog({"Baseline": GOOD}), []), Message)


def test_a_curve_is_told_with_its_ends_and_a_value_that_is_not_finite_is_a_gap():
    points = {"step": [10, 20, 30], "train_loss": [2.0, None, 0.5], "dev_score": [0.1, 0.2, 0.4]}
    figure = curves_figure({"seed 1": Curve(points=points)}, title="t")
    assert "seed 1: 3 points, loss 2 to 0.5, dev score 10.0 to 40.0." in figure.alt
    assert len(figure.notes) == 1


def test_curves_of_a_single_point_say_why():
    points = {"step": [10], "train_loss": [2.0], "dev_score": [0.1]}
    assert "scored on dev only once" in curves_figure({"seed 1": Curve(points=points)}, title="t").notes[1]


@pytest.mark.parametrize("points", [{}, {"step": [], "train_loss": [], "dev_score": []}])
def test_a_run_that_has_only_begun_has_a_picture(points):
    figure = curves_figure({"this run": Curve(points=points, steps=(1, 2), losses=(3.0, None))}, title="t")
    assert "0 points, no loss yet, no dev score" in figure.alt
