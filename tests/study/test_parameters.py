"""Parameters: every notebook declares what it takes, every file keeps to that."""

import pytest
import yaml
from blurbstudy.study.parameter_schema import CHECKS, SCALES, check_values

from blurbstudy import paths
from blurbstudy.errors import ParameterError
from blurbstudy.study import parameters
from blurbstudy.study.parameters import (
    check_names,
    declared_parameters,
    given_names,
    hub_id,
    notebook_stems,
    scale_parameters,
)
from blurbstudy.tables.paper import paper_tables

STEMS = notebook_stems()


@pytest.mark.parametrize("stem", STEMS)
def test_every_parameter_has_a_comment_and_a_check(stem):
    for name, entry in declared_parameters(stem).items():
        assert len(entry.comment) > 5, name
        assert name in CHECKS, name


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_notebook_declares_every_key_of_common_yaml(stem, scale):
    common = yaml.safe_load((paths.PARAMETERS / scale / "common.yaml").read_text())
    assert set(common) <= set(declared_parameters(stem))


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_files_of_a_scale_set_every_parameter_to_a_valid_value(stem, scale):
    values = scale_parameters(scale, stem)
    assert set(values) == set(declared_parameters(stem))
    assert values["scale"] == scale
    check_values(values)


@pytest.mark.parametrize("stem", STEMS)
def test_defaults_in_the_notebook_are_the_mini_scale(stem):
    defaults = {name: entry.default for name, entry in declared_parameters(stem).items()}
    assert defaults == scale_parameters("mini", stem)


@pytest.mark.parametrize("scale", SCALES)
def test_parameters_files_have_the_stem_of_a_notebook(scale):
    files = {path.stem for path in (paths.PARAMETERS / scale).glob("*.yaml")}
    assert files == {"common", *STEMS}


@pytest.mark.parametrize("scale", SCALES)
def test_the_baseline_of_table_4_is_a_column_of_tables_2_and_3(scale):
    """So those runs are made once for all three notebooks."""
    one, two, three = (scale_parameters(scale, stem) for stem in STEMS[1:4])
    for kind, name in (("similarity", "biosses"), ("question", "qa")):
        assert one["epochs"][kind] == three[f"{name}_epochs"]
        assert one["max_lengths"][kind] == three[f"{name}_max_length"]
    assert two["epochs_long"] == three["biosses_epochs"]
    assert two["max_length"] == three["biosses_max_length"]
    for name in ("learning_rate", "batch_size", "evaluations"):
        assert one[name] == two[name] == three[name]


@pytest.mark.parametrize("scale", SCALES)
def test_the_standard_recipes_of_tables_8_and_9_are_those_of_table_2(scale):
    """So those runs are made once, and optimal is compared with what the other tables show."""
    two, eight = (scale_parameters(scale, stem) for stem in ("01_pretraining_ablation", "06_state_of_the_art"))
    for name in ("epochs", "max_lengths", "learning_rate", "batch_size", "evaluations", "seeds", "precision"):
        assert two[name] == eight[name], name
    for encoder in eight["base_columns"].values():
        assert eight["encoders"][encoder] == two["encoders"][encoder]


@pytest.mark.parametrize("scale", SCALES)
def test_twins_and_full_depth_are_runs_of_other_notebooks(scale):
    """So the BASE twins of Table 6 and the first column of Table 7 cost nothing more."""
    one, three, four, five = (scale_parameters(scale, STEMS[n]) for n in (1, 3, 4, 5))
    for name in ("epochs", "max_lengths", "learning_rate", "batch_size", "evaluations"):
        assert one[name] == four[name] == five[name]
    assert (three["freeze"], three["decay"]) == (four["twin_freeze"], four["twin_decay"])
    for name in ("reinit_layers", "reinit_pooler"):
        assert three[name] == four[name]


def test_the_large_encoders_of_the_paper_are_all_in_the_one_file_of_hub_names():
    four = scale_parameters("paper", STEMS[4])
    assert list(four["large_encoders"]) == list(paper_tables()["table6"]["cells"])
    known = {**four["encoders"], **four["base_encoders"]}
    assert set(four["twins"].values()) <= set(known)
    for spec in (*four["large_encoders"].values(), *four["base_encoders"].values()):
        assert "/" in hub_id(spec)


def test_an_unknown_name_is_refused_and_the_known_ones_listed():
    with pytest.raises(ParameterError, match=r"'nonsense' \(there\); known: a, b"):
        check_names({"a": 1, "nonsense": 2}, {"a": 0, "b": 0}, origin="there")


def test_ipython_names_and_objects_are_no_parameters():
    lines, shown = ["x"], {}
    names = {
        "In": lines,
        "_ih": lines,
        "Out": shown,
        "_oh": shown,
        "_dh": ["x"],
        "_": 1,
        "_1": 1,
        "_i1": "x",
        "_ii": "x",
    }
    names |= {"__name__": "__main__", "__doc__": None, "__spec__": None, "exit": object(), "Path": type}
    assert given_names(names | {"seeds": 3, "store": None}) == {"seeds": 3, "store": None}


@pytest.mark.parametrize("name", ["_seeds", "__seeds", "__seeds__", "_i1x", "In", "Out", "_i1"])
def test_a_name_that_ipython_does_not_own_is_a_parameter_whatever_it_begins_with(name):
    lines, shown = ["x"], {}
    own = {"In": lines, "_ih": lines, "Out": shown, "_oh": shown}
    assert given_names(own | {name: 5}) == {name: 5}


def test_hub_names_are_looked_up_in_one_file_and_other_specs_are_kept():
    assert hub_id("hub:PubMedBERT-BASE").startswith("microsoft/")
    assert hub_id("some/folder") == "some/folder"
    assert hub_id(None) is None
    with pytest.raises(ParameterError, match="PubMedBERT-BASE"):
        hub_id("hub:nothing")


def test_a_parameters_file_with_an_undeclared_name_is_named(tmp_path, monkeypatch):
    (tmp_path / "parameters" / "mini").mkdir(parents=True)
    (tmp_path / "parameters" / "mini" / "common.yaml").write_text("nonsense: 1\n")
    monkeypatch.setattr(paths, "PARAMETERS", tmp_path / "parameters")
    monkeypatch.setattr(paths, "PROJECT", tmp_path)
    with pytest.raises(ParameterError, match=r"'nonsense' \(parameters/mini/common.yaml\)"):
        scale_parameters("mini", STEMS[0])


def test_a_parameters_cell_holds_literals_only(tmp_path):
    with pytest.raises(ParameterError, match="line 2 of its parameters"):
        parameters._declarations("a = 1  # one\nb = a + 1  # no literal\n", tmp_path)


def test_an_unknown_notebook_is_an_error():
    with pytest.raises(ParameterError, match="04_unknown.*00_overview"):
        declared_parameters("04_unknown")
