"""HoC: labelled sentences become documents with the union of their labels; and ids that name units."""

from __future__ import annotations

import pytest

from blurbstudy.errors import DataError
from blurbstudy.tasks import READERS, get_task

HOC = get_task("HoC")
HEADER = "labels\tsentence\tindex\n"


def marks(*positions):
    return ",".join(f"{i}_{int(i in positions)}" for i in range(10))


def line(sentence, index, *positions):
    return f"{marks(*positions)}\t{sentence}\t{index}\n"


def read(tmp_path, text):
    path = tmp_path / "train.tsv"
    path.write_text(text, encoding="utf-8")
    return READERS[HOC.reader](path, HOC)


def test_a_document_joins_its_sentences_and_the_union_of_their_labels(tmp_path):
    text = HEADER + line("Cells spread .", "8_s0", 7, 0) + line("None .", "8_s1") + line("They grow .", "8_s2", 0, 8)
    (document,) = read(tmp_path, text)
    assert (document.id, document.unit) == ("8", "8")
    assert document.texts == ("Cells spread . None . They grow .",)
    assert document.label == f"{HOC.labels[0]},{HOC.labels[7]},{HOC.labels[8]}"


def test_a_document_without_labels_has_the_empty_label(tmp_path):
    assert read(tmp_path, HEADER + line("A .", "8_s0"))[0].label == ""


def test_documents_may_be_mixed_and_stand_in_the_order_of_their_first_sentences(tmp_path):
    text = HEADER + line("A .", "9_s0", 1) + line("B .", "8_s0") + line("C .", "9_s1", 2) + line("D .", "8_s1", 3)
    assert [(e.id, e.texts[0], e.label) for e in read(tmp_path, text)] == [
        ("9", "A . C .", f"{HOC.labels[1]},{HOC.labels[2]}"),
        ("8", "B . D .", HOC.labels[3]),
    ]


def test_a_documents_name_may_hold_the_separator(tmp_path):
    assert [e.id for e in read(tmp_path, HEADER + line("A .", "x_s1_s0"))] == ["x_s1"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (marks()[:-4] + "\tA .\t8_s0", f"found labels '{marks()[:-4]}'; expected 0_x,1_x,... up to 9_x"),
        (marks().replace("3_0", "3_2") + "\tA .\t8_s0", "found labels '0_0,1_0,2_0,3_2"),
        (marks().replace("3_0,4_0", "4_0,3_0") + "\tA .\t8_s0", "found labels '0_0,1_0,2_0,4_0"),
        ("\tA .\t8_s0", "found labels ''"),
        (marks() + "\t \t8_s0", "found an empty sentence"),
        (marks() + "\tA .\t8", "found index '8'; expected DOCUMENT_sN, such as 12345_s0"),
        (marks() + "\tA .\t_s0", "found index '_s0'"),
        (marks() + "\tA .\t8_s-1", "found index '8_s-1'"),
        (marks() + "\tA .\t8_s1", "found index '8_s1' too early; expected sentence 0 of that document"),
        (marks() + "\tA .\t7_s0", "found index '7_s0' a second time; expected sentence 1"),
        (marks() + "\tA .\t7_s2", "found index '7_s2' too early; expected sentence 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path, bad, message):
    with pytest.raises(DataError) as caught:
        read(tmp_path, HEADER + line("A .", "7_s0") + bad + "\n")
    assert f"train.tsv, line 3: {message}" in str(caught.value)


def test_the_leading_parts_of_an_id_are_the_unit(tmp_path):
    chemprot, ddi = get_task("ChemProt"), get_task("DDI")
    path = tmp_path / "train.tsv"
    path.write_text("17.T1.T9\tA @GENE$ b.\tfalse\n18.T1.T9\tA @GENE$ c.\tCPR:9\n")
    assert [e.unit for e in READERS["tsv"](path, chemprot)] == ["17", "18"]
    path.write_text("DDI-MiniBank.d1.s0.p0\t@DRUG$ @DRUG$\tDDI-int\nDDI-MiniBank.d1.s3.p0\t@DRUG$ @DRUG$\tDDI-false\n")
    assert [e.unit for e in READERS["tsv"](path, ddi)] == ["DDI-MiniBank.d1"] * 2
