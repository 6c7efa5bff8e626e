"""The real files: published sizes, label counts, masks, and no conclusion among PubMedQA's inputs."""

from __future__ import annotations

import functools
import json
from collections import Counter

import pytest

from blurbstudy import paths
from blurbstudy.tasks import (
    TASKS,
    example_size,
    get_task,
    read_task,
    split_file,
    split_labels,
    split_tags,
    to_datasets,
)
from blurbstudy.tasks.download.manifest import load_manifest

LABELS = {
    "PubMedQA": {
        "train": {"yes": 249, "no": 152, "maybe": 49},
        "dev": {"yes": 27, "no": 17, "maybe": 6},
        "test": {"yes": 276, "no": 169, "maybe": 55},
    },
    "BioASQ": {"train": {"yes": 552, "no": 118}, "dev": {"yes": 62, "no": 13}, "test": {"yes": 94, "no": 46}},
    "ChemProt": {
        "train": {"false": 13923, "CPR:3": 756, "CPR:4": 2227, "CPR:5": 173, "CPR:6": 229, "CPR:9": 727},
        "dev": {"false": 8860, "CPR:3": 546, "CPR:4": 1091, "CPR:5": 115, "CPR:6": 199, "CPR:9": 457},
        "test": {"false": 12315, "CPR:3": 663, "CPR:4": 1655, "CPR:5": 178, "CPR:6": 292, "CPR:9": 642},
    },
    "DDI": {
        "train": {"DDI-false": 21745, "DDI-effect": 1486, "DDI-mechanism": 1163, "DDI-advise": 725, "DDI-int": 177},
        "dev": {"DDI-false": 2027, "DDI-effect": 201, "DDI-mechanism": 156, "DDI-advise": 101, "DDI-int": 11},
        "test": {"DDI-false": 4737, "DDI-effect": 360, "DDI-mechanism": 302, "DDI-advise": 221, "DDI-int": 96},
    },
    "GAD": {"train": {"1": 2227, "0": 2034}, "dev": {"1": 293, "0": 242}, "test": {"1": 281, "0": 253}},
}
TOKENS = {
    "BC5-chem": {"train": 118170, "dev": 117453, "test": 124750},
    "BC5-disease": {"train": 118170, "dev": 117453, "test": 124750},
    "NCBI-disease": {"train": 135701, "dev": 23969, "test": 24497},
    "BC2GM": {"train": 355405, "dev": 71042, "test": 143465},
    "JNLPBA": {"train": 445090, "dev": 47461, "test": 101039},
    "EBM PICO": {"train": 204793, "dev": 262268, "test": 51784},
}
UNITS = {  # JNLPBA's 1800 and 404 documents: one and two stand in their file twice
    "JNLPBA": {"train": 1799, "dev": 200, "test": 402},
    "EBM PICO": {"train": 746, "dev": 960, "test": 191},
    "ChemProt": {"train": 929, "dev": 555, "test": 727},
    "DDI": {"train": 545, "dev": 79, "test": 191},
    "HoC": {"train": 1295, "dev": 186, "test": 371},
}
PICO_WORDS = {
    "dev": {"O": 174960, "I-OUT": 31967, "I-PAR": 30280, "I-INT": 25061},
    "test": {"O": 35420, "I-OUT": 8090, "I-PAR": 4711, "I-INT": 3563},
}
MASKS = {
    "ChemProt": ({"@CHEMICAL$", "@GENE$"}, "@CHEM-GENE$"),
    "DDI": ({"@DRUG$"}, "@DRUG-DRUG$"),
    "GAD": ({"@GENE$", "@DISEASE$"}, ""),
}
HOC_LABELS = {"train": 1738, "dev": 244, "test": 484}
SCORES = {"train": (0.0, 4.0), "dev": (0.0, 3.2), "test": (0.0, 3.6)}
OWN_IDS = ("ChemProt", "DDI", "BIOSSES", "HoC", "PubMedQA", "BioASQ")  # the others count their lines in each file

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files"),
]


@functools.cache
def splits_of(name):
    return read_task(get_task(name), paths.data_folder())


def counted_splits(name):
    """Without EBM PICO's train where the whole file lies there: the counts are those of its substitute."""
    task = get_task(name)
    whole = task.fallback_files and split_file(task, paths.data_folder(), split="train").name == task.files["train"]
    return {split: examples for split, examples in splits_of(name).items() if split != "train" or not whole}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_split_has_its_published_or_known_size_and_unique_ids(task):
    splits = splits_of(task.name)
    sizes = {split: sum(example_size(task, e.label) for e in examples) for split, examples in splits.items()}
    known = {split: n for split, n in task.known_sizes.items() if split in counted_splits(task.name)}
    assert sizes == dict(task.sizes) | known
    assert all(len({e.id for e in examples}) == len(examples) for examples in splits.values())


@pytest.mark.parametrize("name", OWN_IDS)
def test_no_id_is_in_two_splits(name):
    ids = [e.id for examples in splits_of(name).values() for e in examples]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", LABELS)
def test_label_counts_are_the_published_ones(name):
    assert {s: dict(Counter(e.label for e in examples)) for s, examples in splits_of(name).items()} == LABELS[name]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_examples_are_as_many_as_the_table_of_files_says(task):
    files = load_manifest()[task.name].files
    for split, examples in counted_splits(task.name).items():
        assert len(examples) == files[split_file(task, paths.data_folder(), split=split).name].examples


@pytest.mark.parametrize("name", TOKENS)
def test_every_token_has_one_tag_of_the_task(name):
    for split, examples in counted_splits(name).items():
        assert sum(len(e.texts) for e in examples) == TOKENS[name][split]
        assert all(len(split_tags(e.label)) == len(e.texts) for e in examples)


@pytest.mark.parametrize("name", UNITS)
def test_units_are_the_documents(name):
    for split, examples in counted_splits(name).items():
        assert len({e.unit for e in examples}) == UNITS[name][split]


def test_the_two_sets_of_bc5_tag_the_same_words():
    for split in ("train", "dev", "test"):
        chem, disease = splits_of("BC5-chem")[split], splits_of("BC5-disease")[split]
        assert [e.texts for e in chem] == [e.texts for e in disease]


@pytest.mark.parametrize("split", PICO_WORDS)
def test_pico_words_are_counted_by_class(split):
    counts = Counter(tag for e in splits_of("EBM PICO")[split] for tag in split_tags(e.label))
    assert dict(counts) == PICO_WORDS[split]


def test_documents_of_hoc_have_the_published_number_of_labels():
    found = {split: sum(len(split_labels(e.label)) for e in examples) for split, examples in splits_of("HoC").items()}
    assert found == HOC_LABELS


@pytest.mark.parametrize("name", MASKS)
def test_both_entities_are_masked_in_every_sentence(name):
    apart, joined = MASKS[name]
    for examples in splits_of(name).values():
        for example in examples:
            (text,) = example.texts
            masked = all(text.count(mask) >= 2 // len(apart) for mask in apart)
            assert masked or (joined and joined in text), example.id


def test_biosses_scores_span_their_known_range_in_steps_of_a_fifth():
    for split, examples in splits_of("BIOSSES").items():
        scores = [e.label for e in examples]
        assert (min(scores), max(scores)) == SCORES[split]
        assert all(abs(score * 5 - round(score * 5)) < 1e-9 for score in scores)


def test_no_long_answer_is_among_the_texts():
    task, folder = get_task("PubMedQA"), paths.data_folder()
    for split, examples in splits_of("PubMedQA").items():
        records = json.loads(split_file(task, folder, split=split).read_text(encoding="utf-8"))
        for example in examples:
            assert records[example.id]["LONG_ANSWER"] not in " ".join(example.texts)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_becomes_datasets_of_all_its_examples(task, monkeypatch):
    monkeypatch.setattr("blurbstudy.tasks.read_task", lambda task, folder: splits_of(task.name))  # read already
    sets = to_datasets(task, paths.data_folder())
    for split, examples in splits_of(task.name).items():
        assert len(sets[split]) == len(examples)
        first, row = examples[0], sets[split][0]
        assert (row["id"], row["unit"]) == (first.id, first.unit)
        if task.output == "token_labels":
            assert tuple(row["words"]) == first.texts
            assert " ".join(task.labels[tag] for tag in row["tags"]) == first.label
        elif task.output == "multi_label":
            assert row["text"] == first.texts[0]
            assert ",".join(task.labels[label] for label in row["labels"]) == first.label
        else:
            assert tuple(row[name] for name in task.text_columns) == first.texts
            assert (task.labels[row["label"]] if task.labels else row["label"]) == first.label


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_documents_are_units_where_the_entry_says_so(task):
    for examples in read_task(task, paths.data_folder()).values():
        alone = all(example.unit == example.id for example in examples)
        assert alone == (task.unit != "document" or task.output == "multi_label")  # HoC's examples are documents
