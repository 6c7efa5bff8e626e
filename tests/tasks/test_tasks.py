"""Tasks by name, their folders and files, datasets and fingerprints."""

from __future__ import annotations

import pickle

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.metrics import METRICS
from blurbstudy.tasks import (
    READERS,
    SPLITS,
    TASKS,
    data_fingerprint,
    get_task,
    read_task,
    to_datasets,
    trivial_prediction,
)

BIOASQ = get_task("BioASQ")
LINES = {"train": "1\tq\tc\tyes\n2\tq\tc\tno\n", "dev": "3\tq\tc\tyes\n", "test": "4\tq\t c\tno\n"}


@pytest.fixture
def data(tmp_path):
    write(tmp_path, "BioASQ")
    return tmp_path


def write(folder, name):
    (folder / name).mkdir()
    for split, text in LINES.items():
        (folder / name / f"{split}.tsv").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_entry_fits_the_tables_it_names(task):
    assert task.reader in READERS and task.metric in METRICS
    assert set(task.files) == set(task.sizes) == set(SPLITS)
    assert bool(task.labels) != bool(task.bounds)
    assert len(task.text_columns) in (1, 2) and "LONG_ANSWER" not in task.columns
    assert all((task.source, task.terms, task.citation, task.unit, task.group))


def test_a_task_is_found_by_its_name_in_any_letter_case():
    assert get_task("biosses") is get_task("BIOSSES")
    with pytest.raises(ParameterError, match=r"task='GLUE' is unknown; use BIOSSES, PubMedQA, BioASQ"):
        get_task("GLUE")


def test_a_task_can_be_hashed_and_sent_to_another_process():
    copy = pickle.loads(pickle.dumps(BIOASQ))
    assert copy == BIOASQ and hash(copy) == hash(BIOASQ)


def test_every_split_is_read(data):
    assert {split: [e.id for e in examples] for split, examples in read_task(BIOASQ, data).items()} == {
        "train": ["1", "2"],
        "dev": ["3"],
        "test": ["4"],
    }


def test_the_letter_case_of_a_folder_is_ignored(tmp_path):
    write(tmp_path, "bioasq")
    lower = read_task(BIOASQ, tmp_path)
    write(tmp_path, "BIOASQ")
    with pytest.raises(DataError, match="BIOASQ, bioasq differ in letter case alone; keep one and name it BioASQ"):
        read_task(BIOASQ, tmp_path)
    write(tmp_path, "BioASQ")
    assert read_task(BIOASQ, tmp_path) == lower


def test_missing_files_and_folders_are_named_with_a_remedy(data):
    (data / "BioASQ" / "dev.tsv").unlink()
    with pytest.raises(DataError, match=r"dev\.tsv: no such file; BioASQ needs it for its dev split; get it: "):
        read_task(BIOASQ, data)
    with pytest.raises(DataError, match=r"no folder 'PubMedQA' .* expected pqal_fold0_train\.json, .*--data"):
        read_task(get_task("PubMedQA"), data)
    with pytest.raises(DataError, match=r"nowhere: no such folder; .*BLURBSTUDY_DATA"):
        read_task(BIOASQ, data / "nowhere")


def test_datasets_hold_ids_units_texts_and_class_labels(data):
    sets = to_datasets(BIOASQ, data)
    assert list(sets) == ["train", "dev", "test"]
    assert sets["train"].column_names == ["id", "unit", "question", "snippets", "label"]
    assert sets["train"].features["label"].names == ["yes", "no"]
    assert sets["train"]["label"][:] == [0, 1]
    assert sets["test"][0] == {"id": "4", "unit": "4", "question": "q", "snippets": " c", "label": 1}


def test_datasets_of_a_regression_hold_the_score_exactly(tmp_path):
    (tmp_path / "BIOSSES").mkdir()
    for split in SPLITS:
        text = "pair_id\tsent1\tsent2\tscore\n1\ta\tb\t3.2\n"
        (tmp_path / "BIOSSES" / f"{split}.tsv").write_text(text, encoding="utf-8")
    sets = to_datasets(get_task("BIOSSES"), tmp_path)
    assert sets["dev"][0] == {"id": "1", "unit": "1", "sent1": "a", "sent2": "b", "label": 3.2}


def test_the_fingerprint_follows_every_byte_and_nothing_else(data, tmp_path_factory):
    before = data_fingerprint(BIOASQ, data)
    assert len(before) == 20 and int(before, 16) >= 0
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere, "bioasq")
    (elsewhere / "bioasq" / "notes.md").write_text("not a split", encoding="utf-8")
    assert data_fingerprint(BIOASQ, elsewhere) == before
    (data / "BioASQ" / "test.tsv").write_text("4\tq\tc\tyes\n", encoding="utf-8")
    assert data_fingerprint(BIOASQ, data) != before
    (data / "BioASQ" / "test.tsv").unlink()
    with pytest.raises(DataError, match="no such file"):
        data_fingerprint(BIOASQ, data)


def test_the_trivial_prediction_is_the_majority_or_the_mean():
    assert trivial_prediction(BIOASQ, ["no", "yes", "no"]) == "no"
    assert trivial_prediction(BIOASQ, ["no", "yes"]) == "yes"  # a tie: the earlier of the task's labels
    assert trivial_prediction(get_task("BIOSSES"), [1.0, 2.0, 4.5]) == 2.5
