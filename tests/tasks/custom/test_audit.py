"""The audit before training: what it counts, what it warns of, and that clean files give no warning."""

import json

from blurbstudy.tasks import custom_task, read_task
from blurbstudy.tasks.custom.audit import audit_custom_task, check_trainable
from tests.tasks.custom.conftest import table


def audit(tokenizer, kind="classification", *, max_length=16, files=None, **said):
    task = custom_task(kind=kind, files=files or {"train": "a.tsv"}, **said)
    check_trainable(task)
    return audit_custom_task(task, tokenizer, max_length=max_length)


def long_table(n, *, start=0, label="yes no"):
    """Texts with no word in common, so that none is nearly another."""
    labels = label.split()
    rows = (f"a{i} b{i} c{i} d{i} e{i}\t{labels[i % len(labels)]}\n" for i in range(start, start + n))
    return "text\tlabel\n" + "".join(rows)


def test_clean_files_give_no_warning_and_all_facts(write, tokenizer):
    write(a__tsv=long_table(300), t__tsv=long_table(60, start=1000))
    found = audit(tokenizer, files={"train": "a.tsv", "test": "t.tsv"}, dev_share=0.2)
    assert found.warnings == ()
    assert found.facts == (
        "a: kind classification, scored by accuracy",
        "train: 240 examples, from a.tsv",
        "dev: 60 examples, split off train (20%, stratified by label, grouped by document, seed 1)",
        "test: 60 examples, from t.tsv",
        "read: tsv, text = text, label = label",
        "labels of train: no 120, yes 120",
        "sub-words: median 7, 95th percentile 7, maximum 7; limit 16",
    )


def test_a_missing_test_set_is_said(write, tokenizer):
    write(a__tsv=long_table(300), b__tsv=long_table(60, start=1000))
    found = audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"})
    assert "test: none; scores are reported on dev only" in found.facts and found.warnings == ()


def test_a_label_unseen_in_train_is_placed_and_stays_gold(write, tokenizer):
    write(a__tsv=long_table(200), b__tsv=long_table(60, start=1000, label="yes no maybe"))
    found = audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"})
    assert found.warnings[0] == (
        "label 'maybe' of dev (20 times, first in b.tsv, line 3) is not in train: the model cannot predict it"
    )
    task = custom_task(kind="classification", files={"train": "a.tsv", "dev": "b.tsv"})
    assert task.labels == ("no", "yes", "maybe") and sum(e.label == "maybe" for e in read_task(task)["dev"]) == 20


def test_texts_that_may_be_missing_and_a_column_of_splits_are_told(write, tokenizer):
    rows = long_table(300).replace("a7 b7 c7 d7 e7\t", "NA\t").splitlines()
    splits = ["split", *("train", "train", "test") * 100]
    write(a__tsv="".join(f"{row}\t{name}\n" for row, name in zip(rows, splits, strict=True)))
    found = audit(tokenizer, files={"train": "a.tsv", "dev": "a.tsv"})
    assert found.warnings[0] == (
        "1 text of train only 'NA' or the like, as programs write a missing value (the first in a.tsv, line 9): "
        "remove them if they are"
    )
    assert "train: column 'split' names splits (test, train), which are not read: write a file of each" in found.facts


def test_few_examples_rare_labels_and_one_sided_labels_are_warned_of(write, tokenizer):
    write(a__tsv=long_table(59) + "f g h i j\tmaybe\n", b__tsv=long_table(20, start=1000))
    assert audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"}).warnings == (
        "train has 60 examples: scores will vary widely over seeds",
        "labels with fewer than 5 examples in train are hard to learn: maybe (1)",
        "dev has 20 examples: its scores have wide intervals",
    )
    write(a__tsv=long_table(200, label=" ".join(["yes"] * 39 + ["no"])), b__tsv=long_table(60, start=1000))
    assert audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"}).warnings == (
        "label 'yes' covers 195 of 200 training examples; a majority baseline scores as well",
    )


def test_repeated_texts_are_counted_within_and_across_splits(write, tokenizer):
    train = long_table(200) + "a0 b0 c0 d0 e0\tno\na1 b1 c1 d1 e1\tno\n"
    write(a__tsv=train, b__tsv=long_table(60, start=1000) + "A2 b2  c2 d2 e2\tyes\na3 b3 c3 d3 e3\tyes\n")
    assert audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"}).warnings == (
        "train repeats 2 texts (as in a.tsv, lines 2 and 202); with different labels: 1",
        "2 of 62 examples of dev are also in train (2 verbatim, 1 with another label): this leakage inflates its score",
    )


def test_documents_on_both_sides_are_named(write, tokenizer):
    head = "text\tlabel\tdocument\n"
    rows = [f"a{i} b{i} c{i} d{i}\t{'yes' if i % 2 else 'no'}\tPMID{i // 2}\n" for i in range(320)]
    write(a__tsv=head + "".join(rows[:200]), b__tsv=head + "".join(rows[199:260]))
    (warning,) = audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"}).warnings[1:]
    assert warning == "train and dev share 1 document (PMID99)"


def test_what_exceeds_the_limit_is_counted_and_the_longest_placed(write, tokenizer):
    rows = long_table(200) + "w " * 100_000 + "\tyes\n"
    write(a__tsv=rows, b__tsv=long_table(60, start=1000))
    assert audit(tokenizer, files={"train": "a.tsv", "dev": "b.tsv"}).warnings == (
        "1 of 201 examples of train exceed 16 sub-words: the rest is cut off (the longest, 100002: a.tsv, line 202)",
    )


def test_sentences_are_split_where_they_are_long_and_words_no_encoder_reads_are_placed(write, tokenizer):
    sentences = "".join(f"a{i}\tB-X\nb{i}\tO\nc{i}\tO\n\n" for i in range(200))
    long = "".join(f"w{i}\tO\n" for i in range(40)) + "\n" + "x" * 101 + "\tO\n"
    write(a__conll=sentences + long, b__conll=sentences.replace("a", "d").replace("b", "e").replace("c", "f"))
    found = audit(tokenizer, "ner", files={"train": "a.conll", "dev": "b.conll"})
    assert found.warnings == (
        "1 of 202 examples of train exceed 16 sub-words: they are split into several sequences (the longest, "
        "42: a.conll, line 801)",
        "1 sentence of train with a word of more than 100 characters, which encoders treat as unknown (the first "
        "starts in a.conll, line 842)",
    )
    assert found.facts[1] == "train: 202 sentences, 200 mentions, from a.conll"


def test_scores_far_from_zero_are_trained_as_distances_and_that_is_said(write, tokenizer):
    rows = "".join(f"a{i} b{i} c{i}\td{i} e{i}\t{i % 100}\n" for i in range(400))
    write(a__tsv="sentence1\tsentence2\tscore\n" + rows)
    found = audit(tokenizer, "similarity")
    (said,) = [fact for fact in found.facts if fact.startswith("scores of train")]
    assert said.startswith("scores of train: 0 to 99, mean 49.") and not found.warnings
    assert said.endswith("; standardized for training")


def test_the_order_of_a_table_of_labels_is_by_frequency(write, tokenizer):
    write(a__tsv=table(n=90, label="a b b"))
    assert "labels of train: b 48, a 24" in audit(tokenizer).facts


def test_tasks_of_label_studio_without_annotation_are_counted(write, tokenizer):
    texts = [f"x{i} a{i} b{i} c{i}" for i in range(60)]
    results = [
        [{"from_name": "mood", "type": "choices", "value": {"choices": [("bad", "good")[i % 2]]}}] for i in range(60)
    ]
    tasks = [
        {"data": {"text": text}, "annotations": [{"result": result}]}
        for text, result in zip(texts, results, strict=True)
    ]
    write(a__json=json.dumps([*tasks, {"data": {"text": "new"}, "annotations": []}]))
    warnings = audit(tokenizer, files={"train": "a.json"}, columns={"label": "mood"}).warnings
    assert "train: 1 text without annotation left out" in warnings
