"""Near-duplicates: planted ones are found, and a brute-force search finds no others."""

import random

import pytest

from blurbstudy.tasks import Example, get_task
from blurbstudy.tasks.duplicates import duplicates, has_near_duplicate, ngrams, normalized, unmasked_words

SENTENCE = "in this trial 40 patients took the drug twice a day and none of them reported any harm"


def example(text, label="yes", *, name="1", unit=None):
    return Example(name, unit or name, (text,), label)


def relation(text, label="0"):
    return example(text, label)


def counted(task, train, test):
    return duplicates(get_task(task), train, {"test": test})["test"]


def test_letter_case_and_spaces_make_no_difference_and_numbers_do():
    train = [example("Aspirin  helps 12 patients")]
    same, other = example("aspirin HELPS 12\tpatients "), example("aspirin helps 13 patients")
    assert counted("BioASQ", train, [same, other])["exact"] == 1
    assert normalized(same) == "aspirin helps 12 patients"


def test_a_sentence_of_words_is_compared_as_one_text():
    train = [Example("1", "1", ("Aspirin", "helps"), "B O")]
    found = counted("BC5-chem", train, [Example("1", "1", ("aspirin", "helps"), "O O")])
    assert (found["exact"], found["other_label"]) == (1, 1)


def test_the_same_text_with_another_label_is_counted_apart():
    train = [example(SENTENCE, "yes"), example(SENTENCE, "no"), example("another question", "yes")]
    test = [example(SENTENCE, "no"), example("another question", "no")]
    found = counted("BioASQ", train, test)
    assert (found["exact"], found["other_label"]) == (2, 1)


def test_a_changed_last_word_leaves_a_long_text_nearly_the_same():
    near, far = SENTENCE.replace("harm", "pain"), SENTENCE.replace("drug", "pill").replace("them", "us")
    found = counted("BioASQ", [example(SENTENCE)], [example(near), example(far), example(SENTENCE)])
    assert (found["exact"], found["near"]) == (1, 2)


def test_masks_of_any_kind_are_one_where_they_are_read_alike():
    train = [relation("we saw that @GENE$ binds @CHEMICAL$ here")]
    found = counted("ChemProt", train, [relation("we saw that @CHEMICAL$ binds @GENE$ here")])
    assert (found["exact"], found["masked_exact"]) == (0, 1)


def test_the_same_sentence_with_another_pair_masked_has_the_same_words():
    whole = "in a long study of {} and {} we saw that {} raised the level of both in every group of older mice"
    train = [relation(whole.format("@GENE$", "brafin", "@DISEASE$"))]
    found = counted("GAD", train, [relation(whole.format("@GENE$", "@DISEASE$", "corvex"))])
    assert (found["exact"], found["near"], found["masked_near"]) == (0, 0, 1)


def test_unmasked_words_leave_masks_and_marks_out():
    assert unmasked_words(relation("The @CHEM-GENE$, seen in @DRUG$ (12).")) == {"the", "seen", "in", "12"}


def test_documents_are_counted_where_files_name_them():
    train, test = [example("a b c d", unit="doc1")], [example("x y z", unit="doc1"), example("u v w", unit="doc2")]
    assert counted("DDI", train, test)["documents"] == 1
    assert counted("BioASQ", [example("a")], [example("b")])["documents"] is None


@pytest.mark.parametrize("least", [0.5, 0.8, 1.0])
def test_the_prefix_filter_finds_what_brute_force_finds(least):
    draw = random.Random(7)
    words = [f"w{i}" for i in range(12)]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(300)]
    texts += [" ".join(text.split()[:-1] + ["w0"]) for text in texts[:60] if " " in text]
    sets = [ngrams(text) if draw.random() < 0.5 else frozenset(text.split()) for text in texts]
    queries, corpus = sets[:150], sets[150:]
    found = has_near_duplicate(queries, corpus, threshold=least)
    assert found == [any(len(q & c) >= least * len(q | c) - 1e-12 for c in corpus) for q in queries]
    assert 0 < sum(found) < len(found)


def test_a_text_of_two_words_is_near_itself_alone():
    assert has_near_duplicate([ngrams("a b"), ngrams("a c")], [ngrams("a b")]) == [True, False]


def test_documents_that_their_files_only_count_are_not_called_shared():
    train = [example("a b c d", name="1", unit="d1"), example("e f g h", name="2", unit="d2")]
    test = [example("x y z", name="1", unit="d1"), example("u v w", name="2", unit="d1")]
    assert counted("JNLPBA", train, test)["documents"] is None
