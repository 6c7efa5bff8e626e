"""blurbstudy predict: calibrated probabilities, a minimum of confidence, and models without calibration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.special import expit, logit

from blurbstudy.config import fingerprint
from blurbstudy.inference.model_directory.directory import read_model_directory
from tests.inference.lexicon import write_lexicon_model

TEXT = "Aspirin hydrochloride and warfarin against asthma."
ROWS = [{"minimum": 0.0, "kept": 50, "coverage": 1.0, "error": 0.4, "interval": [0.3, 0.5], "found": 0.6}]
ROWS += [{"minimum": 0.5, "kept": 20, "coverage": 0.4, "error": 0.1, "interval": None, "found": 0.3}]
FIT = {"method": "platt", "maps": {"": [2.0, -1.0]}, "fitted_on": "200 dev examples (300 predicted entities)"}
SIDE = {"n": 50, "bins": 2, "ece": [0.2, None], "ece_of_perfect": 0.1, "brier": [0.2, None]}
SIDE |= {
    "reliability": [{"n": 25, "probability": p, "happened": p, "interval": [p - 0.1, p + 0.1]} for p in (0.4, 0.8)]
}
CHANGE = {"ece": [-0.1, None], "brier": [-0.1, None]}
TEST = {"units": "30 documents", "before": SIDE, "after": SIDE, "change": CHANGE, "coverage": ROWS}


def with_calibration(folder, **values):
    """Add a calibration to the metadata of a model directory."""
    path = folder / "blurbstudy.json"
    metadata = json.loads(path.read_text())
    metadata["run"]["calibration"] = {"fit": FIT, "reason": "", "test": TEST} | values
    path.write_text(json.dumps(metadata))
    return folder


@pytest.fixture
def predict(command, tmp_path):
    def run(*words, **values):
        Path("note.txt").write_text(TEXT)
        folder = tmp_path / "model"
        if not folder.exists():
            write_lexicon_model(folder)
        if values:
            with_calibration(folder, **values)
        return command("predict", "note.txt", "--model", folder, *words)

    return run


def probabilities(out):
    return {entity["text"]: entity["probability"] for entity in json.loads(out)["entities"]}


def test_calibrated_probabilities_are_told_once_and_can_be_switched_off(predict):
    plain = predict()
    raw = predict("--raw-confidence", fit=FIT)
    assert raw[1] == plain[1] and (plain[2], raw[2]) == ("", "confidence: as computed (--raw-confidence)\n")
    code, out, err = predict()
    expected = {text: expit(2 * logit(p) - 1) for text, p in probabilities(plain[1]).items()}
    assert code == 0 and probabilities(out) == pytest.approx(expected, abs=1e-3)
    assert err == f"confidence: calibrated by Platt's scaling on {FIT['fitted_on']}\n"


def test_entities_below_the_minimum_are_left_out_of_every_format_and_counted(predict):
    values = probabilities(predict()[1])
    assert values["Aspirin hydrochloride"] == pytest.approx(values["asthma"])
    kept = predict("--min-confidence", "0.2")
    assert probabilities(kept[1]) == values and json.loads(kept[1])["withheld"] == 0
    assert kept[2] == "coverage: 3 of 3 entities (100.0%) have a confidence of 0.2 or more; 0 left out\n"
    code, out, err = predict("--min-confidence", "0.9999")
    assert (code, json.loads(out)["entities"], json.loads(out)["withheld"]) == (0, [], 3)
    assert err == "coverage: 0 of 3 entities (0.0%) have a confidence of 0.9999 or more; 3 left out\n"
    tags = predict("--min-confidence", "0.9999", "--format", "conll")[1].splitlines()
    assert tags and {line.split("\t")[1] for line in tags if "\t" in line} == {"O"}
    assert "# withheld = 3" in tags
    rows = [line.split("\t") for line in predict("--min-confidence", "0.9999", "--format", "tsv")[1].splitlines()[1:]]
    assert [row[4] for row in rows] == list(values) and {row[3] for row in rows} == {""}


def test_the_error_on_test_of_the_nearest_minimum_is_told(predict):
    lines = predict("--min-confidence", "0.4", fit=FIT)[2].splitlines()
    assert lines[-1] == (
        "on the model's test set, a minimum of 0 kept 100.0% of entities, of which 40.0% [30.0%, 50.0%] were wrong; "
        "other text may differ"
    )
    assert "a minimum of 0.5 kept 40.0% of entities, of which 10.0% were wrong" in predict("--min-confidence", "0.9")[2]
    assert "test set" not in predict("--min-confidence", "0.9", "--raw-confidence")[2]


def test_a_page_ends_with_the_reliability_diagram(predict):
    page = predict("--format", "html", fit=FIT)[1]
    assert page.count("<figure") == 3 and page.rstrip().endswith("</html>") and page.count("</body>") == 1
    assert "<figure" not in predict("--format", "html", test=None)[1]


def test_why_a_model_is_not_calibrated_is_told(predict):
    reason = "dev is too small (12 predicted entities, 2 of them wrong; 20 right and 20 wrong ones are needed)"
    out, err = predict(fit=None, reason=reason, test=None)[1:]
    assert err == f"confidence: not calibrated: {reason}\n"
    assert "calibration" not in out


@pytest.mark.parametrize("minimum", ["-0.1", "1.5", "nan"])
def test_a_minimum_that_is_no_probability_is_refused(predict, minimum):
    code, out, err = predict("--min-confidence", minimum)
    assert (code, out) == (2, "") and f"--min-confidence {minimum} is out of bounds; use 0 to 1" in err


@pytest.mark.parametrize(
    "fit",
    [
        {"method": "magic", "maps": {"": [1.0]}, "fitted_on": ""},
        {"method": "temperature", "maps": {"": [-1.0]}, "fitted_on": ""},
        {"method": "temperature", "maps": {}, "fitted_on": ""},
        {"method": "isotonic", "maps": {"": [[0.5, 0.2], [0.4, 0.3]]}, "fitted_on": ""},
        {"method": "platt", "maps": {"": [float("inf"), 0.0]}, "fitted_on": ""},
        {"method": "platt", "fitted_on": ""},
    ],
)
def test_an_invalid_calibration_is_refused(predict, fit):
    code, out, err = predict(fit=fit)
    assert (code, out) == (2, "") and "invalid calibration" in err and err.count("\n") == 1


def test_an_interrupted_output_is_resumed_only_with_the_same_calibration_and_minimum(command, predict):
    """A model without calibration continues what earlier versions left."""
    folder = Path("model").absolute()
    Path("broken.jsonl").write_text('{"text": "Aspirin"}\n{\n')

    def partial(*words):
        assert command("predict", "broken.jsonl", "--model", folder, "--to", "out.jsonl", *words)[0] == 2
        (path,) = Path().glob("out.jsonl.*.partial")
        path.unlink()
        return path.name

    predict()
    checkpoint = read_model_directory(folder).checkpoint.fingerprint
    settings = {"model": checkpoint, "input format": "jsonl", "columns": {}, "batch tokens": 4096}
    plain = partial()
    assert plain == f"out.jsonl.{fingerprint(settings)[:8]}.partial"
    with_calibration(folder)
    assert partial("--raw-confidence") == plain
    names = {plain, partial(), partial("--min-confidence", "0.5"), partial("--min-confidence", "0.6")}
    assert len(names) == 4
