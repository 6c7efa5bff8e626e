"""brat's folders and PubTator files: offsets are those of the text, whatever stands in it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from blurbstudy.errors import DataError
from blurbstudy.tasks.formats.standoff import read_brat, read_pubtator

PIECES = ["IL-2", "癌", "🧬", "e\u0301", "a", " ", "\t", "\r\n", "\n", "\u200b", "\u2028", "(x)", "ß", "𝐀", "\x0c", "."]


def brat(folder: Path, text: str, *lines: str, name: str = "a") -> Path:
    """A document of brat's; returns its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes("\n".join(lines).encode())
    return folder


def pubtator(path: Path, *lines: str) -> Path:
    path.write_bytes("\n".join(lines).encode())
    return path


def test_text_and_offsets_of_random_unicode_come_back_as_they_were_written(tmp_path):
    draw = random.Random(5)
    written = {}
    for i in range(100):
        text = "".join(draw.choice(PIECES) for _ in range(60))
        at = [j for j, c in enumerate(text) if c.isalpha()]
        spans = [(j, min(len(text), j + draw.randrange(1, 9))) for j in draw.sample(at, min(4, len(at)))]
        lines = [f"T{k}\tThing {a} {b}\t{' '.join(text[a:b].split())}" for k, (a, b) in enumerate(spans, 1)]
        brat(tmp_path, text, *lines, name=f"d{i:03}")
        written[f"d{i:03}"] = (text, spans)
    found = {d.id: (d.text, [(e.start, e.end) for e in d.entities]) for d in read_brat(tmp_path)}
    assert found == written


def test_entities_have_their_types_and_lines_and_other_lines_are_passed_over(tmp_path):
    folder = brat(
        tmp_path,
        "IL-2 binds p53.",
        "T1\tGene 0 4\tIL-2",
        "R1\tBinds Arg1:T1 Arg2:T2",
        "#1\tNote T1\tsure",
        "*\tEquiv T1 T2",
        "T2\tGene 11 14\tp53",
    )
    (document,) = read_brat(folder)
    assert [(document.text[e.start : e.end], e.type, e.line) for e in document.entities] == [
        ("IL-2", "Gene", 1),
        ("p53", "Gene", 5),
    ]


def test_pieces_that_only_a_line_break_parts_are_one_entity(tmp_path):
    (document,) = read_brat(brat(tmp_path, "breast\ncancer here", "T1\tD 0 6;7 13\tbreast cancer"))
    assert [(e.start, e.end) for e in document.entities] == [(0, 13)]


def test_an_entity_in_pieces_is_refused_or_left_out_and_counted(tmp_path):
    folder = brat(tmp_path, "breast and lung cancer", "T1\tD 0 6;16 22\tbreast cancer", "T2\tD 11 22\tlung cancer")
    with pytest.raises(DataError, match=r"a\.ann, line 1: found an entity in 2 fragments .*discontinuous: skip"):
        read_brat(folder)
    (document,) = read_brat(folder, discontinuous="skip")
    assert [(e.start, e.end, e.pieces) for e in document.entities] == [(0, 22, ((0, 6), (16, 22))), (11, 22, ())]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("IL-2 binds.", "T1\tGene 0 40\tIL-2", "characters 0 to 40 of a text of 11"),
        ("IL-2 binds.", "T1\tGene 4 0\tIL-2", "start before end"),
        ("IL-2 binds.", "T1\tGene 4 5\t ", "an entity without a word"),
        ("IL-2 binds.", "T1\tGene 3 3\t", "an entity without a word"),
        ("IL-2 binds.", "T1\tGene 1 5\tIL-2", "they fit counted from 1; count the document's characters from 0"),
        ("β IL-2 binds.", "T1\tGene 3 7\tIL-2", "they fit in bytes of UTF-8"),
        ("🧬 IL-2 binds.", "T1\tGene 3 7\tIL-2", "they fit in units of UTF-16"),
        ("A\r\nIL-2 binds.", "T1\tGene 2 6\tIL-2", "they fit with CRLF as one character"),
        ("IL-2 binds.", "T1\tGene 0 3\tIL-2", "with an inclusive end"),
        ("IL-2 binds.", "T1\tGene 0 4\tIL-6", "'IL-2' at characters 0 to 4, but 'IL-6' as their text"),
        ("IL-2 binds.", "T1 Gene 0 4 IL-2", "restore the tabs"),
        ("IL-2 binds.", "T1\tGene x 4\tIL-2", "restore the tabs and the offsets"),
        ("IL-2 binds.", "IL-2", "another brat line"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(tmp_path, text, line, said):
    with pytest.raises(DataError) as refused:
        read_brat(brat(tmp_path, text, "", line))
    assert "a.ann, line 2: found" in str(refused.value) and said in str(refused.value)


def test_a_text_without_entities_needs_an_empty_file_to_learn_from_and_none_to_predict(tmp_path):
    (tmp_path / "a.txt").write_text("Nothing.")
    with pytest.raises(DataError, match="an empty file if the text has no entities"):
        read_brat(tmp_path)
    assert [d.annotated for d in read_brat(tmp_path, annotated=False)] == [False]


def test_entities_without_their_text_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="no .txt file"):
        read_brat(tmp_path)
    (tmp_path / "b.txt").write_text("B.")
    (tmp_path / "a.ann").write_text("")
    with pytest.raises(DataError, match=r"a\.ann: found no \.txt of that name"):
        read_brat(tmp_path)


def test_a_byte_order_mark_is_no_character_of_the_text(tmp_path):
    brat(tmp_path, "\ufeffIL-2 binds.", "\ufeffT1\tGene 0 4\tIL-2")
    assert read_brat(tmp_path)[0].text == "IL-2 binds."


def test_a_pubtator_file_counts_title_a_line_break_and_abstract(tmp_path):
    path = pubtator(
        tmp_path / "a.pubtator",
        "1|t|IL-2 in mice.\r",
        "1|a|It binds | p53 🧬.\r",
        "1\t0\t4\tIL-2\tGene\t3558\r",
        "1\t25\t28\tp53\tGene\t7157",
        "1\tCID\tD1\tD2",
        "",
        "",
        "2|t|Only a title",
    )
    first, second = read_pubtator(path)
    assert first.text == "IL-2 in mice.\nIt binds | p53 🧬."
    assert [(first.text[e.start : e.end], e.type, e.line) for e in first.entities] == [
        ("IL-2", "Gene", 3),
        ("p53", "Gene", 4),
    ]
    assert (second.id, second.text, second.entities, second.line) == ("2", "Only a title", (), 8)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["1|t|IL-2.", "1\t0\t9\tIL-2\tGene"], "line 2: found characters 0 to 9 of a text of 5"),
        (["1|t|IL-2.", "1\t0\t4\tIL-6\tGene"], "line 2: found 'IL-2' at characters 0 to 4, but 'IL-6'"),
        (["1|t|IL-2.", "1\t0\t4\tIL-2"], "line 2: found '1\\t0\\t4\\tIL-2'; expected ID, start, end, text and type"),
        (
            ["1|t|IL-2.", "2\t0\t4\tIL-2\tGene"],
            "line 2: found '2\\t0\\t4\\tIL-2\\tGene'; expected a line of document 1",
        ),
        (["1|a|IL-2."], "line 1: found '1|a|IL-2.'; expected ID|t|title"),
        (["1|t|A.", "", "1|t|B."], "line 3: found document '1' a second time, after line 1"),
        ([""], "no document"),
    ],
)
def test_a_wrong_pubtator_file_is_refused_with_its_line(tmp_path, lines, said):
    with pytest.raises(DataError) as refused:
        read_pubtator(pubtator(tmp_path / "a.pubtator", *lines))
    assert said in str(refused.value)
