"""The real files: published sizes, label counts, and no conclusion among PubMedQA's inputs."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from blurbstudy import paths
from blurbstudy.tasks import TASKS, get_task, read_task, split_file

LABELS = {
    "PubMedQA": {
        "train": {"yes": 249, "no": 152, "maybe": 49},
        "dev": {"yes": 27, "no": 17, "maybe": 6},
        "test": {"yes": 276, "no": 169, "maybe": 55},
    },
    "BioASQ": {"train": {"yes": 552, "no": 118}, "dev": {"yes": 62, "no": 13}, "test": {"yes": 94, "no": 46}},
}
SCORES = {"train": (0.0, 4.0), "dev": (0.0, 3.2), "test": (0.0, 3.6)}

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_SETTING} names no folder of BLURB's files"),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_split_has_its_published_size_and_ids_of_its_own(task):
    splits = read_task(task, paths.data_folder())
    assert {split: len(examples) for split, examples in splits.items()} == task.sizes
    ids = [e.id for examples in splits.values() for e in examples]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", LABELS)
def test_label_counts_are_the_published_ones(name):
    splits = read_task(get_task(name), paths.data_folder())
    assert {split: dict(Counter(e.label for e in examples)) for split, examples in splits.items()} == LABELS[name]


def test_biosses_scores_span_their_known_range_in_steps_of_a_fifth():
    for split, examples in read_task(get_task("BIOSSES"), paths.data_folder()).items():
        scores = [e.label for e in examples]
        assert (min(scores), max(scores)) == SCORES[split]
        assert all(abs(score * 5 - round(score * 5)) < 1e-9 for score in scores)


def test_no_long_answer_is_among_the_texts():
    task, folder = get_task("PubMedQA"), paths.data_folder()
    for split, examples in read_task(task, folder).items():
        records = json.loads(split_file(task, folder, split=split).read_text(encoding="utf-8"))
        for example in examples:
            assert records[example.id]["LONG_ANSWER"] not in " ".join(example.texts)
