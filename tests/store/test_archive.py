"""A store in one file: the same bytes for the same store, merged whole or not at all, and nothing hostile is taken."""

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
from blurbstudy.errors import DiskError, ParameterError, StoreError
from blurbstudy.store import archive_format as archive_members
from blurbstudy.store.archive import export_store, import_store
from blurbstudy.store.archive_format import FORMAT, KINDS, MANIFEST, kind_of, plain_member
from blurbstudy.store.run_store import RunStore

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
    store.put_fact("encoders", "BERT from ../../somewhere", {"layers": 2})
    store.put_fact("notebook", "00_overview", {"scale": "mini", "seeds": 3})
    return store


@pytest.fixture
def file(full, tmp_path):
    export_store(full, tmp_path / "store.zip")
    return tmp_path / "store.zip"


@pytest.fixture
def other(tmp_path):
    return RunStore(tmp_path / "other")


def repack(file, *, drop=(), **changes):
    """The archive with some members left out, changed or added (name -> text); the manifest counts what is there."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist() if name not in drop}
    members |= {name.replace("__", "/"): text for name, text in changes.items()}
    counts = {kind: sum(kind_of(name) == kind for name in members) for kind in KINDS}
    members[MANIFEST] = changes.get(MANIFEST) or canonical_json({"format": FORMAT} | counts)
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(plain_member(name), text)


def with_member(file, member, data=b"{}"):
    """The archive with one more member, as it is."""
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")  # of a name that stands twice
        archive.writestr(member, data)


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
    assert other.records() == full.records() and other.facts("notebook") == full.facts("notebook")
    assert (done.new, done.same) == ({"runs": 3, "gold": 2, "facts": 2}, NONE)


def test_the_same_store_gives_the_same_bytes_whatever_the_day_and_the_order(full, file, other, tmp_path):
    for name, data in reversed(sorted(contents(full.folder).items())):
        (other.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (other.folder / name).write_bytes(data)
        os.utime(other.folder / name, (1, 1))
    export_store(other, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == file.read_bytes()


def test_leftovers_and_files_that_are_no_stores_are_not_packed(full, file, tmp_path):
    folder = (full.folder / first_run(full.folder)).parent
    for name in (".a.json.1.ab.tmp", "notes.txt", "notes.json"):
        (folder / name).write_text("{}")
    export_store(full, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == file.read_bytes()


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
        seconds=99.0, peak_bytes=5, circumstances={"device": "a GPU"},
        scores={"dev": 0.5003, "test": 0.4998}, curve={"step": [10], "train_loss": [0.2503], "dev_score": [0.5]},
    )  # fmt: skip
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
        ({"scores": {"dev": 0.5, "test": 0.52}}, "scores 0.52 here (cpu by commit unknown), 0.5 there"),
        ({"scores": {"dev": 0.5, "test": None}}, "scores None here"),
        ({"status": "not_finite"}, "status 'not_finite' here"),
        ({"stopped_at_step": 9}, "stopped_at_step 9 here"),
        ({"selected_step": 9}, "selected_step 9 here"),
        ({"curve": {"step": [10], "train_loss": [0.3], "dev_score": [0.5]}}, "curve 0.3 here"),
    ],
)
def test_other_content_under_one_id_is_refused_and_nothing_is_imported(file, other, make_record, change, said):
    record = dataclasses.replace(make_record(2, test=[0.5, 1.25, 4.0]), **change)
    other.put(record)
    message = refuses(file, other, "refused: 1 of its files", record.id, said, "Nothing was imported", "2 runs are new")
    assert "import it into a store of its own (--store DIR)" in message


def test_a_label_that_differs_is_never_within_tolerance(store, other, make_record, tmp_path):
    store.put(make_record(1, task="PubMedQA", test=["yes", "no"]))
    other.put(make_record(1, task="PubMedQA", test=["yes", "maybe"]))
    export_store(store, tmp_path / "a.zip")
    refuses(tmp_path / "a.zip", other, "predictions 'maybe' here", "'no' there")


def test_gold_labels_that_differ_are_refused(file, other):
    other.put_gold("HoC", "d" * 20, "dev", ids=["1"], units=["1"], gold=["a"])
    refuses(file, other, "gold/HoC", "other content")


def test_facts_that_differ_stay_unless_the_archives_are_wanted(full, file, other):
    other.put_fact("notebook", "00_overview", {"scale": "mini", "seeds": 9})
    done = import_store(file, other)
    assert (done.facts_kept, done.facts_replaced, done.new["facts"]) == (1, 0, 1)
    assert other.fact("notebook", "00_overview")["seeds"] == 9
    done = import_store(file, other, replace_facts=True)
    assert (done.facts_kept, done.facts_replaced, done.same["facts"]) == (0, 1, 1)
    assert other.fact("notebook", "00_overview") == full.fact("notebook", "00_overview")


def test_runs_of_another_trainer_revision_are_carried_along_and_counted(full, file, other, monkeypatch, tmp_path):
    for module in ("blurbstudy.config", "blurbstudy.store.run_store"):
        monkeypatch.setattr(f"{module}.TRAINER_REVISION", TRAINER_REVISION + 1)
    assert export_store(full, tmp_path / "later.zip").other_revision == 3
    assert (tmp_path / "later.zip").read_bytes() == file.read_bytes()
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
    said = (wrong.id, "BIOSSES", "stored test score is 0.93", "its predictions score 0.5", "scores of 1 runs are wrong")
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
    store.put(dataclasses.replace(record, config=dataclasses.replace(record.config, data="/../../../outside")))
    (tmp_path / "outside.test.json").write_text(json.dumps({"ids": ["1"], "units": ["1"], "gold": [1.0]}))
    (other.folder / "gold" / "BIOSSES.").mkdir(parents=True)
    assert other.has_gold("BIOSSES", "/../../../outside", "test")
    export_store(store, tmp_path / "a.zip")
    assert import_store(tmp_path / "a.zip", other).unscored == 1


# Export


def test_an_empty_store_a_torn_record_and_a_file_that_is_there_are_refused(store, full, tmp_path, other):
    with pytest.raises(StoreError, match="no run store with anything in it"):
        export_store(other, tmp_path / "a.zip")
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(ParameterError, match="is there already; name a new file"):
        export_store(full, tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_text() == "mine"
    torn = full.folder / first_run(full.folder)
    torn.write_text(torn.read_text()[:100])
    with pytest.raises(StoreError, match="no whole run record.*delete this file, then export again"):
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


@pytest.mark.parametrize("call", ["open", "fsync", "link"])
@pytest.mark.parametrize("nth", [1, 5])
def test_a_disk_that_refuses_midway_leaves_the_store_as_it_was(file, other, make_record, monkeypatch, call, nth):
    mine = make_record(9, test=[1.0])
    other.put(mine)
    other.put_fact("notebook", "00_overview", {"seeds": 9})
    before, works, calls = contents(other.folder), getattr(os, call), []
    other.check_writable()
    monkeypatch.setattr(RunStore, "check_writable", lambda self: None)

    def refuse(*arguments, **options):
        calls.append(call)
        if len(calls) >= nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return works(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(DiskError, match="no space is left on the disk"):
            import_store(file, other, replace_facts=True)
    assert contents(other.folder) == before and len(calls) >= nth
    import_store(file, other, replace_facts=True)
    assert len(other.records()) == 4


def test_an_interruption_midway_leaves_the_store_as_it_was(file, other):
    def interrupt(doing, done, total):
        if doing == "importing" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_store(file, other, on_progress=interrupt)
    assert contents(other.folder) == {}


# Archives that are none, and hostile ones


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.unlink(), "no such file"),
        (lambda f: f.write_bytes(b""), "no whole archive"),
        (lambda f: f.write_text("hello"), "no whole archive"),
        (lambda f: f.write_bytes(f.read_bytes()[: f.stat().st_size // 2]), "no whole archive"),
        (lambda f: f.write_bytes(f.read_bytes()[:-10]), "no whole archive"),
        (lambda f: f.unlink() or f.mkdir(), "no whole archive"),
        (lambda f: tarfile.open(f, "w:gz").close(), "no whole archive"),
        (lambda f: zipfile.ZipFile(f, "w").close(), "was not written by blurbstudy store export"),
        (lambda f: repack(f, drop=[MANIFEST]), "was not written by blurbstudy store export"),
        (lambda f: repack(f, **{MANIFEST: '{"format":2}'}), "is of another format than 1"),
        (lambda f: repack(f, **{MANIFEST: "[]"}), "is of another format than 1"),
        (lambda f: repack(f, **{MANIFEST: "["}), "no whole archive"),
        (lambda f: repack(f, **{MANIFEST: '{"facts":2,"format":1,"gold":2,"runs":4}'}), "says 4 runs and holds 3"),
    ],
)
def test_what_is_no_whole_archive_of_a_store_is_refused(file, other, spoil, said):
    spoil(file)
    refuses(file, other, str(file), said, "Nothing was imported")
    assert not other.folder.exists()


def a_member(name, **fields):
    member = plain_member(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


RUN = "runs/ab/ab" + "0" * 18 + ".json"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("../outside.json", "'../outside.json', which is no file of a run store"),
        ("/etc/outside.json", "no file of a run store"),
        ("runs/../../outside.json", "no file of a run store"),
        ("runs/ab/../ab/" + "a" * 20 + ".json", "no file of a run store"),
        ("C:\\outside.json", "no file of a run store"),
        ("runs/cd/ab" + "0" * 18 + ".json", "no file of a run store"),
        (RUN + "\n", "no file of a run store"),
        ("gold/.hidden.d.dev.json", "no file of a run store"),
        ("facts/notebook/script.py", "no file of a run store"),
        ("notes.txt", "no file of a run store"),
        (a_member("runs/ab/"), "a folder, link or device"),
        (a_member(RUN, external_attr=(stat.S_IFLNK | 0o777) << 16), "a folder, link or device"),
        (a_member(RUN, external_attr=(stat.S_IFCHR | 0o666) << 16), "a folder, link or device"),
        (a_member(RUN, external_attr=(stat.S_IFIFO | 0o666) << 16), "a folder, link or device"),
        (a_member(RUN, compress_type=zipfile.ZIP_LZMA), "compressed in an unusual way"),
    ],
)
def test_a_member_that_no_store_has_is_refused(file, other, tmp_path, member, said):
    with_member(file, member)
    refuses(file, other, "holds", said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "store.zip"]


def test_a_member_that_stands_twice_is_refused(full, file, other):
    with_member(file, plain_member(first_run(full.folder)))
    refuses(file, other, "a second time")


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_read(file, other, monkeypatch):
    with zipfile.ZipFile(file, "a") as archive, archive.open(plain_member(RUN), "w", force_zip64=True) as stream:
        block = b" " * (1 << 20)
        for _ in range(65):
            stream.write(block)
    assert file.stat().st_size < 200_000
    refuses(file, other, RUN, "of 68157440 bytes; 67108864 at most")


def test_members_that_are_small_alone_and_too_much_together_are_refused(file, other, monkeypatch):
    monkeypatch.setattr(archive_members, "MOST_BYTES", 2000)
    refuses(file, other, "2000 all together")
    monkeypatch.setattr(archive_members, "MOST_MEMBERS", 5)
    refuses(file, other, "holds 8 members; 5 at most")


def test_a_member_that_says_a_smaller_size_than_it_has_is_refused(full, file, other):
    """The central directory lies: zipfile reads no more than it says, and the sum does not fit."""
    with zipfile.ZipFile(file) as archive:
        size = archive.getinfo(first_run(full.folder)).file_size
    data = file.read_bytes()
    at = data.rindex(first_run(full.folder).encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02" and int.from_bytes(data[at + 24 : at + 28], "little") == size
    file.write_bytes(data[: at + 24] + (size // 2).to_bytes(4, "little") + data[at + 28 :])
    refuses(file, other, "no whole archive")


def test_no_single_damaged_byte_lets_other_content_in(full, file, tmp_path):
    data, expected = file.read_bytes(), contents(full.folder)
    places = random.Random(1).sample(range(len(data)), 150) + list(range(len(data) - 22, len(data)))
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        store = RunStore(tmp_path / "into" / str(place))
        try:
            import_store(file, store)
        except StoreError as error:
            assert "\n" not in str(error)
            assert contents(store.folder) == {}
        else:
            assert contents(store.folder) == expected  # a byte that says nothing: a time, a version


def test_a_run_whose_id_does_not_fit_its_configuration_is_refused(full, file, other):
    name = first_run(full.folder)
    text = (full.folder / name).read_text()
    for wrong in (text.replace('"epochs":20', '"epochs":21'), text.replace('"trainer_revision":', '"revision":'), "[]"):
        assert wrong != text
        repack(file, **{name: wrong})
        refuses(file, other, f"{file}/{name}", "no whole run record", "export the store again")
    repack(file, drop=[name], **{RUN: text})
    refuses(file, other, RUN, "does not fit")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "splendid"}, "its status"),
        ({"scores": {"test": "high"}}, "its scores"),
        ({"scores": []}, "its scores"),
        ({"predictions": {"test": [{"a": 1}]}}, "its predictions"),
        ({"predictions": {"test": "yes"}}, "its predictions"),
        ({"curve": {"train_loss": ["low"]}}, "its curve"),
        ({"circumstances": "a machine"}, "its circumstances"),
        ({"seconds": "long"}, "its numbers"),
        ({"peak_bytes": 10**400}, "its numbers"),  # a whole number that no float holds
        ({"scores": {"test": 10**400}}, "its scores"),
        ({"unknown": 1}, "no whole run record"),
        ({"format": 2}, "no whole run record"),
    ],
)
def test_a_run_whose_id_fits_and_whose_content_is_nonsense_is_refused(full, file, other, change, said):
    name = first_run(full.folder)
    values = json.loads((full.folder / name).read_text()) | change
    repack(file, **{name: canonical_json(values)})
    refuses(file, other, name, said)


def test_json_that_is_none_or_without_end_is_refused(full, file, other):
    name = first_run(full.folder)
    for text in ("[" * 200_000, '{"seconds":NaN}', '{"a":', "\ud800"):
        with zipfile.ZipFile(file) as archive:
            kept = [n for n in archive.namelist() if n != name]
            members = {n: archive.read(n) for n in kept}
        with zipfile.ZipFile(file, "w") as archive:
            for n, data in members.items():
                archive.writestr(plain_member(n), data)
            archive.writestr(plain_member(name), text.encode("utf-8", "surrogatepass"))
        refuses(file, other, name)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gold/HoC.d.dev.json", '{"ids":["1"],"units":["1"],"gold":[]}', "its lengths"),
        ("gold/HoC.d.dev.json", '{"ids":[1],"units":["1"],"gold":["a"]}', "its ids"),
        ("gold/HoC.d.dev.json", '{"ids":["1"],"units":["1"],"gold":[null]}', "its labels"),
        ("gold/HoC.d.dev.json", '{"ids":["1"]}', "KeyError"),
        ("facts/notebook/00-overview.00000000.json", '{"name":"00_overview","values":{}}', "that of its file"),
        ("facts/notebook/00-overview.00000000.json", '{"name":3,"values":{}}', "its name and values"),
        ("facts/notebook/00-overview.00000000.json", "[]", "TypeError"),
    ],
)
def test_gold_labels_and_facts_that_are_none_are_refused(file, other, name, text, said):
    repack(file, **{name: text})
    refuses(file, other, name, "is not what its name says", said)


def test_a_torn_file_of_the_stores_own_is_named(full, file, other):
    import_store(file, other)
    path = other.folder / first_run(other.folder)
    path.write_text(path.read_text()[:50])
    refuses(file, other, str(path), "delete this file, then import again")


def test_an_archive_that_changes_between_checking_and_placing_is_refused(store, other, make_record, tmp_path):
    drawn, file = random.Random(1), tmp_path / "a.zip"
    for seed in (1, 2, 3):  # more than a reader keeps of the file
        store.put(make_record(seed, test=[drawn.random() for _ in range(2000)]))
    export_store(store, file)

    def spoil(doing, done, total):
        if doing == "checking" and done == total:
            data = file.read_bytes()
            with file.open("r+b") as stream:  # in place: the import has the file open
                stream.write(data[:-30000] + bytes(20000) + data[-10000:])

    refuses(file, other, on_progress=spoil)
