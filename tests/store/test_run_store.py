"""The run store keeps whole records or none, once, and without text."""

import dataclasses
import errno
import json
import os
import time

import pytest

from blurbstudy.config import canonical_json
from blurbstudy.errors import DiskError, StoreError
from blurbstudy.store.run_store import RunStore


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_record_comes_back_as_it_was(store, make_record):
    record = make_record(test=[0.1, 2.5, 1 / 3], stabilizers={"freeze": {"layers": 2}})
    assert store.get(record.id) is None and record.id not in store
    assert store.put(record)
    assert RunStore(store.folder).get(record.id) == record
    assert record.id in store and store.ids() == [record.id] and len(store) == 1 and store.records() == [record]


def test_a_record_lies_in_one_file_under_the_first_two_digits_of_its_id(store, make_record):
    record = make_record(test=[1.0])
    store.put(record)
    assert files_in(store.folder) == [store.folder / "runs" / record.id[:2] / f"{record.id}.json"]


def test_the_first_record_of_a_run_is_kept(store, make_record):
    first = make_record(test=[1.0])
    assert store.put(first)
    assert not store.put(dataclasses.replace(first, seconds=99.0))
    assert store.get(first.id).seconds == 1.5


def test_of_two_writers_at_once_the_first_is_kept_and_nothing_is_left_over(store, make_record, monkeypatch):
    first = make_record(test=[1.0])
    link = os.link

    def link_after_another(source, target):
        monkeypatch.setattr(os, "link", link)
        store.put(first)
        link(source, target)

    monkeypatch.setattr(os, "link", link_after_another)
    assert not store.put(dataclasses.replace(first, seconds=99.0))
    assert store.get(first.id).seconds == 1.5
    assert len(files_in(store.folder)) == 1


def test_where_links_are_not_supported_a_record_is_renamed_into_place(store, make_record, monkeypatch):
    def no_links(source, target):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    record = make_record(test=[1.0])
    assert store.put(record) and not store.put(record)
    assert store.get(record.id) == record
    assert len(files_in(store.folder)) == 1


def test_not_a_number_is_kept_as_none(store, make_record):
    record = dataclasses.replace(make_record(test=[1.0]), curve={"train_loss": [0.5, float("nan"), float("inf")]})
    store.put(record)
    text = files_in(store.folder)[0].read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert store.get(record.id).curve["train_loss"] == [0.5, None, None]


@pytest.mark.parametrize("damage", ["half", "empty", "other id", "other seed", "binary", "list"])
def test_a_damaged_record_is_refused_with_its_file_and_the_remedy(store, make_record, damage):
    record = make_record(test=[1.0])
    store.put(record)
    path = files_in(store.folder)[0]
    text = path.read_text()
    if damage == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    else:
        seed = text.replace('"seed":1', '"seed":2')
        path.write_text(
            {"half": text[: len(text) // 2], "empty": "", "other seed": seed, "list": "[]"}.get(damage)
            if damage != "other id"
            else text.replace(f'"id":"{record.id}"', f'"id":"{"0" * 20}"')
        )
    with pytest.raises(StoreError) as error:
        store.get(record.id)
    assert str(path) in str(error.value) and "delete it and run again" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_record_of_another_trainer_revision_is_passed_over(store, make_record, monkeypatch):
    record = make_record(test=[1.0])
    store.put(record)
    for module in ("blurbstudy.config", "blurbstudy.store.run_store"):
        monkeypatch.setattr(f"{module}.TRAINER_REVISION", 999)
    assert store.records() == [] and store.get(record.id) is None
    assert store.get(make_record(test=[1.0]).id) is None


def test_leftovers_of_killed_writers_are_ignored_and_swept_up_after_an_hour(store, make_record):
    record = make_record(test=[1.0])
    store.put(record)
    folder = files_in(store.folder)[0].parent
    old, new = folder / ".unfinished-0123abcd-a.json", folder / ".unfinished-4567abcd-b.json"
    for path in (old, new):
        path.write_text('{"half')
    os.utime(old, (time.time() - 3700,) * 2)
    assert store.ids() == [record.id]
    store.check_writable()
    assert not old.exists() and new.exists()
    assert [path.name for path in files_in(store.folder)] == [new.name, f"{record.id}.json"]


def test_a_file_in_the_folders_place_is_told_in_one_line(tmp_path, make_record):
    (tmp_path / "store").write_text("something else")
    for store in (RunStore(tmp_path / "store"), RunStore(tmp_path / "store" / "below")):
        for write in (store.check_writable, lambda store=store: store.put(make_record(test=[1.0]))):
            with pytest.raises(DiskError) as error:
                write()
            assert str(store.folder) in str(error.value) and "a file exists where a folder is needed" in str(
                error.value
            )
            assert "\n" not in str(error.value)
    assert (tmp_path / "store").read_text() == "something else"


@pytest.mark.parametrize("call", ["open", "fsync", "link"])
@pytest.mark.parametrize(
    ("number", "cause"), [(errno.EROFS, "the file system is read-only"), (errno.ENOSPC, "no space is left on the disk")]
)
def test_a_disk_that_refuses_loses_nothing_and_is_told_in_one_line(
    store, make_record, monkeypatch, call, number, cause
):
    finished, record = make_record(1, test=[1.0]), make_record(2, test=[1.0])
    store.put(finished)
    (store.folder / "runs" / record.id[:2]).mkdir(exist_ok=True)
    before = files_in(store.folder)

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(DiskError) as error:
            store.put(record)
    message = str(error.value)
    assert str(store.folder) in message and cause in message and "--store" in message
    assert "Finished runs are safe" in message and "\n" not in message
    assert files_in(store.folder) == before
    assert store.get(finished.id) == finished and store.get(record.id) is None


def test_gold_labels_come_back_and_their_lack_says_what_to_do(store):
    store.put_gold("PubMedQA", "f" * 20, "dev", ids=["1", "2"], units=["a", "a"], gold=["yes", "no"])
    assert store.has_gold("PubMedQA", "f" * 20, "dev")
    assert store.gold("PubMedQA", "f" * 20, "dev").units == ("a", "a")
    with pytest.raises(StoreError, match=r"gold labels of PubMedQA \(test\) are not in the store; execute a notebook"):
        store.gold("PubMedQA", "f" * 20, "test")
    with pytest.raises(StoreError, match="give one each"):
        store.put_gold("PubMedQA", "f" * 20, "test", ids=["1"], units=[], gold=["yes"])


def test_facts_are_replaced_and_names_of_any_kind_keep_apart(store):
    names = ["a/b", "a b", "../../a b", "", "x" * 300]
    for place, name in enumerate(names):
        store.put_metadata("encoders", name, {"place": -1})
        store.put_metadata("encoders", name, {"place": place, "rate": float("nan")})
    assert store.all_metadata("encoders") == {
        name: {"place": place, "rate": None} for place, name in sorted(enumerate(names), key=lambda item: item[1])
    }
    assert store.metadata("encoders", "a b") == {"place": 1, "rate": None}
    assert store.metadata("encoders", "unknown") is None and store.all_metadata("data") == {}
    assert {path.parent for path in files_in(store.folder)} == {store.folder / "facts" / "encoders"}


def test_a_fact_that_is_the_same_is_not_written_again(store):
    store.put_metadata("data", "BIOSSES", {"n": 1})
    path = files_in(store.folder)[0]
    os.utime(path, (1, 1))
    store.put_metadata("data", "BIOSSES", {"n": 1})
    assert path.stat().st_mtime == 1


def test_a_torn_fact_is_refused_with_its_file(store):
    store.put_metadata("data", "BIOSSES", {"n": 1})
    path = files_in(store.folder)[0]
    path.write_text(canonical_json({"name": "BIOSSES"})[:-3])
    with pytest.raises(StoreError, match="delete it and run again"):
        store.metadata("data", "BIOSSES")


def test_a_store_that_is_not_there_is_empty_and_stays_unmade(store):
    assert store.ids() == [] and store.records() == [] and store.all_metadata("data") == {}
    assert not store.folder.exists()


def test_json_of_a_record_is_readable_by_anybody(store, make_record):
    record = make_record(test=[0.5, 1.0])
    store.put(record)
    values = json.loads(files_in(store.folder)[0].read_text())
    assert values["id"] == record.id and values["predictions"]["test"] == [0.5, 1.0]
    assert values["trainer_revision"] >= 1 and values["config"]["recipe"]["epochs"] == 20


@pytest.mark.parametrize("text", ['{"a":1}', '{"name":"x","values":3}', '{"name":3,"values":{}}', "[]", "{"])
def test_a_fact_that_is_none_is_an_error_that_names_its_file(store, text):
    store.put_metadata("notebook", "x", {"seeds": 3})
    (path,) = store.folder.rglob("*.json")
    path.write_text(text)
    for read in (lambda: store.metadata("notebook", "x"), lambda: store.all_metadata("notebook")):
        with pytest.raises(StoreError, match="cannot be read.*delete it and run again") as raised:
            read()
        assert str(path) in str(raised.value)


def test_gold_labels_without_their_ids_are_an_error_that_names_their_file(store):
    store.put_gold("BIOSSES", "d", "dev", ids=["1"], units=["1"], gold=[1.0])
    (path,) = store.folder.rglob("*.json")
    path.write_text('{"a":1}')
    with pytest.raises(StoreError, match="cannot be read"):
        store.gold("BIOSSES", "d", "dev")


def test_the_remedy_names_the_option_of_every_command(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"name another folder \(--store\)"):
        RunStore(tmp_path / "file").check_writable()
