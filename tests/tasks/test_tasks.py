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
    example_size,
    get_task,
    read_split,
    read_task,
    split_file,
    split_labels,
    split_tags,
    to_datasets,
    trivial_predictions,
)

BIOASQ, NCBI = get_task("BioASQ"), get_task("NCBI-disease")
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
    assert set(task.positive_labels) < set(task.labels) or not task.labels
    assert set(task.known_sizes) == set(task.known_differences) and set(task.fallback_files) <= set(SPLITS)
    assert not any("," in label or " " in label for label in task.labels if task.output == "token_labels")
    assert not any("," in label for label in task.labels)
    assert len(task.text_columns) in (1, 2) and "LONG_ANSWER" not in task.columns
    assert all((task.source, task.terms, task.citation, task.unit, task.group))


def test_there_are_thirteen_tasks_in_six_groups():
    assert len(TASKS) == len({task.name for task in TASKS}) == 13
    assert len({task.group for task in TASKS}) == 6


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("biosses", "BIOSSES"),
        ("ebm-pico", "EBM PICO"),
        ("EBM_PICO", "EBM PICO"),
        ("ebmpico", "EBM PICO"),
        ("bc5 chem", "BC5-chem"),
        ("BC5CHEM", "BC5-chem"),
        (" NCBI disease ", "NCBI-disease"),
        ("hoc", "HoC"),
    ],
)
def test_a_task_is_found_whatever_the_case_spaces_and_hyphens_of_its_name(given, name):
    assert get_task(given).name == name


def test_no_two_tasks_answer_to_one_name_and_an_unknown_one_is_refused():
    assert [get_task(task.name.replace("-", " ").upper()) for task in TASKS] == list(TASKS)
    with pytest.raises(ParameterError, match=r"task='GLUE' is unknown; `blurbstudy data list` lists"):
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
    with pytest.raises(DataError, match="BIOASQ, bioasq differ only in letter case; keep one and name it BioASQ"):
        read_task(BIOASQ, tmp_path)
    write(tmp_path, "BioASQ")
    assert read_task(BIOASQ, tmp_path) == lower


def test_missing_files_and_folders_are_named_with_a_remedy(data):
    (data / "BioASQ" / "dev.tsv").unlink()
    with pytest.raises(DataError, match=r"dev\.tsv: no such file; BioASQ needs it for its dev split; get it: "):
        read_task(BIOASQ, data)
    with pytest.raises(DataError, match=r"no folder 'PubMedQA' .* with pqal_fold0_train\.json, .*--data"):
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


def test_datasets_of_tagged_sentences_hold_words_and_class_labels(tmp_path):
    (tmp_path / "NCBI-disease").mkdir()
    for split in SPLITS:
        (tmp_path / "NCBI-disease" / f"{split}.tsv").write_text("A\tO\n\nLung\tB\ntumour\tI\n")
    sets = to_datasets(NCBI, tmp_path)
    assert sets["train"].column_names == ["id", "unit", "words", "tags"]
    assert sets["dev"].features["tags"].feature.names == ["O", "B", "I"]
    assert sets["test"][1] == {"id": "2", "unit": "2", "words": ["Lung", "tumour"], "tags": [1, 2]}


def test_datasets_of_documents_hold_a_text_and_all_its_labels(tmp_path):
    (tmp_path / "HoC").mkdir()
    marks = [",".join(f"{i}_{int(i in carried)}" for i in range(10)) for carried in ((), (1, 9))]
    text = "labels\tsentence\tindex\n" + f"{marks[0]}\tOne .\t5_s0\n{marks[0]}\tNo .\t6_s0\n{marks[1]}\tTwo .\t5_s1\n"
    for split in SPLITS:
        (tmp_path / "HoC" / f"{split}.tsv").write_text(text)
    sets = to_datasets(get_task("HoC"), tmp_path)
    assert sets["dev"].column_names == ["id", "unit", "text", "labels"]
    assert sets["dev"][:] == {
        "id": ["5", "6"],
        "unit": ["5", "6"],
        "text": ["One . Two .", "No ."],
        "labels": [[1, 9], []],
    }


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
    assert trivial_predictions(BIOASQ, ["no", "yes", "no"], ["yes"] * 2) == ["no"] * 2
    assert trivial_predictions(BIOASQ, ["no", "yes"], ["no"]) == ["yes"]  # a tie: the earlier of the task's labels
    assert trivial_predictions(get_task("BIOSSES"), [1.0, 2.0, 4.5], [0.0]) == [2.5]


def test_the_trivial_prediction_tags_nothing_and_labels_what_most_of_train_has():
    assert trivial_predictions(NCBI, [], ["O B I", "B"]) == ["O O O", "O"]
    hoc = get_task("HoC")
    first, second = hoc.labels[:2]
    assert trivial_predictions(hoc, [first, f"{first},{second}", ""], ["", second]) == [first] * 2
    assert trivial_predictions(hoc, [first, ""], [""]) == [""]


def test_sizes_count_mentions_words_or_examples():
    assert example_size(NCBI, "O B I B O") == 2
    assert example_size(get_task("EBM PICO"), "O I-PAR I-PAR I-OUT") == 3
    assert [example_size(task, "x") for task in (get_task("HoC"), BIOASQ)] == [1, 1]


def test_tags_and_label_sets_come_out_of_their_one_string():
    assert split_tags("O B I") == ["O", "B", "I"] and split_tags("") == []
    assert split_labels("a,b") == ["a", "b"] and split_labels("") == []


def test_a_substitute_is_read_where_the_named_file_is_absent_and_only_there(tmp_path):
    task, folder = get_task("EBM PICO"), tmp_path / "EBM-PICO"
    folder.mkdir()
    with pytest.raises(
        DataError, match=r"train\.tsv: no such file \(or train_partial\.tsv\); EBM PICO needs it for its"
    ):
        split_file(task, tmp_path, split="train")
    with pytest.raises(DataError, match=r"dev\.tsv: no such file; EBM PICO needs it for its dev split"):
        split_file(task, tmp_path, split="dev")
    (folder / "train_partial.tsv").write_text("Part\tI-PAR\n")
    assert read_split(task, tmp_path, split="train")[0].texts == ("Part",)
    (folder / "train.tsv").write_text("Whole\tI-PAR\n")
    assert read_split(task, tmp_path, split="train")[0].texts == ("Whole",)
