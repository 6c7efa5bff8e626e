"""Parameters: each notebook's cell, its section's model and the files of every scale agree."""

import ast
import io
import json
import tokenize

import pytest
import yaml

from blurbstudy import paths
from blurbstudy.config import SCALES
from blurbstudy.errors import ParameterError
from blurbstudy.sections import NOTEBOOKS, get_section
from blurbstudy.study.parameters import hub_id, scale_parameters
from blurbstudy.tables.paper import paper_tables


def cell_parameters(notebook):
    """Name -> (literal, comment) of a notebook's parameters cell."""
    cells = json.loads((paths.NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.removeprefix("# ") for token in tokens if token.type == tokenize.COMMENT}
    return {
        node.targets[0].id: (ast.literal_eval(node.value), comments.get(node.end_lineno, ""))
        for node in ast.parse(source).body
    }


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebooks_cell_has_the_parameters_of_its_section_with_their_descriptions(notebook):
    fields = get_section(notebook).Parameters.model_fields
    assert {name: comment for name, (_, comment) in cell_parameters(notebook).items()} == {
        name: field.description for name, field in fields.items()
    }


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebooks_cell_has_the_values_of_the_mini_scale_and_trains_what_is_missing(notebook):
    values = {name: value for name, (value, _) in cell_parameters(notebook).items()}
    assert values == scale_parameters("mini", notebook) | {"train_missing": True}


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_notebook_section_and_parameters_file_share_a_name(notebook):
    section = get_section(notebook)
    assert notebook == section.NOTEBOOK
    assert section.__name__ == f"blurbstudy.sections.{notebook.partition('_')[2]}"
    assert (paths.NOTEBOOKS / f"{notebook}.ipynb").is_file()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_files_of_a_scale_set_every_parameter_to_a_valid_value(notebook, scale):
    values = scale_parameters(scale, notebook)
    section = get_section(notebook)
    assert set(values) == set(section.Parameters.model_fields) - {"train_missing"}
    assert section.Parameters.parse(values).scale == scale


@pytest.mark.parametrize("scale", SCALES)
def test_parameters_files_have_the_name_of_a_notebook(scale):
    files = {path.stem for path in (paths.PARAMETERS / scale).glob("*.yaml")}
    assert files == {"common", *NOTEBOOKS}


@pytest.mark.parametrize("scale", SCALES)
def test_the_baseline_of_table_4_is_a_column_of_tables_2_and_3(scale):
    """So those runs are trained once for all three notebooks."""
    one, two, three = (scale_parameters(scale, notebook) for notebook in NOTEBOOKS[1:4])
    for kind, name in (("similarity", "biosses"), ("question", "qa")):
        assert one["epochs"][kind] == three[f"{name}_epochs"]
        assert one["max_lengths"][kind] == three[f"{name}_max_length"]
    assert two["epochs_long"] == three["biosses_epochs"]
    assert two["max_length"] == three["biosses_max_length"]
    for name in ("learning_rate", "batch_size", "n_evaluations"):
        assert one[name] == two[name] == three[name]


@pytest.mark.parametrize("scale", SCALES)
def test_the_standard_recipes_of_tables_8_and_9_are_those_of_table_2(scale):
    """So those runs are trained once, and optimal is compared with what the other tables show."""
    two, eight = (scale_parameters(scale, name) for name in ("01_pretraining_ablation", "06_state_of_the_art"))
    for name in ("epochs", "max_lengths", "learning_rate", "batch_size", "n_evaluations", "seeds", "precision"):
        assert two[name] == eight[name], name
    for encoder in eight["base_columns"].values():
        assert eight["encoders"][encoder] == two["encoders"][encoder]


@pytest.mark.parametrize("scale", SCALES)
def test_base_counterparts_and_full_depth_are_runs_of_other_notebooks(scale):
    """So the BASE counterparts of Table 6 and the first column of Table 7 cost nothing more."""
    one, three, four, five = (scale_parameters(scale, NOTEBOOKS[n]) for n in (1, 3, 4, 5))
    for name in ("epochs", "max_lengths", "learning_rate", "batch_size", "n_evaluations"):
        assert one[name] == four[name] == five[name]
    assert (three["freeze"], three["decay"]) == (four["base_freeze"], four["base_decay"])
    for name in ("reinit_layers", "reinit_pooler"):
        assert three[name] == four[name]


def test_the_large_encoders_of_the_paper_are_all_in_the_file_of_hub_names():
    four = scale_parameters("paper", NOTEBOOKS[4])
    assert list(four["large_encoders"]) == list(paper_tables()["table6"]["cells"])
    known = {**four["encoders"], **four["base_encoders"]}
    assert set(four["base_counterparts"].values()) <= set(known)
    for spec in (*four["large_encoders"].values(), *four["base_encoders"].values()):
        assert "/" in hub_id(spec)


def test_hub_names_are_looked_up_in_one_file_and_other_specs_are_kept():
    assert hub_id("hub:PubMedBERT-BASE").startswith("microsoft/")
    assert hub_id("some/folder") == "some/folder"
    assert hub_id(None) is None
    with pytest.raises(ParameterError, match="PubMedBERT-BASE"):
        hub_id("hub:nothing")


def test_a_file_with_an_unknown_name_is_an_error_that_says_where_the_known_ones_are():
    values = scale_parameters("mini", "08_claims") | {"nonsense": 1}
    with pytest.raises(
        ParameterError,
        match=r"unknown parameter 'nonsense' \(here\); parameters/mini/\*.yaml list the parameters of each notebook",
    ):
        get_section("08_claims").Parameters.parse(values, origin="here")


def test_a_renamed_parameter_is_an_error_with_its_new_name():
    values = scale_parameters("mini", "02_optimization_ablation") | {"evaluations": 2}
    with pytest.raises(ParameterError, match=r"parameter 'evaluations' \(here\) is now 'n_evaluations'; rename it"):
        get_section("02_optimization_ablation").Parameters.parse(values, origin="here")


def test_a_missing_value_is_an_error_that_says_where_to_set_it():
    values = {name: value for name, value in scale_parameters("mini", "08_claims").items() if name != "margin"}
    with pytest.raises(ParameterError, match="parameter 'margin' has no value; set it in the parameters file or with"):
        get_section("08_claims").Parameters.parse(values)


def test_a_file_that_is_not_a_mapping_is_named(tmp_path, monkeypatch):
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "common.yaml").write_text(yaml.safe_dump([1]))
    monkeypatch.setattr(paths, "PARAMETERS", tmp_path)
    with pytest.raises(ParameterError, match="common.yaml: expected lines of `name: value`"):
        scale_parameters("mini", NOTEBOOKS[0])


def test_an_unknown_notebook_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ParameterError, match="04_unknown.*00_overview"):
        get_section("04_unknown")
