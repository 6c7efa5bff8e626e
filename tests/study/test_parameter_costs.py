"""What the head of each parameters file says its notebook costs: its runs are those that planning counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blurbstudy.cli.notebook_options import notebook_parameters
from blurbstudy.config import SCALES
from blurbstudy.models import export_checkpoint, load_checkpoint, random_checkpoint
from blurbstudy.paths import PARAMETERS
from blurbstudy.report.plan import planned_configs, planned_study
from blurbstudy.sections import NOTEBOOKS
from blurbstudy.study.parameters import scale_parameters

ALONE = re.compile(
    r"^# Alone(?:, with (?P<given>.+) given)?: (?:(?P<runs>[\d,]+) runs?|no runs)"
    r"(?: \((?P<each>[\d,]+) for each encoder\))?(?:, (?P<pretrained>\d+) encoders? to pretrain)?",
    re.MULTILINE,
)
ALL = re.compile(r"^# All notebooks.*?: (?P<runs>[\d,]+) runs(?:, (?P<pretrained>\d+) encoders? to pretrain)?", re.M)
LAYERS = {"small": (4, 8), "paper": (12, 24)}  # of BASE and LARGE: techniques and removed layers depend on it
SAME = {"BERT LARGE": "PubMedBERT-LARGE"}  # two notebooks' names of one encoder
MAPPINGS = ("encoders", "large_encoders", "base_encoders")


@pytest.fixture(scope="module")
def stand_in(tiny_encoder, tmp_path_factory):
    """A checkpoint of so many layers, another one for each name: runs are counted by encoder, not by what it knows."""
    made: dict[tuple[str, int], str] = {}
    folder, tiny = tmp_path_factory.mktemp("stand-ins"), load_checkpoint(tiny_encoder)

    def make(name: str, layers: int) -> str:
        if (name, layers) not in made:
            shape = tiny.architecture.with_layers(layers)
            weights = random_checkpoint(shape, seed=len(made)).weights
            at = export_checkpoint(weights, shape, folder=folder / str(len(made)), tokenizer=tiny.tokenizer())
            made[name, layers] = str(at)
        return made[name, layers]

    return make


def head(scale: str, stem: str) -> re.Match[str]:
    text = (PARAMETERS / scale / f"{stem}.yaml").read_text(encoding="utf-8")
    (found,) = ALONE.finditer(text)
    return found


def number(text: str | None) -> int:
    return int((text or "0").replace(",", ""))


def planned(scale: str, stem: str, stand_in, store: Path):
    """The notebook's study as the head means it: with the encoders that it names, or the first of several alike."""
    said = head(scale, stem)
    overrides = given_encoders(scale, stem, said, stand_in, store)
    values = notebook_parameters(scale=scale, only=[stem], overrides=overrides)
    return planned_study(stem, values[stem])


def given_encoders(scale: str, stem: str, said: re.Match[str], stand_in, store: Path) -> dict:
    given = {"store": str(store)}
    if scale == "mini":
        return given
    values = scale_parameters(scale, stem)
    names = re.split(r", | and ", said["given"] or "BERT")
    for mapping in MAPPINGS:
        if mapping in values:
            wanted = [name for name, spec in values[mapping].items() if spec is not None or name in names]
            wanted = wanted[:1] if said["each"] else wanted
            named = {name: (values[mapping][name] or SAME.get(name, name)).removeprefix("hub:") for name in wanted}
            given[mapping] = {
                name: stand_in(named[name], LAYERS[scale]["LARGE" in named[name]]) if name in named else None
                for name in values[mapping]
            }
    return given | {"data": "mini"} | ({"general_vocabulary": None} if "general_vocabulary" in values else {})


@pytest.mark.parametrize("scale", SCALES)
def test_the_head_of_each_file_says_the_runs_that_are_planned(scale, stand_in, tmp_path, monkeypatch, mini_data):
    (tmp_path / mini_data.name).symlink_to(mini_data.resolve())
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path))  # no encoder is pretrained there yet
    ours, to_pretrain = set(), {}
    for stem in NOTEBOOKS:
        said = head(scale, stem)
        study, missing = planned(scale, stem, stand_in, tmp_path / "store")
        runs = set(planned_configs(study))
        assert len(runs) == number(said["each"] or said["runs"]), f"{scale}/{stem}.yaml"
        if said["each"]:
            encoders = scale_parameters(scale, stem)["encoders"]
            assert number(said["runs"]) == number(said["each"]) * len(encoders)
        assert len(missing) == number(said["pretrained"]), f"{scale}/{stem}.yaml"
        ours |= runs
        to_pretrain |= {one.folder().name: one for one in missing.values()}
    whole = ALL.search((PARAMETERS / scale / "common.yaml").read_text(encoding="utf-8"))
    if scale == "paper":
        assert whole is None  # some thousands: one of four searches was counted
    else:
        assert (len(ours), len(to_pretrain)) == (number(whole["runs"]), number(whole["pretrained"]))
