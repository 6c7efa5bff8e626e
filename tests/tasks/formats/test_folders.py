"""Folders of brat files as they come: any letter case, sub-folders, what systems leave behind, and what is not read."""

import random
from collections import Counter

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.inference.inputs.readers import passed_over, read_documents
from blurbstudy.tasks import custom_task, data_fingerprint
from blurbstudy.tasks.custom.files import is_standoff_folder
from blurbstudy.tasks.custom.spans import span_notes
from blurbstudy.tasks.formats.standoff import read_brat, standoff_files
from tests.inference.lexicon import typed_task

ANN = "T1\tDrug 0 7\taspirin\n"


def put(folder, *names, text="aspirin helped"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ANN if path.suffix.lower() == ".ann" else text)


@pytest.mark.parametrize("seed", range(5))
def test_every_document_is_read_wherever_and_however_it_is_written(tmp_path, seed):
    draw = random.Random(seed)
    names = {f"{draw.choice(['', 'a/', 'a/b/', 'C d/'])}{draw.choice('xyz')}{i}" for i in range(12)}
    for name in names:
        put(tmp_path, name + draw.choice((".txt", ".TXT", ".Txt")), name + draw.choice((".ann", ".ANN", ".Ann")))
    folder = draw.choice(["", "a/", "C d/"])
    put(tmp_path, f"{folder}._x0.txt", f"{folder}._x0.ann", f"{folder}.DS_Store", "__MACOSX/a/x1.txt", "Thumbs.db")
    put(tmp_path, "annotation.conf", "a/readme.MD", "a/b/visual.conf")
    assert {document.id for document in read_brat(tmp_path)} == names
    assert all(len(document.entities) == 1 for document in read_brat(tmp_path))
    assert standoff_files(tmp_path).passed_over == Counter({".conf": 2, ".md": 1})
    assert {item.content.id for item in read_documents(tmp_path, typed_task())} == names
    assert passed_over(tmp_path) == Counter({".conf": 2, ".md": 1, ".ann": len(names)})
    task = custom_task(kind="ner", files={"train": tmp_path})
    assert next(span_notes(tmp_path, task)) == "3 other files of the folder passed over (2 .conf, 1 .md)"


def test_the_fingerprint_covers_what_is_read_alone(tmp_path):
    put(tmp_path, "a.txt", "a.ann", "sub/b.TXT", "sub/b.ANN")
    task = custom_task(kind="ner", files={"train": tmp_path})
    before = data_fingerprint(task)
    put(tmp_path, "._a.txt", "notes.md")
    assert data_fingerprint(task) == before
    put(tmp_path, "sub/b.TXT", text="aspirin hurt")
    assert data_fingerprint(task) != before


# files, what is refused
AMBIGUOUS = [
    (["a.txt", "a.TXT", "a.ann"], r"a\.txt: found a\.TXT beside it; expected one file of that name"),
    (["a.txt", "a.ann", "b/c.ANN"], r"b/c\.ANN: found no \.txt of that name"),
    (["a.txt", "a.ann", "b/a.txt"], r"b/a\.txt: found no \.ann file for it; expected a\.ann"),
    (["a.txt", "b/a.ann"], r"a\.ann: found no \.txt of that name"),
    (["README.txt", "a.txt", "a.ann"], r"README\.txt: found no \.ann file for it; .*or remove the text"),
]


@pytest.mark.parametrize(("names", "message"), AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_what_fits_no_partner_is_refused(tmp_path, names, message):
    put(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        read_brat(tmp_path)


def test_splits_in_one_folder_are_not_read_as_train(tmp_path):
    put(tmp_path, *(f"{split}/{i}.{end}" for split in ("train", "Test") for i in range(4) for end in ("txt", "ann")))
    assert is_standoff_folder(tmp_path)
    with pytest.raises(DataError, match=r"has the folders Test, train, which would all be read as train; .*--data"):
        custom_task(kind="ner", files={"train": tmp_path})
    task = custom_task(kind="ner", files=tmp_path)
    assert {split: path.rpartition("/")[2] for split, path in task.files.items()} == {"train": "train", "test": "Test"}


def test_a_linked_folder_is_passed_over_and_counted(tmp_path):
    put(tmp_path / "here", "a.txt", "a.ann")
    put(tmp_path / "there", "b.txt", "b.ann")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there", target_is_directory=True)
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here", target_is_directory=True)
    assert [document.id for document in read_brat(tmp_path / "here")] == ["a"]
    assert standoff_files(tmp_path / "here").passed_over == Counter({"link": 1, "loop": 1})


def test_a_folder_of_texts_alone_is_no_training_data(tmp_path):
    put(tmp_path, "A.TXT", "sub/b.txt")
    with pytest.raises(DataError, match=r"a folder without brat's \.txt and \.ann files"):
        custom_task(kind="ner", files={"train": tmp_path})
    with pytest.raises(ParameterError, match="is a folder; a task of this kind is read from a file"):
        put(tmp_path, "A.ann", "sub/b.ann")
        custom_task(kind="classification", files={"train": tmp_path})
