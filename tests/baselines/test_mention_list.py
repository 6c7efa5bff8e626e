"""The list of train's mentions: which phrases are listed, and what a lookup finds."""

import pytest

from blurbstudy.baselines.mention_list import MentionList, mention_list_scores
from blurbstudy.tasks import get_task
from blurbstudy.tasks.task import Example


def sentence(words, tags):
    return Example(id=words, unit=words, texts=tuple(words.split()), label=tags)


TRAIN = [
    sentence("aspirin helps , acetyl salicylic acid helps", "B O O B I I O"),
    sentence("acid burns and cold acid burns", "O O O B I O"),
    sentence("cold cold days", "B O O"),
]


def test_a_phrase_is_listed_if_half_of_its_occurrences_are_mentions():
    """`cold` alone is a mention once in three occurrences, `cold acid` always, `acid` alone never."""
    assert set(MentionList(TRAIN).types) == {("aspirin",), ("acetyl", "salicylic", "acid"), ("cold", "acid")}


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        ("acetyl salicylic acid and aspirin", "B I I O B"),
        ("acetyl salicylic", "O O"),
        ("cold acid aspirin", "B I B"),
        ("nothing here", "O O"),
        ("", ""),
    ],
)
def test_a_lookup_takes_the_longest_phrase_from_left_to_right(words, tags):
    assert " ".join(MentionList(TRAIN).tags(words.split())) == tags


def test_of_a_phrase_with_several_types_the_most_frequent_counts():
    train = [sentence("p53 works", "B-Gene O")] * 2 + [sentence("p53 works", "B-Protein O")]
    assert MentionList(train).tags(["p53", "p53"]) == ["B-Gene", "B-Gene"]


def test_train_without_mentions_lists_nothing():
    assert MentionList([sentence("a b", "O O")]).tags(["a", "b"]) == ["O", "O"]


def test_scores_are_of_dev_and_test_by_the_tasks_metric():
    """On test: one of two mentions found, one prediction, which is right: F1 2/3."""
    test = [sentence("aspirin and ibuprofen", "B O B")]
    scores = mention_list_scores(get_task("BC5-chem"), {"train": TRAIN, "dev": TRAIN[:1], "test": test})
    assert scores == {"dev": 1.0, "test": pytest.approx(2 / 3)}
