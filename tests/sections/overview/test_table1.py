"""Table 1, rebuilt: what the text says, and blanks where it says nothing."""

from blurbstudy.sections.overview.table1 import related_table, related_work
from blurbstudy.stabilizers import STABILIZERS


def rows():
    table = related_table()
    return {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}


def test_every_study_that_the_sections_name_has_a_row():
    assert [name.split()[0] for name in rows()] == [
        "Mosbach", "Zhang", "Griesshaber", "Clark", "Lee", "Pruksachatkun", "Tinn", "This",
    ]  # fmt: skip


def test_what_the_text_says_is_there_with_its_section_and_what_it_leaves_open_is_blank():
    zhang = rows()["Zhang et al. 2021"]
    assert zhang["Layer reinit"] == "yes (2.4)" and zhang["Layer freeze"] == zhang["Mixout"] == ""
    assert rows()["Lee et al. 2020a"]["Mixout"] == "yes (4)"
    assert rows()["Tinn et al. 2021 (the paper)"]["Mixout"] == "no (4)"
    assert any("Mixout: not found to improve consistently" in note for note in related_table().notes)


def test_our_row_is_read_from_the_package():
    ours = rows()["This study"]
    known = {cls.name for cls in STABILIZERS}
    for column, name in related_work()["techniques"].items():
        assert name is None or name in known
        assert ours[column] == ("yes" if name else "no")


def test_the_table_says_that_it_is_reconstructed():
    table = related_table()
    assert "reconstructed" in table.title and any(
        "Reconstructed from sections 2.4 and 4" in note for note in table.notes
    )
