"""The paper's numbers: complete, found where a table asks for them, and consistent with themselves."""

import re

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.tables.paper import paper_cell, paper_notes, paper_number, paper_tables

GROUPS = [
    ["BC5-chem", "BC5-disease", "NCBI-disease", "BC2GM", "JNLPBA"], ["EBM PICO"], ["ChemProt", "DDI", "GAD"],
    ["BIOSSES"], ["HoC"], ["PubMedQA", "BioASQ"],
]  # fmt: skip


def test_tables_2_to_11_are_there():
    assert [name for name in paper_tables() if name.startswith("table")] == [f"table{n}" for n in range(2, 12)]


@pytest.mark.parametrize("table", ["table2", "table6", "table8", "table9"])
def test_blurb_scores_follow_from_the_scores_of_the_tasks(table):
    for column, cells in paper_tables()[table]["cells"].items():
        means = [sum(cells[task] for task in group) / len(group) for group in GROUPS]
        assert sum(means) / len(means) == pytest.approx(cells["BLURB score"], abs=0.0051), column


def test_table_4_agrees_with_tables_2_and_3():
    for encoder in paper_tables()["table4"]["cells"]:
        two = paper_tables()["table2"]["cells"][encoder]
        assert paper_number("table4", encoder, "Baseline", "SS") == pytest.approx(two["BIOSSES"], abs=0.051)
        qa = (two["PubMedQA"] + two["BioASQ"]) / 2
        assert paper_number("table4", encoder, "Baseline", "QA") == pytest.approx(qa, abs=0.06)
        assert paper_number("table3", "Improved optimization", encoder) == two["BIOSSES"]


def test_a_cell_is_found_whichever_way_round_the_paper_printed_the_table():
    assert paper_cell("table3", group="ELECTRA", level="Few epochs") == 49.87
    assert paper_cell("table3", group="BERT", level="Default recipe") == 93.46
    assert paper_cell("table4", group="BERT", level="Default recipe", column="SS") == 93.5
    assert paper_cell("table8", group="PubMedBERT", level="Default recipe", column="BIOSSES") == paper_number(
        "table8", "PubMedBERT standard", "BIOSSES"
    )
    assert paper_cell("table4", group="BERT", level="Layer freeze", column="QA") == 76.3


def test_a_cell_that_the_paper_has_not_is_none():
    assert paper_cell("table3", group="MiniLM", level="Few epochs") is None
    assert paper_cell("table3", group="BERT", level="Few epochs and no bias correction") is None
    assert paper_cell("table5", group="BioBERT-LARGE", level="Layer freeze", column="SS") is None


def test_an_unknown_table_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ParameterError, match=r"table12.*table2, table3"):
        paper_number("table12", "x")


def test_numbers_quoted_in_our_notes_are_in_the_tables():
    printed = {f"{value:.2f}" for table in paper_tables().values() for value in numbers(table)}
    for name in ("table3", "table8", "table9"):
        for note in paper_notes(name):
            assert set(re.findall(r"\b\d\d\.\d\d\b", note)) <= printed


def numbers(value):
    if isinstance(value, dict):
        return [number for entry in value.values() for number in numbers(entry)]
    return [value] if isinstance(value, float) else []
