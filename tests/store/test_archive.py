"""A store in one file: imported after all checks or rejected, and no hostile file is taken."""

import dataclasses
import errno
import json
import os
import random
import stat
import tarfile
import warnings
import zipfile

import pytest

from blurbstudy.config import TRAINER_REVISION, canonical_json
from blurbstudy.errors import DiskError, ParameterError, StoreError, StudyError
from blurbstudy.store.archive import export_store, import_store
from blurbstudy.store.run_store import RunStore

LEFTOVERS = (".unfinished-0123abcd-a.json", "notes.txt", "notes.json")
NONE = {"runs": 0, "gold": 0, "facts": 0}
GOLD = [-0.79941185, 0.54360006, 0.25581179]  # Pearson's r of 0.5, 1.25, 4.0 with these is 0.5, as a record says


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def full(store, make_record):
    """A store with three runs, gold labels and facts."""
    for seed in (1, 2, 3):
        store.put(make_record(seed, test=[0.5, 1.25, 4.0]))
    store.put_gold("BIOSSES", "d" * 20, "test", ids=["1", "2", "3"], units=["1", "2", "3"], gold=GOLD)
    store.put_gold("HoC", "d" * 20, "dev", ids=["1"], units=["1"], gold=["a,b"])
    store.put_metadata("encoders", "BERT from ../../somewhere", {"layers": 2})
    store.put_metadata("notebook", "00_overview", {"scale": "mini", "seeds": 3})
    return store


@pytest.fixture
def file(full, tmp_path):
    export_store(full, tmp_path / "store.zip")
    return tmp_path / "store.zip"


@pytest.fixture
def other(tmp_path):
    return RunStore(tmp_path / "other")


def repack(file, *, drop=(), **changes):
    """The archive with some members left out, changed or added (name -> text)."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist() if name not in drop}
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in (members | changes).items():
            archive.writestr(name, text)


def with_member(file, name, data=b"{}"):
    """The archive with one more member, as it is."""
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")  # about duplicate names
        archive.writestr(name, data)


def first_run(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("runs/*/*.json"))[0]


def refuses(file, store, *said, **options):
    """The import is refused in one line, and the store is as it was."""
    before = contents(store.folder)
    with pytest.raises(StoreError) as error:
        import_store(file, store, **options)
    message = str(error.value)
    assert "\n" not in message and all(word in message for word in said), message
    assert contents(store.folder) == before
    return message


def test_what_is_exported_and_imported_is_the_same_store_file_by_file(full, file, other):
    done = import_store(file, other)
    assert contents(other.folder) == contents(full.folder)
    assert other.records() == full.records() and other.all_metadata("notebook") == full.all_metadata("notebook")
    assert (done.new, done.same) == ({"runs": 3, "gold": 2, "facts": 2}, NONE)


def test_leftovers_and_files_that_are_no_stores_are_not_packed(full, file, tmp_path):
    folder = (full.folder / first_run(full.folder)).parent
    for name in LEFTOVERS:
        (folder / name).write_text("{}")
    export_store(full, tmp_path / "again.zip")
    with zipfile.ZipFile(tmp_path / "again.zip") as archive:
        names = {name for name in contents(full.folder) if not name.endswith(LEFTOVERS)}
        assert set(archive.namelist()) == names


def test_a_second_import_changes_nothing(file, other):
    import_store(file, other)
    times = {path: path.stat().st_mtime_ns for path in other.folder.rglob("*.json")}
    done = import_store(file, other)
    assert (done.new, done.same) == (NONE, {"runs": 3, "gold": 2, "facts": 2})
    assert {path: path.stat().st_mtime_ns for path in other.folder.rglob("*.json")} == times


def test_stores_of_two_machines_become_one(full, file, other, make_record):
    for seed in (3, 4):
        other.put(make_record(seed, test=[0.5, 1.25, 4.0]))
    done = import_store(file, other)
    assert (done.new["runs"], done.same["runs"]) == (2, 1)
    assert sorted(record.config.seed for record in other.records()) == [1, 2, 3, 4]


def test_progress_tells_both_passes_to_their_ends(full, other, tmp_path):
    heard = []
    export_store(full, tmp_path / "a.zip", on_progress=lambda *said: heard.append(said))
    import_store(tmp_path / "a.zip", other, on_progress=lambda *said: heard.append(said))
    ends = [(doing, done) for doing, done, total in heard if done == total]
    assert ends == [("exporting", 7), ("checking", 7), ("importing", 7)] and len(heard) == 21


# The same run made twice


def test_a_run_made_again_elsewhere_is_the_same_and_the_one_that_is_there_stays(file, other, make_record):
    mine = dataclasses.replace(
        make_record(1, test=[0.5004, 1.25, 4.0]),
        seconds=99.0,
        peak_bytes=5,
        environment={"device": "a GPU"},
        scores={"dev": 0.5003, "test": 0.4998},
        curve={"step": [10], "train_loss": [0.2503], "dev_score": [0.5]},
    )
    other.put(mine)
    done = import_store(file, other)
    assert (done.new["runs"], done.same["runs"]) == (2, 1)
    assert other.get(mine.id) == mine


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"predictions": {"dev": [0.5, 1.25, 4.0], "test": [0.51, 1.25, 4.0]}}, "predictions 0.51 here"),
        ({"predictions": {"dev": [0.5, 1.25, 4.0]}}, "predictions {"),
        ({"predictions": {"dev": [0.5, 1.25, 4.0], "test": [0.5, 1.25]}}, "predictions [0.5, 1.25] here"),
        ({"scores": {"dev": 0.5, "test": 0.52}}, "scores 0.52 here (cpu, commit unknown), 0.5 there"),
        ({"scores": {"dev": 0.5, "test": None}}, "scores None here"),
        ({"status": "diverged"}, "status 'diverged' here"),
        ({"stopped_at_step": 9}, "stopped_at_step 9 here"),
        ({"selected_step": 9}, "selected_step 9 here"),
        ({"curve": {"step": [10], "train_loss": [0.3], "dev_score": [0.5]}}, "curve 0.3 here"),
        ({"final_loss": 7.5}, "final_loss 7.5 here"),
        ({"constant_loss": None}, "constant_loss None here"),
        ({"probabilities": {"test": [[0.5, 0.5]]}}, "probabilities {"),
        ({"last_predictions": {"dev": [0.5, 1.25, 4.0]}}, "last_predictions {"),
    ],
)
def test_other_content_under_one_id_is_refused_and_nothing_is_imported(file, other, make_record, change, said):
    record = dataclasses.replace(make_record(2, test=[0.5, 1.25, 4.0]), **change)
    other.put(record)
    message = refuses(file, other, "import rejected: 1 files conflict", record.id, said, "Nothing was imported")
    assert "import into a store of its own (--store DIR)" in message


def test_a_label_that_differs_is_never_within_tolerance(store, other, make_record, tmp_path):
    store.put(make_record(1, task="PubMedQA", test=["yes", "no"]))
    other.put(make_record(1, task="PubMedQA", test=["yes", "maybe"]))
    export_store(store, tmp_path / "a.zip")
    refuses(tmp_path / "a.zip", other, "predictions 'maybe' here", "'no' there")


def test_gold_labels_that_differ_are_refused(file, other):
    other.put_gold("HoC", "d" * 20, "dev", ids=["1"], units=["1"], gold=["a"])
    refuses(file, other, "gold/HoC", "different content")


def test_facts_that_differ_stay_unless_the_archives_are_wanted(full, file, other):
    other.put_metadata("notebook", "00_overview", {"scale": "mini", "seeds": 9})
    done = import_store(file, other)
    assert (done.metadata_kept, done.metadata_replaced, done.new["facts"]) == (1, 0, 1)
    assert other.metadata("notebook", "00_overview")["seeds"] == 9
    done = import_store(file, other, replace_metadata=True)
    assert (done.metadata_kept, done.metadata_replaced, done.same["facts"]) == (0, 1, 1)
    assert other.metadata("notebook", "00_overview") == full.metadata("notebook", "00_overview")


def test_runs_of_another_trainer_revision_are_carried_along_and_counted(full, file, other, monkeypatch, tmp_path):
    for module in ("blurbstudy.config", "blurbstudy.store.run_store"):
        monkeypatch.setattr(f"{module}.TRAINER_REVISION", TRAINER_REVISION + 1)
    assert export_store(full, tmp_path / "later.zip").other_revision == 3
    assert import_store(file, other).other_revision == 3
    assert other.ids() == full.ids() and other.records() == []
    assert import_store(file, other).other_revision == 0  # of the new


# Scores of runs that others made


def test_a_run_whose_score_is_not_its_predictions_is_refused_whether_archive_or_store_has_the_gold(
    full, file, other, make_record, tmp_path
):
    wrong = dataclasses.replace(make_record(4, test=[0.5, 1.25, 4.0]), scores={"dev": 0.5, "test": 0.93})
    full.put(wrong)
    export_store(full, tmp_path / "wrong.zip")
    said = (wrong.id, "BIOSSES", "stored test score is 0.93", "its predictions score 0.5", "1 runs have wrong scores")
    refuses(tmp_path / "wrong.zip", other, *said, "Nothing was imported")
    repack(tmp_path / "wrong.zip", drop=["gold/BIOSSES." + "d" * 20 + ".test.json"])
    assert import_store(tmp_path / "wrong.zip", RunStore(tmp_path / "third")).unscored == 4
    import_store(file, other)
    refuses(tmp_path / "wrong.zip", other, *said)


def test_runs_without_gold_labels_are_imported_and_counted(file, other):
    assert import_store(file, other).unscored == 3  # their dev score: there is gold of test alone
    assert import_store(file, other).unscored == 0  # of the new


def test_a_data_fingerprint_that_leads_out_of_the_store_finds_no_gold_labels(store, other, make_record, tmp_path):
    record = make_record(1, test=[0.5, 1.25, 4.0])
    store.put(
        dataclasses.replace(record, config=dataclasses.replace(record.config, data_fingerprint="/../../../outside"))
    )
    (tmp_path / "outside.test.json").write_text(json.dumps({"ids": ["1"], "units": ["1"], "gold": [1.0]}))
    (other.folder / "gold" / "BIOSSES.").mkdir(parents=True)
    assert other.has_gold("BIOSSES", "/../../../outside", "test")
    export_store(store, tmp_path / "a.zip")
    assert import_store(tmp_path / "a.zip", other).unscored == 1


# Export


def test_an_empty_store_a_torn_record_and_a_file_that_is_there_are_refused(store, full, tmp_path, other):
    with pytest.raises(StoreError, match="expected a run store with runs"):
        export_store(other, tmp_path / "a.zip")
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(ParameterError, match="exists already; name a new file"):
        export_store(full, tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_text() == "mine"
    torn = full.folder / first_run(full.folder)
    torn.write_text(torn.read_text()[:100])
    with pytest.raises(StoreError, match="corrupt run record.*delete it and run again"):
        export_store(full, tmp_path / "a.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "there.zip"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_is_full_leaves_no_archive(full, tmp_path, monkeypatch, call):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"os.{call}", refuse)
    with pytest.raises(DiskError, match="no space is left on the disk; free some space or name another file"):
        export_store(full, tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


# A disk that refuses the import


# Archives that are none, and hostile ones


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.unlink(), "no such file"),
        (lambda f: f.unlink() or f.mkdir(), "no such file"),
        (lambda f: f.write_bytes(b""), "not a complete archive"),
        (lambda f: f.write_text("hello"), "not a complete archive"),
        (lambda f: f.write_bytes(f.read_bytes()[: f.stat().st_size // 2]), "not a complete archive"),
        (lambda f: f.write_bytes(f.read_bytes()[:-10]), "not a complete archive"),
        (lambda f: tarfile.open(f, "w:gz").close(), "not a complete archive"),
        (lambda f: zipfile.ZipFile(f, "w").close(), "contains no run store"),
    ],
)
def test_a_file_that_is_no_complete_archive_is_rejected(file, other, spoil, message):
    spoil(file)
    refuses(file, other, str(file), message, "Nothing was imported")
    assert not other.folder.exists()


RUN = "runs/ab/ab" + "0" * 18 + ".json"


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "/etc/outside.json",
        "runs/../../outside.json",
        "runs/ab/../ab/" + "a" * 20 + ".json",
        "C:\\outside.json",
        "runs/cd/ab" + "0" * 18 + ".json",
        RUN + "\n",
        "gold/.hidden.d.dev.json",
        "facts/notebook/script.py",
        "notes.txt",
        "runs/ab/",
    ],
)
def test_names_that_no_store_has_are_rejected(file, other, tmp_path, name):
    with_member(file, name)
    refuses(file, other, "contains", "which no run store has")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "store.zip"]


def test_a_symbolic_link_is_no_link_after_the_import(file, other):
    member = zipfile.ZipInfo(RUN)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with_member(file, member, b"/etc/passwd")
    refuses(file, other, RUN)


def test_a_name_that_occurs_twice_is_rejected(full, file, other):
    with_member(file, first_run(full.folder))
    refuses(file, other, "contains no run store")


def test_no_single_damaged_byte_lets_other_content_in(full, file, tmp_path):
    data, expected = file.read_bytes(), contents(full.folder)
    places = random.Random(1).sample(range(len(data)), 60) + list(range(len(data) - 22, len(data)))
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        store = RunStore(tmp_path / "into" / str(place))
        try:
            import_store(file, store)
        except StudyError as error:
            assert "\n" not in str(error)
            assert contents(store.folder) == {}
        else:
            assert contents(store.folder) == expected  # a byte that says nothing: a time, a version


def test_a_length_in_the_directory_that_hides_the_entries_after_it_is_noticed(full, file, other):
    data = file.read_bytes()
    start, names = data.index(b"PK\x01\x02"), sorted(contents(full.folder))
    for hidden in range(1, len(names)):
        place = start + sum(46 + len(name) for name in names[: -hidden - 1]) + 33  # high byte of a comment's length
        file.write_bytes(data[:place] + b"\x5a" + data[place + 1 :])
        with zipfile.ZipFile(file) as archive:
            assert len(archive.namelist()) == len(names) - hidden
        refuses(file, other, "is not a complete archive")


def test_a_run_whose_id_does_not_fit_its_configuration_is_refused(full, file, other):
    name = first_run(full.folder)
    text = (full.folder / name).read_text()
    for wrong in (text.replace('"epochs":20', '"epochs":21'), text.replace('"trainer_revision":', '"revision":'), "[]"):
        assert wrong != text
        repack(file, **{name: wrong})
        refuses(file, other, name, "corrupt run record", "export the store again")
    repack(file, drop=[name], **{RUN: text})
    refuses(file, other, RUN, "does not fit")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "splendid"},
        {"scores": {"test": "high"}},
        {"scores": []},
        {"predictions": {"test": [{"a": 1}]}},
        {"predictions": {"test": "yes"}},
        {"curve": {"train_loss": ["low"]}},
        {"final_loss": "low"},
        {"probabilities": {"test": [["high"]]}},
        {"probabilities": {"test": [0.5]}},
        {"last_predictions": {"dev": [{"a": 1}]}},
        {"environment": "a machine"},
        {"seconds": "long"},
        {"unknown": 1},
        {"format": 1},
    ],
)
def test_a_malformed_run_with_a_valid_id_is_rejected(full, file, other, change):
    name = first_run(full.folder)
    values = json.loads((full.folder / name).read_text()) | change
    repack(file, **{name: canonical_json(values)})
    refuses(file, other, name, "malformed")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":', "[]", "null"])
def test_malformed_json_is_rejected(full, file, other, text):
    name = first_run(full.folder)
    repack(file, **{name: text})
    refuses(file, other, name, "malformed")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gold/HoC.d.dev.json", '{"ids":["1"],"units":["1"],"gold":[]}'),
        ("gold/HoC.d.dev.json", '{"ids":["1"]}'),
        ("facts/notebook/00-overview.00000000.json", '{"name":"00_overview","values":{}}'),
        ("facts/notebook/00-overview.00000000.json", '{"name":3,"values":{}}'),
        ("facts/notebook/00-overview.00000000.json", "[]"),
    ],
)
def test_malformed_gold_labels_and_metadata_are_rejected(file, other, name, text):
    repack(file, **{name: text})
    refuses(file, other, name, "malformed")


def test_a_torn_file_of_the_stores_own_is_named(full, file, other):
    import_store(file, other)
    path = other.folder / first_run(other.folder)
    path.write_text(path.read_text()[:50])
    refuses(file, other, str(path), "delete it and run again")
