"""Tables 8 and 9: the chosen recipe in its cell, the paper's number beside it, and what was not searched said."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from blurbstudy.config import Recipe
from blurbstudy.search.search import Search, SearchResult, Trial
from blurbstudy.search.space import search_space
from blurbstudy.sections.state_of_the_art.budget_curve import expected_figure
from blurbstudy.sections.state_of_the_art.grids import DEFAULT_RECIPE, SEARCHED_RECIPE
from blurbstudy.sections.state_of_the_art.published_scores import published_scores_table
from blurbstudy.sections.state_of_the_art.searches import optimal_recipe, searched_only
from blurbstudy.sections.state_of_the_art.tables8_9 import (
    describe_changes,
    format_choice,
    optimal_table,
    search_findings,
    search_table,
)
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.grid import Condition
from blurbstudy.tables.paper import paper_cell, paper_tables

COLUMNS = {"PubMedBERT": "BERT", "PubMedELECTRA": "ELECTRA"}
BASE = Recipe(learning_rate=1e-5)


@pytest.fixture
def found():
    """A search of three trials on BioASQ whose second is best."""
    space = search_space(BASE, {"learning_rate": [1e-5, 2e-5], "freeze": [0, 6], "segment_ids": ["single"]}, segments=2)
    search = Search(task="BioASQ", encoder="BERT", space=space, seeds=(101,), sources=None)
    other = space.default | {"freeze": 6, "segment_ids": "single"}
    params = [space.default, other, space.default | {"learning_rate": 2e-5}]
    trials = [Trial(params=p, configs=(), value=v) for p, v in zip(params, (0.5, 0.75, 0.625), strict=True)]
    return SearchResult(search=search, budget=3, trials=tuple(trials))


@pytest.fixture
def results(make_results):
    """Standard and optimal runs of PubMedBERT's column on BioASQ; PubMedELECTRA has none."""
    made = make_results({DEFAULT_RECIPE: [80, 82, 81], SEARCHED_RECIPE: [90, 91, 92]})
    part = replace(made.grid.columns[0], label="BioASQ", paper="BioASQ")
    cells = {Condition("PubMedBERT", key.level, "BioASQ"): runs for key, runs in made.grid.cells.items()}
    return replace(
        made,
        grid=replace(
            made.grid,
            columns=(part,),
            cells=cells,
            groups=("PubMedBERT", "PubMedELECTRA"),
            missing_reasons={"PubMedELECTRA": "no path given"},
        ),
    )


class AStudy:
    """What tables of searches ask of a study."""

    provenance, is_demo = "parameters/mini/x.yaml", True

    parameters = SimpleNamespace(show_paper=True)

    def __init__(self, folder):
        self.store = RunStore(folder)


def table8(results, searched, *, train_on_dev=()):
    return optimal_table(results, searched, title="Table 8", paper="table8", columns=COLUMNS, train_on_dev=train_on_dev)


@pytest.mark.parametrize("table", ["table8", "table9"])
def test_every_number_of_the_papers_table_stands_beside_its_cell(table):
    for column, cells in paper_tables()[table]["cells"].items():
        name, _, setting = column.partition(" ")
        for task, printed in cells.items():
            assert paper_cell(table, group=name, level=setting.capitalize(), column=task) == printed


def test_standard_and_optimal_stand_side_by_side_with_the_recipe_below(results, found):
    table = table8(results, {("BERT", "BioASQ"): found})
    assert table.columns[1:] == (
        "PubMedBERT, default recipe", "PubMedBERT, searched recipe", "PubMedELECTRA, default recipe",
        "PubMedELECTRA, searched recipe",
    )  # fmt: skip
    ((name, standard, optimal, none, _),) = table.rows
    assert name == "BioASQ" and (standard.mean, optimal.mean) == (pytest.approx(81), pytest.approx(91))
    assert (standard.paper, optimal.paper) == (87.56, 91.79)
    assert standard.footnote == "" and optimal.footnote == "freeze 6, one segment id"
    assert none.state == "no path given" and none.paper == 87.71
    assert "freeze 6, one segment id" in table._repr_html_()


def test_the_notes_say_how_many_trials_which_seeds_and_which_tasks(results, found):
    notes = " ".join(table8(results, {("BERT", "BioASQ"): found}, train_on_dev=["BioASQ"]).notes)
    assert "best of 3 trials on dev" in notes and "seed 101" in notes and "seeds 1 to 3, which no trial" in notes
    assert "Trained on train and dev once the recipe was chosen: BioASQ" in notes
    assert "Nothing was searched" in table8(results, {}).notes[0]


def test_tasks_without_a_search_are_named_and_their_cells_say_so(results, found):
    other = replace(results.grid.columns[0], label="HoC", tasks=("HoC",))
    cells = dict(results.grid.cells)
    for setting in (DEFAULT_RECIPE, SEARCHED_RECIPE):
        cells[Condition("PubMedBERT", setting, "HoC")] = cells[Condition("PubMedBERT", setting, "BioASQ")]
    two = replace(results, grid=replace(results.grid, columns=(*results.grid.columns, other), cells=cells))
    table = table8(two, {("BERT", "BioASQ"): found})
    assert table.rows[1][2].footnote == "not searched: as the default"
    assert any(note.startswith("Searched on 1 of 2 tasks: BioASQ.") for note in table.notes)
    assert [part.label for part in searched_only(two, {("BERT", "BioASQ"): found}).grid.columns] == ["BioASQ"]


def test_the_chosen_recipe_takes_dev_into_train_where_asked_for(found):
    chosen = optimal_recipe(found, BASE, train_on_dev=False)
    assert (
        chosen.stabilizers == {"freeze": {"layers": 6}} and chosen.segment_ids == "single" and not chosen.train_on_dev
    )
    joined = optimal_recipe(found, BASE, train_on_dev=True)
    assert joined == chosen.replace(train_on_dev=True) and joined.checkpoint_selection == "last"
    assert optimal_recipe(None, BASE, train_on_dev=False) == BASE


def test_where_nothing_was_searched_dev_joins_train_as_well(found):
    assert optimal_recipe(None, BASE, train_on_dev=True) == BASE.replace(train_on_dev=True)


def test_a_search_that_is_not_at_its_end_chooses_nothing(found, results):
    half = replace(found, budget=5)
    assert half.best is None and optimal_recipe(half, BASE, train_on_dev=False) is None
    assert describe_changes(half, train_on_dev=False) == "search unfinished: 3 of 5 trials"
    assert "search unfinished" in search_findings({("BERT", "BioASQ"): half}).sentences[0]


def test_the_standard_recipe_may_win(found):
    trials = (replace(found.trials[0], value=0.9), *found.trials[1:])
    assert describe_changes(replace(found, trials=trials), train_on_dev=False) == "the default recipe was best"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", 2e-5, "learning rate 2e-05"), ("segment_ids", "single", "one segment id"),
        ("reinit_layers", 1, "reinit 1"), ("freeze", 0, "no freeze"), ("bias_correction", False, "bias correction off"),
        ("freeze", 1, "freeze 1"),
    ],
)  # fmt: skip
def test_choices_are_said_in_words(name, value, said):
    assert format_choice(name, value) == said


def test_the_table_of_searches_shows_dev_alone_and_the_space(found, tmp_path):
    table = search_table(AStudy(tmp_path), {("BERT", "BioASQ"): found})
    assert table.rows == [("BioASQ", "BERT", "3\u00a0of\u00a03", "50.00", "75.00", "50.00", "freeze 6, one segment id")]
    notes = " ".join(table.notes)
    assert "(8 recipes): freeze 0, 6; learning rate 1e-05, 2e-05; segment ids pair, single." in notes
    assert search_table(AStudy(tmp_path), {}).rows[0][0] == "nothing searched"


def test_the_curve_tells_its_numbers_in_words(found, tmp_path):
    figure = expected_figure(AStudy(tmp_path), {("BERT", "BioASQ"): found})
    assert "BioASQ, BERT: expected 62.5 from one trial, 75.0 the best of 3." in figure.alt
    assert "No trial has been run" in expected_figure(AStudy(tmp_path), {}).alt


def test_peers_stand_beside_our_optimal_cells(results, tmp_path):
    table = published_scores_table(AStudy(tmp_path), {"BASE": results})
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["PubMedBERT-BASE, here"].text.startswith("91.00\nseeds [") and row["BioLinkBERT-LARGE"] == "94.82"
    assert row["PubMedBERT-BASE, the paper"] == "91.79" and "PubMedELECTRA-BASE, here" not in row
    assert any("compare with none" in note for note in table.notes)
