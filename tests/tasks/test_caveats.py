"""The caveats of a split: what is counted, against independent counts, and that clean data have none."""

import dataclasses
import random
from itertools import combinations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from blurbstudy.metrics import Mention
from blurbstudy.metrics.entities import gold_label
from blurbstudy.tasks import CustomForm, Example, get_task
from blurbstudy.tasks.caveats import find_caveats
from blurbstudy.tasks.duplicates import duplicates

LETTERS = "abcdefghijklmno"


@pytest.fixture(scope="module")
def tokenizer():
    """Single letters are sub-words, and everything else is unknown."""
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2} | {letter: i for i, letter in enumerate(LETTERS, 3)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return made


def texts(n, *, seed, length=12):
    draw = random.Random(seed)
    rows = [" ".join(draw.choices(LETTERS, k=length)) for _ in range(n)]
    return [Example(str(i), str(i), (row,), str(i % 2)) for i, row in enumerate(rows)]


def found(task, tokenizer=None, *, max_length=20, **splits):
    return {(c.split, c.kind): c for c in find_caveats(task, splits, tokenizer, max_length=max_length)}


def test_clean_splits_have_none(tokenizer):
    splits = {"train": texts(100, seed=1), "dev": texts(60, seed=2), "test": texts(60, seed=3)}
    assert not found(get_task("GAD"), tokenizer, **splits)


def test_leaked_examples_are_named_and_counted_as_by_the_audit():
    task, train = get_task("GAD"), texts(100, seed=1, length=30)
    planted = [dataclasses.replace(e, id=f"t{i}", label="0") for i, e in enumerate(train[:5])]
    nearly = dataclasses.replace(train[9], id="near", texts=(train[9].texts[0] + " x",))
    test = [*texts(40, seed=2), *planted, nearly, *texts(20, seed=3)]
    caveat = found(task, train=train, test=test)["test", "leakage"]
    counts = duplicates(task, train, {"test": test})["test"]
    assert caveat.examples == (40, 41, 42, 43, 44, 45)
    assert (caveat.count, caveat.total) == (counts["near"], counts["examples"]) == (6, 66)
    assert caveat.text == (
        "6 of 66 examples of test are also in train (5 verbatim, 2 with another label): this leakage inflates its score"
    )


def test_dev_leaks_where_it_is_trained_on():
    task, dev = get_task("GAD"), texts(60, seed=2)
    test = [*texts(60, seed=3), dev[0]]
    splits = {"train": texts(100, seed=1), "dev": dev, "test": test}
    assert not find_caveats(task, splits, None, max_length=20)
    (caveat,) = find_caveats(task, splits, None, max_length=20, train_on_dev=True)
    assert (caveat.split, caveat.kind, caveat.examples) == ("test", "leakage", (60,))


def test_headings_of_tagged_sentences_do_not_leak():
    task = get_task("NCBI-disease")
    heading = Example("1", "1", ("RESULTS", ":"), "O O")
    sentence = Example("2", "2", tuple(["a", "long", "sentence", "of", "more", "words"]), "O O O O O O")
    caveat = found(task, train=[heading, sentence], test=[heading, sentence, heading])["test", "leakage"]
    assert caveat.examples == (1,)


def test_what_is_cut_off_and_what_is_unknown_is_counted(tokenizer):
    test = [*texts(58, seed=1), *texts(2, seed=2, length=19)]
    test[3] = dataclasses.replace(test[3], texts=("a b ? ? ? ? ? ? ? ? ? ?",))
    caveats = found(get_task("GAD"), tokenizer, test=test)
    assert set(caveats) == {("test", "truncated"), ("test", "unknown")}
    assert caveats["test", "truncated"].text == "2 of 60 examples of test exceed 20 sub-words: the rest is cut off"
    assert (caveats["test", "unknown"].count, caveats["test", "unknown"].total) == (10, 58 * 12 + 2 * 19)
    assert caveats["test", "unknown"].text == "1.4% of the sub-words of test are unknown to the encoder ([UNK])"
    words = [Example(str(i), str(i), ("a", "", "?"), "O O O") for i in range(60)]  # an empty word has no sub-word
    caveats = found(get_task("NCBI-disease"), tokenizer, max_length=4, test=words)
    assert set(caveats) == {("test", "unknown")} and caveats["test", "unknown"].count == 2 * 60


def test_the_mentions_that_predictions_can_match_are_the_most_without_overlap():
    task, draw = dataclasses.replace(get_task("NCBI-disease"), custom=CustomForm()), random.Random(4)
    for _ in range(60):
        mentions = []
        for _ in range(draw.randint(1, 7)):
            start = draw.randrange(5)
            end = min(6, start + draw.randint(1, 3)) + draw.choice([0, 0, 0, -0.5, 2])
            mentions.append(Mention(start + draw.choice([0, 0, 0.5]), end, ""))
        whole = [m for m in mentions if m.start % 1 == m.end % 1 == 0 and m.end <= 6]
        most = max(
            size
            for size in range(len(whole) + 1)
            for chosen in combinations(whole, size)
            if all(a.end <= b.start or b.end <= a.start for a, b in combinations(chosen, 2))
        )
        examples = [Example("1", "1", tuple("abcdef"), gold_label(["O"] * 6, mentions))]
        caveat = found(task, test=examples).get(("test", "unmatched"))
        assert (caveat.count if caveat else 0) == len(mentions) - most
        assert caveat is None or f"at most {most} of {len(mentions)} entities of test" in caveat.text


def test_documents_of_one_sentence_count_among_longer_ones():
    def document(name, n):
        return [Example(f"{name}.{i}" if n > 1 else name, name, tuple("ab"), "O O") for i in range(1, n + 1)]

    train, test = [*document("A", 2), *document("B", 1)], [*document("C", 3), *document("B", 1)]
    caveat = found(get_task("BC5-chem"), train=train, test=test)["test", "documents"]
    assert (caveat.count, caveat.total, caveat.text) == (1, 4, "train and test share 1 document (B)")
