"""The notebooks: thin, stripped, declared; and each goes through at tiny settings, alone under papermill as well."""

import ast
import json

import nbformat
import papermill
import pytest

from blurbstudy import paths
from blurbstudy.cli.notebook_options import TUTORIALS, select_notebooks
from blurbstudy.errors import ParameterError
from blurbstudy.report.execute import FAILURE
from blurbstudy.report.plan import planned_configs, planned_study
from blurbstudy.sections import NOTEBOOKS
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.tables.table import FIGURES_MIME

STEMS = NOTEBOOKS
ALL = (*STEMS, *TUTORIALS)
LONGEST = 15  # lines of a cell that is not the parameters


def code_cells(stem):
    return [cell for cell in read(stem).cells if cell.cell_type == "code"]


def read(stem):
    return nbformat.read(paths.NOTEBOOKS / f"{stem}.ipynb", as_version=4)


@pytest.mark.parametrize("stem", ALL)
def test_outputs_are_stripped(stem):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(stem))


@pytest.mark.parametrize("stem", ALL)
def test_the_first_code_cell_alone_is_tagged_parameters(stem):
    tagged = ["parameters" in cell.metadata.get("tags", ()) for cell in code_cells(stem)]
    assert tagged == [True] + [False] * (len(tagged) - 1)


@pytest.mark.parametrize("stem", STEMS)
def test_the_cell_after_the_parameters_checks_them(stem):
    assert f"Study({stem.partition('_')[2]}, globals())" in code_cells(stem)[1].source


@pytest.mark.parametrize("stem", ALL)
def test_cells_are_short_and_define_nothing(stem):
    for cell in code_cells(stem)[1:]:
        assert len(cell.source.splitlines()) <= LONGEST
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not any(isinstance(node, kinds) for node in ast.walk(ast.parse(cell.source)))


@pytest.mark.parametrize("stem", STEMS)
def test_the_answer_comes_first_then_the_paper_then_how_it_was_run(stem):
    text = [cell.source for cell in read(stem).cells if cell.cell_type == "markdown"]
    assert text[0].startswith("# ")
    headings = [line for source in text for line in source.splitlines() if line.startswith("## ")]
    wanted = ["## What this shows", "## Against the paper", "## How it was run"]
    if stem == "08_claims":  # the answer is above all headings; then comes what needs no run
        wanted = ["## Against the paper", "## What this shows"]
    assert [heading for heading in headings if heading in wanted] == wanted


@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_goes_through_at_tiny_settings(stem, tiny_study):
    executed = nbformat.read(tiny_study / "report" / "notebooks" / f"{stem}.ipynb", as_version=4)
    assert FAILURE not in executed.metadata
    errors = [o for cell in executed.cells for o in cell.get("outputs", ()) if o.output_type in ("error", "stream")]
    assert errors == []


def test_the_baseline_of_one_notebook_is_a_column_of_the_other(tiny_study):
    """4 settings x 2 tasks x 2 seeds and the pair head; 7 settings x 2 tasks x 2 seeds, whose baselines are among the
    former; of the 13 tasks x 2 seeds of the pretraining ablation two tasks are that baseline, and the two of questions
    have another segment id beside. The LARGE encoder has 4 settings x 2 tasks x 2 seeds, 2 tasks of one seed, its BASE
    counterpart nothing of its own; removing one layer of two is new on 6 tasks x 2 seeds. The standard recipes of Table
    8 are those of Table 2; a search adds 3 trials of one seed, 2 runs of what it chose with dev joined to train, and 2
    without unless it chose the standard.
    """
    store = RunStore(tiny_study / "store")
    (search,) = store.all_metadata("searches").values()
    chosen, standard = search["chosen"], search["standard"] | {"decay": 1.0, "freeze": 0, "reinit_layers": 0}
    chose_the_standard = all(standard[name] == value for name, value in chosen.items())
    overview, large, pruned, searched = 1, 16 + 2, 12, 3 + 2 + (0 if chose_the_standard else 2)
    made = len(store)
    assert made == (16 + 2) + (28 - 4) + (26 - 4) + 4 + overview + large + pruned + searched


def test_plain_papermill_with_an_unknown_parameter_stops_before_anything_runs(tmp_path):
    store = tmp_path / "store"
    with pytest.raises(papermill.PapermillExecutionError) as raised:
        papermill.execute_notebook(
            paths.NOTEBOOKS / f"{STEMS[1]}.ipynb",
            tmp_path / "out.ipynb",
            parameters={"nonsense": 1, "store": str(store)},
            progress_bar=False,
            cwd=tmp_path,
            extra_arguments=["--log-level=CRITICAL"],
        )
    assert raised.value.ename == "ParameterError" and "unknown parameter 'nonsense'" in raised.value.evalue
    assert not store.exists()


@pytest.mark.parametrize("given", [{}, scale_parameters("mini", "03_layer_adaptation")])
def test_a_typo_saved_in_the_parameters_cell_is_refused(given, tmp_path, monkeypatch):
    notebook = read("03_layer_adaptation")
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    parameters.source += "\nsedes = 3"
    nbformat.write(notebook, tmp_path / "03_layer_adaptation.ipynb")
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path)
    with pytest.raises(papermill.PapermillExecutionError, match="unknown parameter 'sedes'") as raised:
        execute("03_layer_adaptation", tmp_path, **given | {"store": str(tmp_path / "store")})
    assert raised.value.traceback == [raised.value.evalue] and not (tmp_path / "store").exists()


@pytest.mark.parametrize("stem", ALL)
def test_the_file_is_formatted_as_git_keeps_it(stem):
    text = (paths.NOTEBOOKS / f"{stem}.ipynb").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_what_is_explored_with_controls_is_still_in_a_report(tiny_study):
    """No control is made where nobody can use it, so that no state of one, with text of the data, is saved."""
    executed = nbformat.read(tiny_study / "report" / "notebooks" / "90_explore.ipynb", as_version=4)
    panels = [cell for cell in executed.cells if cell.cell_type == "code" and "panels." in cell.source]
    shown = [output.data for cell in panels for output in cell.outputs]
    assert [len(data[FIGURES_MIME]) for data in shown] == [1, 2, 2, 1]
    assert all("figure" in data["text/html"] for data in shown)
    assert not any("widget" in mime for data in shown for mime in data) and "widgets" not in executed.metadata


@pytest.mark.parametrize("stem", ALL)
def test_the_parameters_are_folded(stem):
    first, *others = code_cells(stem)
    assert first.metadata["jupyter"] == {"source_hidden": True}
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in others]
    assert folded == [stem == "90_explore"] * len(others)


def test_a_notebook_for_exploring_plans_no_runs_and_no_encoders(tmp_path):
    given = {"store": str(tmp_path / "store"), "encoders": {"BERT": "pretrain:bert"}}
    study, to_pretrain = planned_study("90_explore", scale_parameters("mini", "90_explore") | given)
    assert planned_configs(study) == {} and to_pretrain == {} and not (tmp_path / "store").exists()


def execute(stem, out, **given):
    papermill.execute_notebook(
        paths.NOTEBOOKS / f"{stem}.ipynb",
        out / "out.ipynb",
        parameters=given,
        progress_bar=False,
        cwd=out,
        extra_arguments=["--log-level=CRITICAL"],
    )
    return nbformat.read(out / "out.ipynb", as_version=4)


def test_a_tutorial_is_no_part_of_the_study():
    assert {path.stem for path in paths.NOTEBOOKS.glob("*.ipynb")} == set(ALL) and not set(STEMS) & set(TUTORIALS)
    with pytest.raises(ParameterError, match="10_your_own_data is a tutorial, not part of the study; open it with"):
        select_notebooks(TUTORIALS)


@pytest.mark.parametrize("stem", TUTORIALS)
def test_a_tutorial_refuses_unknown_parameters(stem, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="unknown parameter 'nonsense'"):
        execute(stem, tmp_path, nonsense=1)


@pytest.mark.slow
def test_your_own_data_goes_through_from_raw_files_to_marked_text(tmp_path, tiny_encoder):
    given = {"encoder": str(tiny_encoder), "folder": str(tmp_path / "work"), "seeds": 1, "epochs": 2}
    executed = execute("10_your_own_data", tmp_path, device="cpu", **given)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    assert all(output.get("name") != "stderr" for output in outputs)
    shown = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    for part in (
        "240 sentences, 370 mentions, of 48 documents",
        "Recommended for case reports",
        "the best on dev",
        "Scores by class on ",
        "<iframe",
    ):
        assert part in shown
    (model,) = (tmp_path / "work" / "runs-models").iterdir()
    assert (model / "README.md").is_file() and len(RunStore(tmp_path / "work" / "runs")) == 1
