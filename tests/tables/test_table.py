"""Tables as HTML: what a cell says, and that text from data stays text."""

import base64
import csv
import dataclasses
import io
import re

import pytest

from blurbstudy.tables.formatting import format_interval, format_number, format_signed, html_lines
from blurbstudy.tables.score import BAR_MARGIN, BAR_WIDTH, bar_scale, interval_bar, shared_facts
from blurbstudy.tables.table import HtmlCell, KeyFinding, Score, Table, number_with_details

WHOLE = Score(
    mean=71.104, n=5, sd=1.234, over_seeds=(70.0, 72.2), over_examples=(65.0, 77.0), worst=61.0, collapsed=2,
    collapse_rate=(11.8, 76.9), mixture=(40.0, 71.0), failed=3, n_shown=2, runs=7, seeds=7, expected=7, trivial=55.2,
    paper=71.7,
)  # fmt: skip


def test_a_cell_says_mean_spread_intervals_worst_collapsed_runs_trivial_and_paper():
    html = WHOLE.html()
    intervals = ("[70.00, 72.20]", "[65.00, 77.00]", "[40.00, 71.00]", "2 of 7 [11.80, 76.90]")
    for text in ("71.10", "1.23", *intervals, "61.00", "2 of 7", "55.20", "71.70"):
        assert f">{text}<" in html


def test_a_cell_without_runs_says_why_and_keeps_the_papers_number():
    html = Score(mean=None, expected=5, paper=92.9, state="not released").html()
    assert "not released" in html and "92.90" in html and "<b" not in html


def test_a_cell_whose_runs_all_lack_a_score_says_so_and_counts_them_as_collapsed():
    html = Score(mean=None, n=0, collapsed=3, failed=3, runs=3, seeds=3, expected=3).html()
    assert "no score" in html and "3 of 3" in html


def test_of_a_single_seed_no_spread_is_shown_and_it_is_said_in_words():
    html = Score(mean=70.0, n=1, runs=1, seeds=1, expected=1, worst=70.0, over_examples=(60.0, 80.0)).html()
    assert ">one, no interval<" in html and '–</dd></div><div class=""><dt>examples' not in html
    assert "<dt>sd</dt>" not in html and "<dt>worst</dt>" not in html and "[60.00, 80.00]" in html


def test_rows_and_columns_without_runs_are_hidden_until_the_papers_numbers_are_shown_and_named():
    absent = Score(mean=None, expected=5, paper=92.9, state="not run")
    rows = [("BERT", WHOLE, absent), ("ELECTRA", WHOLE, absent), ("GPT", absent, absent)]
    table = Table(title="t", columns=("Encoder", "BIOSSES", "PubMedQA"), rows=rows)
    html = table._repr_html_()
    assert '<th scope="col" class="unrun">PubMedQA' in html and html.count('<td class="unrun">') == 3
    assert html.count('<tr class="unrun">') == 1
    assert re.search(
        r"Left out, for lack of runs, and shown only with the paper.{1,6}s numbers: GPT, PubMedQA \(not run\)\.", html
    )
    nothing = dataclasses.replace(table, rows=[("BERT", absent, absent)])._repr_html_()
    assert "unrun" not in nothing and nothing.count(">not run<") == 2
    diverged = Score(mean=None, runs=3, collapsed=3, seeds=3, expected=3)
    assert (
        'tr class="unrun"' not in dataclasses.replace(table, rows=[*rows[:2], ("GPT", diverged, absent)])._repr_html_()
    )


def test_lines_of_a_number_open_with_it_and_the_column_is_sorted_by_the_number():
    table = Table(
        title="t", columns=("x", "y"), rows=(("a", number_with_details(0.1, "+10.00", ["seeds [<]", "paper 3"])),)
    )
    html = table._repr_html_()
    assert '<td data-value="0.1"><div class="score" tabindex="0"><span class="alone">+10.00</span>' in html
    assert "<li>seeds [&lt;]</li>" in html and '<span class="printed">paper 3</span>' in html
    assert html.count("show-printed") == 1 and "+10.00\nseeds [<]\npaper 3" in table.csv()


def test_the_bar_of_a_score_is_drawn_to_scale():
    score = Score(mean=60.0, n=5, runs=5, seeds=5, expected=5, over_seeds=(50.0, 70.0), over_examples=(40.0, 80.0))
    bar = interval_bar(score, (40.0, 80.0))
    ends = {
        name: tuple(map(float, re.search(f'class="{name}" x1="([^"]+)" x2="([^"]+)"', bar).groups()))
        for name in ("seeds", "examples")
    }
    inner = BAR_WIDTH - 2 * BAR_MARGIN
    assert ends["examples"] == (BAR_MARGIN, BAR_WIDTH - BAR_MARGIN)
    assert ends["seeds"] == pytest.approx((BAR_MARGIN + inner / 4, BAR_MARGIN + inner * 3 / 4), abs=0.06)
    assert f'cx="{BAR_WIDTH / 2:.1f}"' in bar


def test_the_bars_of_a_column_share_an_axis_within_the_possible_range():
    scores = [
        Score(mean=50.0, runs=3, over_seeds=(-300.0, 200.0)),
        Score(mean=70.0, runs=3, over_examples=(60.0, 75.0), trivial=20.0),
    ]
    assert bar_scale(scores) == (-100.0, 100.0) and bar_scale(scores[1:]) == (20.0, 75.0)
    assert bar_scale([Score(mean=50.0, runs=1)]) is None


def test_a_column_says_once_what_all_its_scores_share():
    same = [Score(mean=m, n=3, runs=3, seeds=3, expected=3, trivial=54.8) for m in (60.0, 70.0)]
    head = Table(title="t", columns=("x", "QA"), rows=[("a", same[0]), ("b", same[1])])._repr_html_()
    assert "QA<small>3 seeds · trivial 54.8</small>" in head
    other = Score(mean=60.0, n=2, runs=2, seeds=2, expected=3, trivial=50.0)
    assert shared_facts([*same, other]) == []


def test_a_cell_with_fewer_runs_than_asked_for_says_how_many_there_are():
    assert ">4 (4 of 5)<" in Score(mean=70.0, n=4, runs=4, seeds=4, expected=5).html()


def test_text_from_data_is_escaped_everywhere():
    evil = "<script>alert('x')</script>"
    score = Score(mean=None, state=evil)
    table = Table(title=evil, columns=(evil,), rows=((evil, score),), caption=evil, notes=(evil,))
    answer = KeyFinding(question=evil, sentences=(evil,))
    for html in (table._repr_html_(), answer._repr_mimebundle_()["text/html"]):
        assert "<script" not in html and "&lt;script&gt;" in html


def test_equal_neighbouring_headings_become_one_that_spans_them():
    rows = (("BERT", "a", "1"), ("BERT", "b", "2"), ("ELECTRA", "a", "3"))
    html = Table(title="t", columns=("x", "y", "z"), rows=rows, n_header_columns=2)._repr_html_()
    assert html.count(">BERT<") == 1 and 'rowspan="2"' in html and html.count('scope="row"') == 5


def test_an_answer_carries_its_sentences_for_the_first_page():
    bundle = KeyFinding(question="Why?", sentences=("Because.",))._repr_mimebundle_()
    assert bundle[KeyFinding.MIME] == {"question": "Why?", "sentences": ["Because."]}


@pytest.mark.parametrize(
    ("value", "text"), [(93.456, "93.46"), (-0.5, "−0.50"), (-0.001, "0.00"), (0.0, "0.00"), (None, "–")]
)
def test_numbers_have_two_decimals_and_a_true_minus(value, text):
    assert format_number(value) == text


def test_differences_carry_their_sign_unless_they_round_to_nothing():
    assert [format_signed(value) for value in (1.0, -1.0, 0.001, -0.001, None)] == [
        "+1.00",
        "−1.00",
        "0.00",
        "0.00",
        "–",
    ]


def test_an_interval_that_does_not_exist_is_a_dash():
    assert format_interval(None) == "–" and format_interval((-1.0, 2.0)) == "[−1.00, 2.00]"


def test_backticks_become_code_after_escaping():
    assert html_lines("a `b<c` d\ne") == "a <code>b&lt;c</code> d<br>e"


def test_a_table_is_there_as_csv_with_every_number_unrounded_and_the_ids_of_its_runs():
    score = dataclasses.replace(WHOLE, run_ids=("ab12", "cd34"))
    table = Table(title="A, b!", columns=("x", "y"), rows=(("BERT", score), ("ELECTRA", Score(mean=None))))
    head, first, second = csv.reader(io.StringIO(table.csv()))
    assert head == ["x", *(f"y: {name}" for name in Score(mean=None).fields)]
    found = dict(zip(head, first, strict=True))
    assert (found["y: mean"], found["y: seeds high"], found["y: n"]) == ("71.104", "72.2", "5")
    assert found["y: run ids"] == "ab12 cd34"
    assert dict(zip(head, second, strict=True))["y: mean"] == "not run"
    data = re.search(r'download="a-b.csv" href="data:text/csv;charset=utf-8;base64,([^"]*)"', table._repr_html_())
    assert base64.b64decode(data[1]).decode() == table.csv()


def test_text_cells_are_plain_in_csv():
    table = Table(
        title="t", columns=("x", "y"), rows=(("−1.50", HtmlCell(markup="<b>2/3</b>", text="2/3", value=0.67)),)
    )
    assert table.csv().splitlines()[1] == "-1.50,2/3"
    assert 'data-value="0.67"' in table._repr_html_() and "<b>2/3</b>" in table._repr_html_()


@pytest.mark.parametrize(
    "name", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "\t=1", "-1\n+a|b!c"]
)
def test_no_name_is_a_formula_to_a_spreadsheet(name):
    table = Table(title="t", columns=("x", name), rows=((name, Score(mean=None, state=name)), (name, "1")))
    cells = [cell for row in csv.reader(io.StringIO(table.csv())) for cell in row]
    assert cells[1].startswith("'") and not [cell for cell in cells if cell.startswith(name[0])]


@pytest.mark.parametrize(
    "number", ["-1.50", "+12.3", "-31%", "-1.99 at 3 of 6", "+10.00\nseeds [<]\npaper 3", "-1,234"]
)
def test_numbers_with_a_sign_stay_numbers_in_csv(number):
    table = Table(title="t", columns=("x",), rows=((number,),))
    assert next(csv.reader(io.StringIO(table.csv().partition("\n")[2]))) == [number]


def test_below_a_table_stand_the_ids_of_its_runs_given_or_taken_from_its_cells():
    score = dataclasses.replace(WHOLE, run_ids=("ab12", "cd34"))
    table = Table(title="t", columns=("x", "y"), rows=(("BERT", score),))
    assert "<summary>ids of its 2 runs</summary><dl><dt>BERT, y</dt><dd>ab12 cd34</dd></dl>" in table._repr_html_()
    given = dataclasses.replace(table, runs={"all": ("ef56",)})._repr_html_()
    assert "<dt>all</dt><dd>ef56</dd>" in given and "ab12</dd>" not in given


def test_intervals_are_not_broken_over_lines():
    assert html_lines("seeds [−1.20, 3.00]\nBERT [a, b]") == "seeds\u00a0[−1.20,\u00a03.00]<br>BERT [a, b]"
