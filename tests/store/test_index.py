"""The index of a store always gives what its record files hold, whatever became of the index."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from blurbstudy.store import index
from blurbstudy.store.index import condition_key, index_file, indexed_runs, open_index, runs_of_condition
from blurbstudy.store.run_store import RunStore


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def records(store, make_record):
    records = [make_record(seed, test=[0.5, 1.5], epochs=epochs) for seed in (1, 2, 3) for epochs in (1, 2)]
    for record in records:
        store.put(record)
    return sorted(records, key=lambda record: record.id)


def without_predictions(records):
    return [dataclasses.replace(record, predictions={}) for record in records]


def record_file(store, record):
    return store.folder / "runs" / record.id[:2] / f"{record.id}.json"


def test_runs_are_those_of_the_files_without_predictions(store, records):
    assert indexed_runs(store) == without_predictions(records)
    assert all(record.predictions == {} for record in indexed_runs(store))


def test_probabilities_and_last_predictions_are_left_out_and_losses_are_not(store, make_record):
    record = make_record(task="PubMedQA", test=["yes", "no"])
    kept = {"probabilities": {"test": [[0.9, 0.1, 0.0]] * 2}, "last_predictions": {"dev": ["no", "no"]}}
    store.put(dataclasses.replace(record, final_loss=0.5, constant_loss=0.7, **kept))
    (found,) = indexed_runs(store)
    assert found.predictions == found.probabilities == found.last_predictions == {}
    assert (found.final_loss, found.constant_loss) == (0.5, 0.7)
    (complete,) = runs_of_condition(store, record.config)
    assert complete.probabilities == kept["probabilities"]


def test_a_store_without_runs_or_folder_is_empty(store, tmp_path):
    assert indexed_runs(store) == []
    assert not store.folder.exists() and indexed_runs(RunStore(tmp_path / "none" / "deeper")) == []


def test_a_condition_is_the_runs_that_differ_in_their_seed(store, records):
    first = records[0]
    same = [record for record in records if record.config.recipe == first.config.recipe]
    assert runs_of_condition(store, first.config) == same and len(same) == 3
    other_name = dataclasses.replace(first.config, seed=9, encoder_name="another name")
    assert condition_key(other_name) == condition_key(first.config)
    assert condition_key(dataclasses.replace(first.config, precision="bfloat16")) != condition_key(first.config)


def test_known_records_are_not_read_again(store, records, monkeypatch, make_record):
    indexed_runs(store)
    read, get = [], RunStore.get
    monkeypatch.setattr(RunStore, "get", lambda self, run_id: read.append(run_id) or get(self, run_id))
    assert indexed_runs(RunStore(store.folder)) == without_predictions(records) and read == []
    new = make_record(9, test=[0.5, 1.5])
    store.put(new)
    assert len(indexed_runs(store)) == 7 and read == [new.id]


def test_other_processes_use_the_same_index(store, records):
    indexed_runs(store)
    program = f"""
from blurbstudy.store.index import indexed_runs
from blurbstudy.store.run_store import RunStore
RunStore.get = None
print(len(indexed_runs(RunStore({str(store.folder)!r}))))
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (output.stdout, output.stderr) == ("6\n", "")
    assert len(list(index_file(store).parent.iterdir())) == 1


def test_new_changed_and_deleted_records_are_noticed(store, records, make_record):
    indexed_runs(store)
    record_file(store, records[0]).unlink()
    changed = record_file(store, records[1])
    changed.write_text(changed.read_text().replace('"seconds":1.5', '"seconds":99.5'))
    store.put(new := make_record(9, test=[0.5, 1.5]))
    expected = {record.id: record for record in (dataclasses.replace(records[1], seconds=99.5), *records[2:], new)}
    assert {record.id: record for record in indexed_runs(store)} == {
        run_id: dataclasses.replace(record, predictions={}) for run_id, record in expected.items()
    }


def test_unreadable_records_are_reported_and_left_out_until_repaired(store, records):
    path = record_file(store, records[0])
    text = path.read_text()
    path.write_text(text[:100])
    for _ in range(2):
        with open_index(store) as opened:
            assert opened.runs() == without_predictions(records[1:])
            (error,) = opened.errors()
            assert str(path) in error
    path.write_text(text)
    with open_index(store) as opened:
        assert opened.runs() == without_predictions(records) and opened.errors() == []


def test_records_of_another_trainer_revision_are_left_out(store, records, monkeypatch):
    indexed_runs(store)
    for module in ("blurbstudy.config", "blurbstudy.store.run_store", "blurbstudy.store.index"):
        monkeypatch.setattr(f"{module}.TRAINER_REVISION", 999)
    with open_index(store) as opened:
        assert opened.runs() == [] and opened.errors() == []


def test_another_store_at_the_same_path_has_its_own_runs(store, records, make_record):
    indexed_runs(store)
    shutil.rmtree(store.folder)
    store.put(record := make_record(1, test=[2.5, 3.5], epochs=1))
    assert indexed_runs(store) == without_predictions([record])


def _delete(file):
    file.unlink()


def _overwrite(file):
    file.write_bytes(b"no database" * 100)


def _empty(file):
    file.write_bytes(b"")


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-5000])


def _damage(file):
    data = bytearray(file.read_bytes())
    data[4096 : 2 * 4096] = os.urandom(4096)
    file.write_bytes(data)


def _replace_by_other_tables(file):
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE runs (id, something)")
    database.close()


def _replace_by_a_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "change", [_delete, _overwrite, _empty, _truncate, _damage, _replace_by_other_tables, _replace_by_a_folder]
)
def test_a_missing_damaged_or_foreign_index_is_built_again(store, records, change):
    indexed_runs(store)
    change(index_file(store))
    for _ in range(2):
        assert indexed_runs(store) == without_predictions(records)


@pytest.mark.parametrize("offset", [0.3, 0.6, 0.9])
def test_an_index_with_damaged_pages_is_replaced_and_not_read_again_and_again(store, make_record, offset):
    curve = {"step": list(range(500)), "train_loss": [0.123456] * 500, "dev_score": [0.5] * 500}
    for seed in range(10):
        store.put(dataclasses.replace(make_record(seed, test=[0.5]), curve=curve))
    known, file = indexed_runs(store), index_file(store)
    data = bytearray(file.read_bytes())
    start = int(offset * len(data)) // 4096 * 4096
    data[start : start + 4096] = b"\xff" * 4096
    file.write_bytes(data)
    for _ in range(2):
        assert indexed_runs(store) == known
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_an_index_copied_from_another_store_is_corrected(store, records, tmp_path, make_record):
    other = RunStore(tmp_path / "other")
    other.put(make_record(77, test=[1.5, 2.5]))
    other.put(dataclasses.replace(records[0], seconds=77.25))
    indexed_runs(other)
    shutil.copyfile(index_file(other), index_file(store))
    assert indexed_runs(store) == without_predictions(records)


def test_without_a_writable_cache_the_index_lives_in_memory(store, records, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "file"))
    assert indexed_runs(store) == without_predictions(records)


def test_an_index_that_another_process_holds_locked_does_not_stop_a_reader(store, records, monkeypatch, make_record):
    indexed_runs(store)
    monkeypatch.setattr(index, "TIMEOUT", 0.1)
    with sqlite3.connect(index_file(store)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert indexed_runs(store) == without_predictions(records)
    database.close()


def test_nothing_is_written_into_the_store(store, records):
    before = sorted(store.folder.rglob("*"))
    indexed_runs(store)
    assert sorted(store.folder.rglob("*")) == before


def test_a_run_stored_and_indexed_while_another_reader_lists_the_folder_stays(store, monkeypatch, make_record):
    list_files = index._record_files

    def list_before_another_run(store):
        files = list_files(store)
        monkeypatch.setattr(index, "_record_files", list_files)
        store.put(make_record(50, test=[0.5, 1.5]))
        indexed_runs(store)
        return files

    before = len(indexed_runs(store))
    monkeypatch.setattr(index, "_record_files", list_before_another_run)
    assert len(indexed_runs(store)) == before + 1


def test_concurrent_readers_and_a_writer_see_complete_records(store, records, make_record):
    program = f"""
from blurbstudy.store.index import indexed_runs
from blurbstudy.store.run_store import RunStore
counts = [len(indexed_runs(RunStore({str(store.folder)!r}))) for _ in range(20)]
assert counts == sorted(counts), counts
print(counts[0] >= 6)
"""
    readers = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for seed in range(10, 40):
        store.put(make_record(seed, test=[0.5, 1.5]))
    assert [reader.communicate(timeout=120)[0] for reader in readers] == ["True\n"] * 3
    assert indexed_runs(store) == without_predictions(store.records())
