"""Two files that tag the same sentences become one corpus of both types; files that do not are refused."""

import pytest

from blurbstudy.baselines import get_model
from blurbstudy.baselines.corpora import merged_labels, merged_sentences, typed_corpus
from blurbstudy.errors import DataError
from blurbstudy.tasks import Example, get_task, read_task


def example(text, tags):
    return Example("1", "1", tuple(text.split()), tags)


def test_every_mention_of_either_file_has_its_type(mini_data):
    types = get_model("bc5cdr").types
    corpus = typed_corpus(types, mini_data)
    for task, kind in types.items():
        for split, sentences in corpus.items():
            examples = read_task(get_task(task), mini_data)[split]
            bare = [" ".join(t[0] if t.endswith(f"-{kind}") else "O" for t in tags) for _, tags in sentences]
            assert bare == [one.label for one in examples]
            assert [words for words, _ in sentences] == [one.texts for one in examples]


def test_adjacent_mentions_of_two_types_stay_separate():
    assert merged_labels({"CHEMICAL": ["B I O O"], "DISEASE": ["O O B O"]}) == ["B-CHEMICAL I-CHEMICAL B-DISEASE O"]


def test_a_word_in_mentions_of_both_types_is_an_error():
    with pytest.raises(DataError, match="CHEMICAL and DISEASE: word 2 of sentence 1 is in mentions of both"):
        merged_labels({"CHEMICAL": ["B I"], "DISEASE": ["O B"]})


@pytest.mark.parametrize(
    ("other", "where"),
    [([example("a b", "O O"), example("c X", "O O")], "sentence 2"), ([example("a b", "O O")], "2 and 1 sentences")],
)
def test_files_with_different_sentences_are_an_error(other, where):
    first = [example("a b", "B O"), example("c d", "O O")]
    with pytest.raises(DataError, match=f"A and B \\(train\\): {where} differ"):
        merged_sentences({"A": first, "B": other}, split="train")
