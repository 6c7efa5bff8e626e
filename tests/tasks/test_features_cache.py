"""A task is tokenized once per tokenizer; a cache file that is torn, altered or another's is never taken."""

import errno
import hashlib
import os
import threading

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from blurbstudy.errors import DataError
from blurbstudy.models import load_checkpoint
from blurbstudy.tasks import SPLITS, TASKS, Example, data_fingerprint, features_cache, get_task, split_file
from blurbstudy.tasks.features import task_features, tokenize
from blurbstudy.tasks.features_cache import FEATURES_REVISION, cached_features

ONE_PER_OUTPUT = ("BC5-chem", "PubMedQA", "HoC", "BIOSSES")


@pytest.fixture
def ask(mini_data, tiny_encoder, tmp_path, monkeypatch):
    """Features of mini-BLURB by the tiny encoder's tokenizer; `ask.made` counts the tokenizers asked for."""
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    checkpoint = load_checkpoint(tiny_encoder)

    def ask(name="BIOSSES", *, folder=mini_data, **changes):
        def tokenizer():
            ask.made += 1
            return checkpoint.tokenizer()

        task = get_task(name)
        given = {"data": data_fingerprint(task, folder), "digest": checkpoint.tokenizer_digest()}
        given |= {"max_length": 48, "segment_ids": "pair"}
        return cached_features(task, folder, tokenizer, **(given | changes))

    ask.made = 0
    return ask


@pytest.fixture
def file(tmp_path):
    """The one file in the cache."""

    def find():
        (found,) = (tmp_path / "cache" / "features").glob("*.npz")
        return found

    return find


def same(a, b):
    fields = ("ids", "segments", "offsets", "targets", "word_starts", "examples", "second_lengths")
    return all(
        (getattr(a[split], name) is None and getattr(b[split], name) is None)
        or (
            getattr(a[split], name).dtype == getattr(b[split], name).dtype
            and np.array_equal(getattr(a[split], name), getattr(b[split], name))
        )
        for split in SPLITS
        for name in fields
    )


@pytest.mark.parametrize("name", [task.name for task in TASKS])
def test_what_comes_back_is_what_tokenization_gives(ask, mini_data, tiny_encoder, name):
    tokenizer = load_checkpoint(tiny_encoder).tokenizer()
    expected = task_features(get_task(name), mini_data, tokenizer, max_length=48, segment_ids="pair")
    first, again = ask(name), ask(name)
    assert ask.made == 1
    assert same(first, expected) and same(again, expected)
    assert all(getattr(again["train"], column).flags.writeable for column in ("ids", "targets"))  # as torch asks


@pytest.mark.parametrize(
    "change",
    [{"max_length": 32}, {"segment_ids": "single"}, {"digest": "another"}],
    ids=lambda change: next(iter(change)),
)
def test_another_setting_or_tokenizer_is_tokenized_by_itself(ask, tmp_path, change):
    ask()
    ask(**change)
    ask(**change)
    assert ask.made == 2 and len(list((tmp_path / "cache" / "features").glob("*.npz"))) == 2


def test_another_revision_of_the_code_makes_its_own(ask, monkeypatch):
    ask()
    monkeypatch.setattr(features_cache, "FEATURES_REVISION", FEATURES_REVISION + 1)
    ask()
    assert ask.made == 2


def damages(file):
    """Ways to damage a cache file."""
    with np.load(file) as archive:
        columns = {name: archive[name] for name in archive.files}
    changed = columns["train.ids"].copy()
    changed[5] = 7

    def save(**changes):
        np.savez(file, **{name: value for name, value in (columns | changes).items() if value is not None})

    return {
        "half": lambda: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        "empty": lambda: file.write_bytes(b""),
        "text": lambda: file.write_text("no archive"),
        "one bit": lambda: file.write_bytes(file.read_bytes()[:5000] + b"\x01" + file.read_bytes()[5001:]),
        "other number": lambda: save(**{"train.ids": changed}),
        "other type": lambda: save(**{"train.ids": columns["train.ids"].astype(np.int64)}),
        "no checksum": lambda: save(sha256=None),
        "missing column": lambda: save(**{"dev.ids": None}),
        "added column": lambda: save(more=np.zeros(1)),
        "other identity": lambda: save(identity=np.frombuffer(b"{}", np.uint8)),
        "compressed": lambda: np.savez_compressed(file, **columns),
        "objects": lambda: save(**{"train.ids": np.array([{}, print], object)}),
    }


DAMAGES = (
    "half",
    "empty",
    "text",
    "one bit",
    "other number",
    "other type",
    "no checksum",
    "missing column",
    "added column",
    "other identity",
    "compressed",
    "objects",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_replaced(ask, file, damage):
    expected = ask()
    before = file().read_bytes()
    ways = damages(file())
    assert set(ways) == set(DAMAGES)
    ways[damage]()
    assert file().read_bytes() != before
    assert same(ask(), expected) and ask.made == 2
    assert same(ask(), expected) and ask.made == 2


def test_a_file_of_another_task_under_this_ones_name_is_not_taken(ask, file, tmp_path):
    expected = ask("BIOSSES")
    mine = file()
    ask("BioASQ")
    (others,) = set((tmp_path / "cache" / "features").glob("*.npz")) - {mine}
    mine.write_bytes(others.read_bytes())
    assert same(ask("BIOSSES"), expected) and ask.made == 3


def test_of_several_at_once_one_tokenizes_and_nothing_is_left_over(ask, tmp_path):
    found = []
    threads = [threading.Thread(target=lambda: found.append(ask("PubMedQA"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask.made == 1 and len(found) == 4 and all(same(one, found[0]) for one in found)
    assert sorted(path.suffix for path in (tmp_path / "cache" / "features").iterdir()) == [".lock", ".npz"]


def test_what_a_killed_writer_left_is_swept_up(ask, file, tmp_path):
    ask()
    finished = file()
    left = finished.with_name(f".unfinished-0123abcd-{finished.name}")
    left.write_bytes(b"half")
    finished.unlink()
    ask()
    assert not left.exists() and file().is_file()


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_costs_the_cache_and_not_the_features(ask, monkeypatch, tmp_path, call):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        first = ask()
    assert {path.suffix for path in (tmp_path / "cache" / "features").iterdir()} == {".lock"}
    assert same(ask(), first) and ask.made == 2


def test_a_cache_folder_that_cannot_be_made_costs_nothing_else(ask, tmp_path):
    (tmp_path / "cache").write_text("a file in the folder's place")
    assert same(ask(), ask()) and ask.made == 2


def test_files_that_change_while_they_are_read_are_kept_under_no_name(ask, mini_data, tmp_path):
    task = get_task("BIOSSES")
    for split in SPLITS:
        source = split_file(task, mini_data, split=split)
        (tmp_path / "data" / task.folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / task.folder / source.name).write_bytes(source.read_bytes())
    planned = data_fingerprint(task, tmp_path / "data")
    changed = split_file(task, tmp_path / "data", split="train")
    changed.write_bytes(changed.read_bytes().split(b"\n", 1)[0] + b"\n" + changed.read_bytes().split(b"\n", 1)[1])
    lines = changed.read_bytes().splitlines(keepends=True)
    changed.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(DataError, match="the files of BIOSSES changed while they were read; run again"):
        ask(folder=tmp_path / "data", data=planned)
    assert not list((tmp_path / "cache").rglob("*.npz"))


def test_the_features_of_fixed_examples_are_those_of_this_revision():
    """Where this fails, features changed: raise FEATURES_REVISION, then write the new digest here."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "as", "##pirin", "head", "##ache", "helps", "."]
    backend = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    words = Example("1", "1", ("Aspirin", "helps", "headache", "."), "B O B O")
    pair = Example("1", "1", ("Aspirin helps.", "Headache helps."), 2.5)
    digest = hashlib.sha256(str(FEATURES_REVISION).encode())
    for example, task in ((words, "BC5-chem"), (pair, "BIOSSES")):
        found = tokenize([example, example], tokenizer, get_task(task), max_length=7, segment_ids="pair")
        for column in (found.ids, found.segments, found.offsets, found.targets, found.word_starts, found.examples):
            digest.update(b"" if column is None else np.ascontiguousarray(column))
    assert digest.hexdigest()[:20] == "35451e6aaa97660bffa0"


def test_the_digest_follows_the_files_of_the_tokenizer_and_no_others(tiny_encoder, tmp_path):
    import shutil

    copy = shutil.copytree(tiny_encoder, tmp_path / "copy")
    first = load_checkpoint(copy).tokenizer_digest()
    assert first == load_checkpoint(tiny_encoder).tokenizer_digest()
    (copy / "README.md").write_text("a card")
    assert load_checkpoint(copy).tokenizer_digest() == first
    (copy / "added_tokens.json").write_text("{}")
    second = load_checkpoint(copy).tokenizer_digest()
    text = (copy / "tokenizer.json").read_text(encoding="utf-8")
    (copy / "tokenizer.json").write_text(text.replace('"lowercase": true', '"lowercase": false'), encoding="utf-8")
    assert len({first, second, load_checkpoint(copy).tokenizer_digest()}) == 3


def test_texts_apart_are_kept_in_a_file_of_their_own_with_where_they_part(ask, tmp_path):
    together, apart = ask(), ask(segment_ids="bi_encoder")
    assert ask.made == 2 and len(list((tmp_path / "cache" / "features").glob("*.npz"))) == 2
    assert same(apart, ask(segment_ids="bi_encoder")) and same(together, ask()) and ask.made == 2
    assert together["train"].second_lengths is None and (apart["train"].second_lengths < apart["train"].lengths).all()
