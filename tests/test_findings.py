"""The published real study: it is current, and what the documents say of it follows from its records."""

from __future__ import annotations

import html
import importlib.util
import json
import os
import shutil
import subprocess
import zipfile

import pytest

from blurbstudy.models import load_checkpoint
from blurbstudy.paths import ENCODERS, PROJECT
from blurbstudy.report.published_archive import ARCHIVE, RECORDS, unpack_archive
from blurbstudy.store.run_store import RunStore

ARCHIVE_FILE = PROJECT / "studies" / "small" / ARCHIVE


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_findings", PROJECT / "docs" / "generate_findings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLURBSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return RunStore(unpack_archive(ARCHIVE_FILE))


@pytest.fixture(scope="module")
def records():
    with zipfile.ZipFile(ARCHIVE_FILE) as archive:
        return [json.loads(line) for line in archive.read(RECORDS).splitlines()]


def test_every_published_run_is_current(published, records):
    assert len(records) >= 80 and {record.id for record in published.records()} == {one["id"] for one in records}


def test_every_published_run_started_from_an_encoder_that_the_repository_ships(records):
    shipped = {load_checkpoint(folder).fingerprint for folder in ENCODERS.glob("pubmed-*/")}
    assert {one["config"]["encoder_fingerprint"] for one in records} <= shipped


def test_the_archive_has_neither_predictions_nor_probabilities(records):
    assert not any(one["predictions"] or one["probabilities"] or one["last_predictions"] for one in records)


def test_whoever_has_the_datasets_can_unpack_every_published_run_with_its_predictions_but_no_gold_labels(
    records, tmp_path
):
    data = os.environ.get("BLURBSTUDY_DATA")
    if not data or not shutil.which("openssl"):
        pytest.skip("needs the datasets (BLURBSTUDY_DATA) and openssl")
    script = ARCHIVE_FILE.with_name("store.sh")
    subprocess.run(["sh", str(script), "unpack", str(tmp_path), data], check=True)
    assert [folder.name for folder in tmp_path.iterdir()] == ["runs"]
    store = RunStore(tmp_path)
    assert {one["id"]: one["scores"] for one in records} == {
        one["id"]: dict(record.scores) for one in records if (record := store.get(one["id"])) and record.predictions
    }


def test_the_page_of_findings_follows_from_the_records(generator, published):
    assert generator.findings(published) == generator.PAGE.read_text(encoding="utf-8"), "run docs/generate_findings.py"


def test_the_findings_of_the_readme_follow_from_the_records(generator, published):
    (text,) = generator.MARKS.findall(generator.FRONT.read_text(encoding="utf-8"))
    assert text == generator.front(published), "run docs/generate_findings.py"


@pytest.mark.slow
def test_the_report_of_the_real_study_needs_no_data_and_says_what_the_readme_says(
    generator, tmp_path, command, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BLURBSTUDY_DATA", raising=False)
    shutil.copytree(ARCHIVE_FILE.parent, tmp_path / "studies" / "small")
    code, _, _ = command("report", "--scale", "small")
    assert code == 0
    page = html.unescape((tmp_path / "report" / "index.html").read_text(encoding="utf-8"))
    (text,) = generator.MARKS.findall(generator.FRONT.read_text(encoding="utf-8"))
    for sentence in text.strip().splitlines():
        assert sentence.removeprefix("- ") in page
