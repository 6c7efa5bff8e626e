"""Parameters: every notebook declares what it takes, every file keeps to that, wrong values end in one clear line."""

import pytest
import yaml

from blurbstudy import paths
from blurbstudy.errors import ParameterError
from blurbstudy.presentation import parameters
from blurbstudy.presentation.paper import paper_tables
from blurbstudy.presentation.parameters import (
    CHECKS,
    SCALES,
    check_names,
    check_values,
    declared_parameters,
    given_names,
    hub_id,
    notebook_stems,
    read_seeds,
    scale_parameters,
)

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


@pytest.mark.parametrize("given", ["0-2000000000", "1-9999,10001-10002", list(range(10_001)), 10_001, "9" * 5000])
def test_more_seeds_than_anyone_runs_are_refused_before_a_list_is_made(given):
    with pytest.raises(ParameterError, match="at most 10,000 seeds") as raised:
        read_seeds(given)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("freeze", -1, "freeze=-1 is out of bounds; use a whole number from 0"),
        ("freeze", "embedding", "freeze='embedding' is out of bounds"),
        ("epochs_long", 0, "epochs_long=0 is out of bounds; use a number from 0.01 to 1000"),
        ("learning_rate", "5e-5", "learning_rate='5e-5' is out of bounds"),
        ("batch_size", 1.5, "batch_size=1.5 is out of bounds; use a whole number"),
        ("combinations", 1, "combinations=1 is no switch; use true or false"),
        ("encoders", {}, "encoders={} is no set of encoders"),
        ("encoders", ["x"], "is no set of encoders"),
        ("tasks", [], "tasks=\\[\\] is no list of names"),
        ("scale", "huge", "scale='huge' is unknown; use mini or small or paper"),
        ("device", "tpu", "device='tpu' is unknown"),
        ("store", 3, "store=3 is no text"),
        ("encoder_remarks", {"BERT": 1}, "is no set of remarks"),
        ("workers", -1, "workers=-1 is out of bounds"),
        ("large_encoders", {}, "large_encoders={} is no set of encoders"),
        ("base_encoders", ["x"], "is no set of encoders"),
        ("twins", {"PubMedBERT-LARGE": None}, "is no table of names; use {LARGE encoder: BASE encoder}"),
        ("on_all_tasks", "BERT", "is no list of names"),
        ("seeds_otherwise", 0, "seeds_otherwise=0 is out of bounds; use a whole number from 1"),
        ("removed", 4, "removed=4 is no list of layers"),
        ("removed", [0, -2], "removed=-2 is out of bounds"),
        ("margin", "2", "margin='2' is out of bounds"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_value_and_bound(name, value, message):
    with pytest.raises(ParameterError, match=message):
        check_values({name: value})


def test_freezing_the_embeddings_alone_is_allowed():
    check_values({"freeze": "embeddings"})


@pytest.mark.parametrize(
    ("given", "seeds"),
    [(3, (1, 2, 3)), ([4, 2], (4, 2)), ("1-3", (1, 2, 3)), ("1,3,7", (1, 3, 7)), ("1-2,9", (1, 2, 9))],
)
def test_seeds_are_a_number_a_list_or_text(given, seeds):
    assert read_seeds(given) == seeds


@pytest.mark.parametrize("given", [0, -1, [], [1, 1], [1.5], "", "x", "3-1", "1-2-3", True, None, [-1], [True]])
def test_what_is_no_set_of_seeds_is_refused(given):
    with pytest.raises(ParameterError, match="is no set of seeds; use a number such as 5"):
        read_seeds(given)


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
