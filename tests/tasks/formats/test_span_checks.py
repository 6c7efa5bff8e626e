"""Entities whose text is not the document's: all are listed at once, and trusted or left out only when asked to."""

import json
import random

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task, load_custom_task, read_split
from blurbstudy.tasks.custom.spans import span_documents, span_notes
from blurbstudy.tasks.formats.span_checks import MAX_FAULTS, MAX_LINE

GREEK = {"α": "alpha", "β": "beta", "μ": "u", "é": "e"}
ENTITY = "TNF‐α", "β‐actin", "aspirin", "café", "μ‐opioid", "ibuprofen"


def corpus(seed, n=30):
    """Documents as (text, [(start, end, surface)]), and the number of surfaces that a tool has normalized."""
    draw, documents, changed = random.Random(seed), [], 0
    for i in range(n):
        text, mentions = f"Case {i}:", []
        for _ in range(draw.randint(1, 3)):
            name = draw.choice(ENTITY)
            surface = name
            if draw.random() < 0.5:
                surface = "".join(GREEK.get(letter, letter) for letter in name.replace("‐", "-"))
            changed += surface != name
            mentions.append((len(text) + 1, len(text) + 1 + len(name), surface))
            text += f" {name}"
        documents.append((text + " .", mentions))
    return documents, changed


def write_pubtator(path, documents):
    blocks = []
    for i, (text, mentions) in enumerate(documents):
        rows = [f"{i}\t{a}\t{b}\t{surface}\tChem\tD1" for a, b, surface in mentions]
        blocks.append("\n".join([f"{i}|t|{text}", *rows]))
    path.write_text("\n\n".join(blocks))


def write_brat(path, documents):
    path.mkdir()
    for i, (text, mentions) in enumerate(documents):
        (path / f"{i:02}.txt").write_text(text)
        rows = [f"T{j}\tChem {a} {b}\t{surface}" for j, (a, b, surface) in enumerate(mentions)]
        (path / f"{i:02}.ann").write_text("\n".join(rows))


def write_json(path, documents):
    rows = [
        {"text": text, "entities": [{"start": a, "end": b, "text": s, "label": "Chem"} for a, b, s in mentions]}
        for text, mentions in documents
    ]
    path.write_text(json.dumps(rows))


def write_bioc(path, documents):
    write = [
        {
            "id": str(i),
            "passages": [
                {
                    "offset": 0,
                    "text": text,
                    "annotations": [
                        {"infons": {"type": "Chem"}, "text": s, "locations": [{"offset": a, "length": b - a}]}
                        for a, b, s in mentions
                    ],
                }
            ],
        }
        for i, (text, mentions) in enumerate(documents)
    ]
    path.write_text(json.dumps({"documents": write}))


def write_mentions(path, documents):
    rows = [f"{text}\t{a}\t{b}\tChem\t{s}" for text, mentions in documents for a, b, s in mentions]
    path.write_text("\n".join(["text\tstart\tend\ttype\tmention", *rows]))


WRITERS = {
    "a.pubtator": write_pubtator,
    "brat": write_brat,
    "a.json": write_json,
    "b.json": write_bioc,
    "a.tsv": write_mentions,
}


def ner(path, **options):
    return custom_task(kind="ner", files={"train": path}, **options)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(2))
def test_all_faults_are_listed_and_both_ways_on_are_counted(tmp_path, name, seed):
    documents, changed = corpus(seed)
    total = sum(len(mentions) for _, mentions in documents)
    path = tmp_path / name
    WRITERS[name](path, documents)
    with pytest.raises(DataError) as caught:
        ner(path)
    head, *lines = str(caught.value).split("\n")
    assert head.startswith(f"{path}: {changed} of {total} entities do not fit the text; ")
    assert "--trust-offsets" in head and "--skip-mismatched" in head
    assert len(lines) == min(changed, MAX_FAULTS + 1)
    assert changed <= MAX_FAULTS or lines[-1].strip() == f"... and {changed - MAX_FAULTS} more"
    assert all(len(line) <= MAX_LINE + 2 for line in lines) and len(head) < 500

    trusted = ner(path, trust_offsets=True)
    spans = [(d.text, [(e.start, e.end) for e in d.entities]) for d in span_documents(path, trusted)[0]]
    assert spans == [(text, [(a, b) for a, b, _ in mentions]) for text, mentions in documents]
    assert list(span_notes(path, trusted))[0].startswith(f"{changed} of {total} entities have another text")

    skipped = ner(path, skip_mismatched="true")
    spans = [(d.text, [(e.start, e.end) for e in d.entities]) for d in span_documents(path, skipped)[0]]
    assert spans == [(text, [(a, b) for a, b, s in mentions if text[a:b] == s]) for text, mentions in documents]
    assert list(span_notes(path, skipped))[0].startswith(f"{changed} of {total} entities are left out")
    assert len({task.form.mismatched for task in (trusted, skipped)}) == 2


def test_one_fault_is_one_line_with_both_ways_on(tmp_path):
    write_brat(tmp_path / "a", [("Low TNF‐α .", [(4, 9, "TNF-a")])])
    with pytest.raises(DataError) as caught:
        ner(tmp_path / "a")
    assert str(caught.value).startswith(
        f"{tmp_path / 'a' / '00.ann'}, line 1: found 'TNF‐α' at characters 4 to 9, but 'TNF-a' as their text; expected "
        "equal texts; correct either; to go on, --trust-offsets"
    )


COUNTED = {  # how a tool counts -> its offsets of text[a:b]
    "in bytes of UTF-8": lambda text, a, b: (len(text[:a].encode()), len(text[:b].encode())),
    "in units of UTF-16": lambda text, a, b: tuple(len(text[:i].encode("utf-16-le")) // 2 for i in (a, b)),
    "counted from 1": lambda text, a, b: (a + 1, b + 1),
    "with an inclusive end": lambda text, a, b: (a, b - 1),
}


@pytest.mark.parametrize("counting", COUNTED)
def test_offsets_counted_in_another_way_are_named_and_never_trusted(tmp_path, counting):
    text = f"{'so' if counting == 'counted from 1' else '🧬🧬 ïï'}: aspirin and codeine were given ."
    places = [(text.index(word), text.index(word) + 7) for word in ("aspirin", "codeine")]
    documents = [(text, [(*COUNTED[counting](text, a, b), text[a:b]) for a, b in places])]
    write_brat(tmp_path / "a", documents)
    for options in ({}, {"trust_offsets": True}):
        with pytest.raises(DataError, match=f"2 of 2 entities do not fit the text; 2 of these fit {counting}; count"):
            ner(tmp_path / "a", **options)
    assert span_documents(tmp_path / "a", ner(tmp_path / "a", skip_mismatched=True))[1].checks.skipped == 2


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("患者服用阿司匹林后发烧缓解。", ["阿司匹林", "发烧"]),
        ("아스피린은 열을 내린다", ["아스피린", "열"]),
        ("Give 10mg or 7g of it", ["10", "mg", "g"]),
    ],
)
def test_spans_where_words_have_no_blanks_are_read(tmp_path, text, mentions):
    documents = [(text + "." * i, [[text.index(m), text.index(m) + len(m), "X"] for m in mentions]) for i in range(6)]
    (tmp_path / "a.json").write_text(json.dumps([{"text": t, "entities": spans} for t, spans in documents]))
    assert ner(tmp_path / "a.json").labels == ("O", "B-X", "I-X")


@pytest.mark.parametrize("title", ["On it.", "A study of the old drugs in men, of which few are new."])
@pytest.mark.parametrize("with_text", [True, False])
def test_offsets_in_passages_instead_of_the_document_are_refused(tmp_path, title, with_text):
    text, first = "We gave aspirin and codeine to men with asthma, fever, and much pain.", len(title) + 1
    words = [(text.index(word), len(word), word) for word in ("aspirin", "codeine", "asthma", "fever", "pain")]

    def write(shift):
        places = [
            ({"text": w} if with_text else {}) | {"locations": [{"offset": a + shift, "length": n}]}
            for a, n, w in words
        ]
        passages = [{"offset": 0, "text": title}, {"offset": first, "text": text}]
        passages[1]["annotations"] = [{"infons": {"type": "Drug"}, **place} for place in places]
        (tmp_path / "a.json").write_text(json.dumps({"documents": [{"id": "1", "passages": passages}]}))
        return tmp_path / "a.json"

    assert ner(write(first)).labels == ("O", "B-Drug", "I-Drug")
    for options in ({}, {"trust_offsets": True}):
        with pytest.raises(DataError, match="fit (words )?from the start of their passage; count the document's"):
            ner(write(0), **options)


def test_offsets_are_not_trusted_where_nearly_all_texts_are_quite_others(tmp_path):
    mentions = [(4, 11, "kinase"), (16, 23, "TP53"), (28, 34, "lung"), (36, 41, "COX-2"), (43, 47, "pain")]
    write_json(tmp_path / "a.json", [("Low aspirin and codeine for asthma, fever, pain .", mentions)])
    for options in ({}, {"trust_offsets": True}):
        with pytest.raises(
            DataError, match="4 of 5 entities do not fit the text; nearly all have quite .* correct them"
        ) as caught:
            ner(tmp_path / "a.json", **options)
        assert "--trust-offsets" not in str(caught.value).split("\n")[0]


@pytest.mark.parametrize("options", [{"trust_offsets": True}, {"skip_mismatched": True}])
@pytest.mark.parametrize(
    ("span", "message"), [((4, 99), "characters 4 to 99 of a text of 11"), ((3, 4), "without a w")]
)
def test_offsets_outside_the_text_or_without_a_word_stay_refused(tmp_path, options, span, message):
    (tmp_path / "a.json").write_text(json.dumps([{"text": "Low TNF‐α .", "entities": [[*span, "Gene"]]}]))
    with pytest.raises(DataError, match=message):
        ner(tmp_path / "a.json", **options)


def test_a_task_file_and_python_take_the_same_options(tmp_path):
    write_pubtator(tmp_path / "a.pubtator", corpus(3)[0])
    (tmp_path / "t.yaml").write_text("kind: ner\nfiles: {train: a.pubtator}\ntrust_offsets: true\n")
    from_file = load_custom_task(tmp_path / "t.yaml")
    own = ner(tmp_path / "a.pubtator", trust_offsets=True)
    assert from_file.form == own.form
    assert read_split(from_file, ".", split="train") == read_split(own, ".", split="train")
    (tmp_path / "t.yaml").write_text("kind: ner\nfiles: {train: a.pubtator}\ntrust_offsets: perhaps\n")
    with pytest.raises(ParameterError, match="trust_offsets='perhaps' is neither true nor false"):
        load_custom_task(tmp_path / "t.yaml")
    with pytest.raises(ParameterError, match="exclude each other"):
        ner(tmp_path / "a.pubtator", trust_offsets=True, skip_mismatched=True)
