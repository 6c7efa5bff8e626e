"""A notebook's runs are found by following its own statements backwards; tables and figures are not made."""

import ast

import pytest
from blurbstudy.study.dry_run import run_statements

NOTEBOOK = """
import itertools
study = Study("x", globals())
study
bases = {}
for task in study.tasks:
    bases[task] = study.recipe(epochs=epochs)
names = []
names.append("freeze")
unused = audit(study)
grid = study.grid(names, bases=bases)
results = study.run(grid)
table = big_table(results)
first, *others = itertools.chain(names)
more = study.run(study.grid(others, bases=bases))
figure(more, table)
"""


def kept(source: str) -> list[str]:
    return [ast.unparse(statement) for statement in run_statements(source).body]


def test_all_that_a_run_depends_on_is_kept_and_nothing_else():
    found = "\n".join(kept(NOTEBOOK))
    for needed in ("import itertools", "study = Study", "bases = {}", "bases[task] = ", "names.append", "grid = ",
                   "results = study.run", "first, *others", "more = study.run"):  # fmt: skip
        assert needed in found
    for idle in ("audit", "big_table", "figure("):
        assert idle not in found
    assert "study" not in kept(NOTEBOOK)


def test_a_grid_that_depends_on_the_results_of_another_run_keeps_both():
    source = "study = Study(1)\na = study.run(g)\nbest = choose(a)\nb = study.run(best)\nshow(b)"
    assert kept(source) == ["study = Study(1)", "a = study.run(g)", "best = choose(a)", "b = study.run(best)"]


@pytest.mark.parametrize("source", ["", "x = 1\nprint(x)"])
def test_a_notebook_without_runs_keeps_nothing(source):
    assert kept(source) == []
