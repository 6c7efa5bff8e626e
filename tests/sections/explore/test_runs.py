"""The runs of some settings: every seed is shown, curves keep their gaps, and nothing to show is a sentence."""

import dataclasses
import re
import shutil

import pytest

from blurbstudy.sections.explore.catalog import Remark, read_store
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
from blurbstudy.store.caveats import put_caveats
from blurbstudy.store.run_store import RunStore
from blurbstudy.tables.chart import number
from blurbstudy.tasks import CustomForm
from blurbstudy.tasks.caveats import Caveat

GOOD, BAD = [90, 92, 91, 93], [30, 85, None, 84]


def test_every_seed_is_a_point_and_collapsed_ones_are_counted(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    alt = seeds_picture(catalog, default_groups(catalog)).alt
    assert "BERT · BioASQ, No technique, rate 1e-05: 4 seeds, 90.0 to 93.0, 0 collapsed." in alt
    assert "BERT · BioASQ, No technique, rate 2e-05: 4 seeds, 30.0 to 85.0, 2 collapsed." in alt


def test_the_table_leads_to_run_ids(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    first, second = runs_table(catalog, catalog.groups).rows
    assert first[2:7] == ("4", "91.50", "1.29", "90.00", "4 better than trivial")
    assert second[6] == "1 diverged, 1 not trained, 2 better than trivial"
    assert first[7] == ", ".join(run.id[:ID_DIGITS] for run in catalog.groups[0].runs.values())


def test_the_caveats_that_the_store_has_are_told_below_the_table(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    assert len(runs_table(catalog, catalog.groups).notes) == 1
    caveats = [
        Caveat(kind="few", split=split, count=9, total=9, text=f"{split} has 9 examples") for split in ("dev", "test")
    ]
    for group in catalog.groups:
        put_caveats(catalog.store, group.runs[1].config, caveats)
    assert runs_table(catalog, catalog.groups).notes[1:] == ["BioASQ, caveat: test has 9 examples."]
    own = [dataclasses.replace(g, task=dataclasses.replace(g.task, custom=CustomForm())) for g in catalog.groups]
    assert runs_table(catalog, own).notes[1:] == ["BioASQ, caveat: test has 9 examples."]
    for path in catalog.store.folder.rglob("*caveats*"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    assert runs_table(catalog, own).notes[1:] == ["BioASQ: caveats were not looked for."]


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
        assert isinstance(made, Remark) and made.text == "This run store has no runs yet. Fill it."
    assert isinstance(seeds_picture(make_catalog({"Baseline": GOOD}), []), Remark)


def test_a_curve_is_told_with_its_ends_and_a_value_that_is_not_finite_is_a_gap():
    points = {"step": [10, 20, 30], "train_loss": [2.0, None, 0.5], "dev_score": [0.1, 0.2, 0.4]}
    figure = curves_figure({"seed 1": Curve(points=points)}, title="t")
    assert "seed 1: 3 points, loss 2 to 0.5, dev score 10.0 to 40.0." in figure.alt
    assert len(figure.notes) == 1


def test_several_runs_have_their_mean_where_all_were_scored():
    curves = {
        "seed 1": Curve(points={"step": [10, 20], "train_loss": [2.0, 1.0], "dev_score": [0.2, 0.4]}),
        "seed 2": Curve(points={"step": [10, 20], "train_loss": [4.0, None], "dev_score": [0.4, 0.8]}),
    }
    figure = curves_figure(curves, title="t")
    loss, score = figure.panels
    assert [panel.svg().count("<circle") for panel in figure.panels] == [3, 4]
    x, y = ([number(at(value)) for value in values] for at, values in ((score.across, (10, 20)), (score.up, (30, 60))))
    assert f"M{x[0]} {y[0]}L{x[1]} {y[1]}" in score.svg()
    assert f'M{x[0]} {number(loss.up(3.0))}"' in loss.svg()  # at step 10 alone
    assert [key.text for key in figure.keys] == ["seed 1", "seed 2", "mean of the runs"]


def test_the_losses_of_many_batches_are_averaged_to_few_points():
    curve = Curve(points={}, steps=range(1, 1001), losses=[float(step % 2) for step in range(1000)])
    (loss, _) = curves_figure({"this run": curve}, title="t").panels
    (line,) = re.findall(r'd="(M[^"]*)" style="[^"]*opacity', loss.svg())
    heights = {point.split()[1] for point in re.split("[ML]", line)[1:]}
    assert line.count("L") == 199 and len(heights) == 2  # means of five: 0.4 and 0.6


def test_curves_of_a_single_point_say_why():
    points = {"step": [10], "train_loss": [2.0], "dev_score": [0.1]}
    assert "scored on dev only once" in curves_figure({"seed 1": Curve(points=points)}, title="t").notes[1]


@pytest.mark.parametrize("points", [{}, {"step": [], "train_loss": [], "dev_score": []}])
def test_a_run_that_has_only_begun_has_a_picture(points):
    figure = curves_figure({"this run": Curve(points=points, steps=(1, 2), losses=(3.0, None))}, title="t")
    assert "0 points, no loss yet, no dev score" in figure.alt
