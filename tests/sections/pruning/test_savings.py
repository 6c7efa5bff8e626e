"""What removal saves: from the records of runs that there are at both depths, beside the loss."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from blurbstudy.models import Architecture
from blurbstudy.sections.pruning.savings import drops_figure, format_saving, runtime_and_memory, savings_table
from blurbstudy.sections.pruning.table7 import blurb_score_results
from blurbstudy.stabilizers import RemoveLayers
from blurbstudy.study.grid import Condition, TaskColumn
from blurbstudy.tasks import get_task

SHAPE = Architecture(family="bert", vocab_size=100, n_layers=4, width=32, n_heads=2, intermediate=64)
STUDY = SimpleNamespace(
    tasks=[get_task("BioASQ")],
    encoders={"BERT": ""},
    sources=SimpleNamespace(encoders={"BERT": SimpleNamespace(architecture=SHAPE)}),
)


@pytest.fixture
def cut(make_results):
    """Full depth: 3 seeds of 4 s and 2 MiB; half: 2 seconds and 1 MiB, without the last seed."""
    found = make_results({"0 of 4": [90, 88, 92], "2 of 4": [80, 79]})
    part = TaskColumn(label="BioASQ", tasks=("BioASQ",), paper="BioASQ")
    cells = {Condition("BERT", key.level, "BioASQ"): runs for key, runs in found.grid.cells.items()}
    techniques = {"0 of 4": (), "2 of 4": (RemoveLayers(2),)}
    half = {run.id for run in cells[Condition("BERT", "2 of 4", "BioASQ")]}
    records = {
        name: replace(record, seconds=2.0 + record.config.seed if name in half else 4.0 + 2 * record.config.seed,
                      peak_bytes=(1 if name in half else 2) << 20)
        for name, record in found.records.items()
    }  # fmt: skip
    grid = replace(found.grid, columns=(part,), cells=cells, layers={"BERT": 4}, techniques=techniques)
    return replace(found, records=records, grid=grid)


def test_seconds_and_memory_are_compared_on_the_seeds_that_both_have(cut):
    """Seeds 1 and 2: 3 and 4 seconds against 6 and 8."""
    assert runtime_and_memory(cut, "2 of 4", "0 of 4") == ("3.5 (−50%)", "1 MiB (−50%)")
    assert runtime_and_memory(cut, "0 of 4", "0 of 4") == ("8 (0%)", "2 MiB (0%)")


def test_savings_stand_beside_the_loss(cut):
    table = savings_table(STUDY, cut, blurb_score_results(STUDY, cut))
    full, half = table.rows
    layers = SHAPE.n_parameters - SHAPE.with_layers(2).n_parameters
    share = round(100 * layers / SHAPE.n_parameters)
    assert full[4:] == ("–", "–", "–") and table.columns[4] == "Mean of the tasks"
    assert half[1].endswith(f"(−{share}%)") and half[2:4] == ("3.5 (−50%)", "1 MiB (−50%)")
    assert half[4] == "−10.50" and half[5] == "–" and half[6] == "BioASQ −10.50"  # 79.5 − 90
    assert any("unknown device, ? at once (5 runs)" in note for note in table.notes)


@pytest.mark.parametrize(("value", "full", "said"), [(50, 100, "−50%"), (100, 100, "0%"), (120, 100, "+20%")])
def test_what_is_saved_is_negative(value, full, said):
    assert format_saving(value / full) == said


def test_the_figure_tells_every_drop_in_words(cut):
    figure = drops_figure(STUDY, cut)
    assert figure.alt == "BioASQ: −10.50 at 50%."
