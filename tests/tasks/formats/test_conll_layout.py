"""What the lines and columns of CoNLL files are, by their contents: the same words for training and prediction."""

import random

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.tasks import custom_task, read_split
from blurbstudy.tasks.formats.conll_layout import find_columns
from blurbstudy.tasks.formats.tag_schemes import SPELLINGS, spelling_of, usual_tags

SENTENCES = [  # words and tags
    [("Statins", "B-Drug"), ("lower", "O"), ("blood", "B-Fat"), ("lipids", "I-Fat"), (".", "O")],
    [("#", "O"), ("2", "O"), ("of", "O"), ("zinc", "B-Drug"), ("oxide", "I-Drug"), (".", "O")],
    [("#NSAID", "B-Drug"), ("use", "O")],
    [("Rest", "O"), ("helped", "O")],
]
WORDS = [[word for word, _ in sentence] for sentence in SENTENCES]
TAGS = [[tag for _, tag in sentence] for sentence in SENTENCES]


def write(path, rows, comments=()):
    """A file with these rows of each sentence, and lines before some of them."""
    before = dict(comments)
    path.write_text("\n".join("\n".join([*before.get(i, ()), *map(str, rows[i]), ""]) for i in range(len(rows))))


def tabbed(columns=lambda i, word, tag: (word, tag), separator="\t"):
    return [[separator.join(columns(i, *row)) for i, row in enumerate(sentence)] for sentence in SENTENCES]


def read(path, kind="ner", **options):
    task = custom_task(kind=kind, files={"train": path, "dev": path}, **options)
    examples = read_split(task, split="train")
    predicted = [item.content for item in read_documents(path, task)]
    assert all(isinstance(document, Document) for document in predicted)
    assert [document.texts[0].split(" ") for document in predicted] == [list(e.texts) for e in examples]
    return task, [list(e.texts) for e in examples], [e.label.split() for e in examples]


COMMENTS = [
    {0: ["# id 51-a\tdomain=en"], 1: ["# id 51-b\tdomain=en"]},
    {0: ["# doc0"], 1: ["# doc1"], 2: ["# doc2"], 3: ["# doc3"]},
    {0: ["# global.columns = FORM TAG", "# newdoc", "# sent_id = 1"]},
    {0: ["#begin document (nw/09); part 000"], 3: ["# 7"]},
    {1: ["# text = # 2 of zinc oxide ."], 2: ["#"]},
    {0: ["# source: ward notes, copied by hand", ""]},
]


@pytest.mark.parametrize("comments", COMMENTS)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_comments_are_skipped_and_words_that_begin_with_their_sign_are_kept(tmp_path, comments, separator):
    path = tmp_path / "a.conll"
    write(path, tabbed(separator=separator), comments.items())
    assert read(path)[1:] == (WORDS, TAGS)
    assert [sum(item.comments for item in read_documents(path, read(path)[0]))] == [
        sum(bool(line) for lines in comments.values() for line in lines)
    ]


def test_comments_are_told_from_bare_types(tmp_path):
    rows = [["# doc0", "zinc Drug", "helps O"], ["# doc1", "# Drug", "zinc Drug", "too O"]]
    write(tmp_path / "a.conll", rows)
    assert read(tmp_path / "a.conll")[1:] == (
        [["zinc", "helps"], ["#", "zinc", "too"]],
        [["B-Drug", "O"], ["B-Drug", "I-Drug", "O"]],
    )


def test_a_line_of_other_width_inside_a_sentence_is_no_comment(tmp_path):
    write(tmp_path / "a.conll", [["zinc\tB-Drug", "# seen twice", "helps\tO"]])
    with pytest.raises(DataError, match=r"line 2: found 1 column in '# seen twice'; expected 2"):
        custom_task(kind="ner", files={"train": tmp_path / "a.conll"})


LAYOUTS = {  # columns of a row
    "tags last": lambda i, word, tag: (word, "NN", tag),
    "tags first": lambda i, word, tag: (tag, word),
    "tags in the middle": lambda i, word, tag: (word, tag, "NN", "0.93"),
    "numbered words": lambda i, word, tag: (str(i + 1), word, "_", tag),
    "numbered from zero, tags before": lambda i, word, tag: (str(i), tag, word),
    "chunks of syntax beside": lambda i, word, tag: (word, "NN", "B-NP" if i else "B-VP", tag),
    "chunks of syntax after": lambda i, word, tag: (word, tag, "I-NP" if i else "B-NP"),
    "document beside": lambda i, word, tag: (word, tag, "doc-I"[:4]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_the_columns_of_words_and_tags_are_found_by_their_contents(tmp_path, layout, separator):
    path = tmp_path / "a.conll"
    write(path, tabbed(LAYOUTS[layout], separator))
    assert read(path)[1:] == (WORDS, TAGS)


def test_two_columns_of_tags_are_a_question(tmp_path):
    path = tmp_path / "a.conll"
    write(path, tabbed(lambda i, word, tag: (word, tag, "B-Gene" if i else "O")))
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).endswith(
        "a.conll: found tags in columns 2 and 3 (B-Drug, B-Gene); expected one column of tags; say which (--columns "
        "label=2)"
    )
    assert read(path, columns={"label": 2})[2] == TAGS


@pytest.mark.parametrize("header", ["word\ttag", "Token\tNER", "# comment\ntokens\tlabels"])
def test_a_header_is_noticed_per_file_and_may_name_the_columns(tmp_path, header):
    plain, headed = tmp_path / "a.conll", tmp_path / "b.conll"
    write(plain, tabbed())
    headed.write_text(header + "\n" + plain.read_text())
    task = custom_task(kind="ner", files={"train": plain, "dev": headed, "test": headed})
    assert [e.label.split() for e in read_split(task, split="test")] == TAGS
    assert read(headed)[1:] == (WORDS, TAGS)
    names = header.splitlines()[-1].split("\t")
    assert read(headed, columns={"text": names[0], "label": names[1]})[2] == TAGS
    with pytest.raises(ParameterError, match="columns: label=klasse; for CoNLL files, give text and label as numbers"):
        read(headed, columns={"label": "klasse"})


def spelled(tag, spelling):
    """A tag such as B-Drug in another spelling."""
    small = "b" in spelling
    if tag == "O":
        return "o" if small else "O"
    letter = tag[0].lower() if small else tag[0]
    return spelling.replace("Type", "\0").replace("b" if small else "B", letter).replace("\0", tag[2:])


SCHEMES = {  # letters at the last word of a mention, of a single word, and of those between
    "iob2": "IBI",
    "iobes": "ESI",
    "bilou": "LUI",
    "bmes": "ESM",
    "bmewo": "EWM",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_read_in_every_scheme_and_spelling(tmp_path, spelling, scheme):
    last, single, between = SCHEMES[scheme]
    rows = []
    for sentence in SENTENCES:
        following = [tag for _, tag in sentence[1:]] + ["O"]
        for_letter = {"B": ("B", single), "I": (between, last)}
        tags = [
            tag if tag == "O" else for_letter[tag[0]][after != f"I{tag[1:]}"] + tag[1:]
            for (_, tag), after in zip(sentence, following, strict=True)
        ]
        rows.append([f"{word}\t{spelled(tag, spelling)}" for (word, _), tag in zip(sentence, tags, strict=True)])
    path = tmp_path / "a.conll"
    write(path, rows)
    task, words, tags = read(path)
    assert (words, tags) == (WORDS, TAGS)
    assert task.form.tag_spelling == ("" if spelling == "B-Type" else spelling)
    assert task.form.scheme == ("iob2" if scheme == "iob2" else "iobes")


def test_spelled_tags_return_to_the_usual_spelling():
    rng = random.Random(2)
    kinds = ["Drug", "cell-line", "T_cell", "a:b", "S", "x"]
    usual = 0
    for _ in range(200):
        spelling = rng.choice(SPELLINGS)
        tags = ["O", *(f"{letter}-{rng.choice(kinds)}" for letter in rng.choices("BIES", k=6)), "B-Drug"]
        written = [spelled(tag, spelling) for tag in tags]
        found = spelling_of(written)
        if found == spelling:
            usual += 1
            assert usual_tags(written, spelling) == tags
        else:  # an earlier one fits all tags too
            assert SPELLINGS.index(found) < SPELLINGS.index(spelling)
    assert usual > 190


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            "o drug o fat",
            "found tags drug, fat, o; expected tags with a letter, such as B-Chemical, or types and O for",
        ),
        ("NN VB NN", "found tags NN, VB; expected tags with a letter"),
        ("_ _ _", "found tags _; expected tags with a letter"),
        ("0 Drug 0", "found tags 0, Drug; expected tags with a letter"),
        ("0 B-Drug 0", "line 1: found tag '0'; expected O, or B or I with a type"),
        ("B-Drug M-Drug O", "line 3: found tag 'O' inside a mention"),
        ("O Drug B-Drug", "line 2: found tag 'Drug'; expected O, or B or I with a type"),
        ("O B_Drug I-Drug", "line 2: found tag 'B_Drug'"),
    ],
)
def test_tags_that_are_none_are_refused(tmp_path, tags, message):
    write(tmp_path / "a.conll", [[f"w{i}\t{tag}" for i, tag in enumerate(tags.split())]])
    with pytest.raises(DataError) as caught:
        custom_task(kind="ner", files={"train": tmp_path / "a.conll"})
    assert message in str(caught.value)


def test_types_without_a_word_outside_are_read_where_the_scheme_is_named(tmp_path):
    write(tmp_path / "a.conll", [["old\tAge", "men\tSex"]])
    assert read(tmp_path / "a.conll", scheme="io")[2] == [["B-Age", "B-Sex"]]


def test_carriage_returns_end_lines_too(tmp_path):
    path = tmp_path / "a.conll"
    write(path, tabbed())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    assert read(path)[1:] == (WORDS, TAGS)


def sentences_with(make_line, n=30):
    """CoNLL text of 30 sentences of three words, the second an entity; make_line: (sentence, word) -> line."""
    return "\n\n".join("\n".join(make_line(s, w) for w in range(3)) for s in range(n)) + "\n"


def tag_of(word):
    return "B-Drug" if word == 1 else "O"


@pytest.mark.parametrize(
    "make_line",
    [
        lambda s, w: f"doc{s % 4}\tword{s}{w}\t{tag_of(w)}",  # the document's id before the word
        lambda s, w: f"{3 * s + w}\tword{s}{w}\t{tag_of(w)}",  # a running index
        lambda s, w: f"{20 * s + w}\tword{s}{w}\t{tag_of(w)}",  # offsets
        lambda s, w: f"{20 * s + w}-{20 * s + w + 4}\tword{s}{w}\t{tag_of(w)}",
        lambda s, w: f"{'1-2' if w == 0 else w}\tword{s}{w}\t{tag_of(w)}",  # multiword lines of CoNLL-U
        lambda s, w: f"{w + 1}\tword{s}{w}\tNN\t{tag_of(w)}",
    ],
)
def test_a_column_of_numbers_or_of_documents_is_not_taken_for_the_words(tmp_path, make_line):
    (tmp_path / "a.conll").write_text(sentences_with(make_line))
    assert find_columns(tmp_path / "a.conll")[0] == 1


def test_a_column_of_few_values_before_the_words_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "a.conll").write_text(sentences_with(lambda s, w: f"{'NVD'[w]}\tword{s}{w}\t{tag_of(w)}"))
    with pytest.raises(DataError, match=r"words in column 1 .* or 2 .*--columns text=2"):
        find_columns(tmp_path / "a.conll")


def test_words_may_be_numbers_where_no_other_column_can_be_the_words(tmp_path):
    (tmp_path / "a.conll").write_text(sentences_with(lambda s, w: f"{s}{w}\t{tag_of(w)}"))
    assert find_columns(tmp_path / "a.conll") == (0, 1)
