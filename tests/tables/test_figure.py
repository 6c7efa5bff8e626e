"""Figures: drawn from the stabilizers themselves, the same bytes for the same data, and told in words as well."""

import re
from html import unescape
from xml.etree import ElementTree

import pytest

from blurbstudy.config import Recipe
from blurbstudy.stabilizers import Freeze, LayerwiseDecay, Reinitialize, RemoveLayers, depth_plan, stabilize
from blurbstudy.tables.figure import SeedScores, depth_figure, points_figure, seeds_figure
from blurbstudy.tables.header import STYLE_FILE


def plans(**settings):
    return {name: depth_plan(stabilize(Recipe(), *used), 4) for name, used in settings.items()}


def texts(figure):
    return [unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", figure.svg)]


def seeds(*scores, label="Baseline", collapsed=(), **fields):
    return SeedScores(label=label, scores=scores, collapsed=[i in collapsed for i in range(len(scores))], **fields)


def places(panel):
    """(class, x, y) of every mark, in px."""
    found = []
    for group in ElementTree.fromstring(panel.svg()).findall(".//g[@class]"):
        for element in group:
            moved = re.findall(r"-?[\d.]+", element.get("transform") or "")
            x, y = moved or (element.get("cx"), element.get("cy"))
            found.append((group.get("class"), float(x), float(y)))
    return found


def legend(figure):
    return [key.text for key in figure.keys]


def test_the_depth_figure_writes_each_depths_rate_factor():
    shown = texts(depth_figure(plans(decay=[LayerwiseDecay(0.5)])))
    assert [text for text in shown if re.fullmatch(r"[\d.]+", text)] == ["0.031", "0.062", "0.12", "0.25", "0.5", "1"]


def test_the_bar_of_a_depth_is_as_long_as_its_rate_factor():
    (panel,) = depth_figure(plans(decay=[LayerwiseDecay(0.5)])).panels
    bars = re.findall(r'd="M([\d.]+) [\d.]+L([\d.]+) [\d.]+" style="[^"]*stroke-width:13', panel.svg())
    lengths = sorted((float(end) - float(start) for start, end in bars), reverse=True)
    assert [length / lengths[0] for length in lengths] == pytest.approx([0.5**n for n in range(6)], abs=0.002)


def test_frozen_depths_are_named_and_re_initialized_ones_are_new():
    figure = depth_figure(plans(both=[Freeze(2), Reinitialize(1)]))
    shown = texts(figure)
    assert shown.count("frozen") == 3 and shown.count("1, new") == 2
    assert len(legend(figure)) == 2 and len(legend(depth_figure(plans(a=[Freeze(1)])))) == 1


def test_removed_layers_leave_equal_depths_in_equal_places():
    figure = depth_figure(plans(all=[], cut=[RemoveLayers(2)]))
    assert texts(figure).count("removed") == 2
    tops = [re.search(r'y="([\d.]+)"[^>]*>pooler, head', panel.svg())[1] for panel in figure.panels]
    assert tops[0] == tops[1]


def test_the_depth_figure_is_told_in_words():
    alt = depth_figure(plans(freeze=[Freeze(1)], cut=[RemoveLayers(1)])).alt
    assert "freeze: rate factors 1 to 1; embeddings, layer 1 frozen." in alt and "cut:" in alt


def test_the_same_data_give_the_same_bytes():
    assert depth_figure(plans(a=[Freeze(1)])).svg == depth_figure(plans(a=[Freeze(1)])).svg
    first, second = (points_figure({"BERT": [seeds(90.0, None, 80.0, collapsed=[1])]}, title="t") for _ in range(2))
    assert first._repr_html_() == second._repr_html_() and first.svg == second.svg


def test_seeds_are_told_in_words_with_failures_and_the_papers_number():
    points = seeds(90.0, None, 80.0, collapsed=[1], paper=71.7, trivial=60.0)
    alt = points_figure({"BERT": [points]}, title="t").alt
    assert "BERT, Baseline: 3 seeds, 80.0 to 90.0, 1 collapsed, the paper 71.7." in alt


def test_the_mean_is_that_of_the_table():
    """Of the runs that did not collapse, where there are any."""
    of = {"label": "Baseline", "scores": [90.0, None, 80.0, 10.0]}
    assert SeedScores(**of, collapsed=[False, True, False, True]).mean == 85
    assert SeedScores(**of, collapsed=[True] * 4).mean == 60
    assert SeedScores(label="Baseline", scores=[None], collapsed=[True]).mean is None


def test_panels_of_one_metric_have_one_axis_and_others_their_own():
    panels = {
        "BERT, SS": [seeds(40.0, 50.0, metric="SS")],
        "ELECTRA, SS": [seeds(20.0, 40.0, metric="SS")],
        "BERT, QA": [seeds(80.0, 82.0, metric="QA")],
    }
    bert, electra, other = points_figure(panels, title="t").panels
    assert bert.x == electra.x != other.x
    assert {x for kind, x, _ in places(bert) if kind == "dot"} & {x for kind, x, _ in places(electra) if kind == "dot"}


def test_the_axis_reaches_as_far_as_our_scores_and_the_papers_is_an_arrow_at_its_edge():
    near, far = (points_figure({"p": [seeds(40.0, 50.0, paper=paper)]}, title="t") for paper in (45.0, 93.5))
    assert near.panels[0].x == far.panels[0].x and far.panels[0].x.high < 60
    assert {kind for kind, *_ in places(near.panels[0])} == {"dot", "mean", "diamond"}
    assert {kind for kind, *_ in places(far.panels[0])} == {"dot", "mean", "right"} and "93.5" in texts(far)


def test_a_trivial_score_beyond_the_axis_is_told_beside_it():
    within, beyond = (points_figure({"p": [seeds(40.0, 50.0, trivial=t)]}, title="t") for t in (44.0, 0.0))
    assert "trivial prediction" in legend(within) and "trivial prediction" not in legend(beyond)
    assert "test score × 100 (◂ trivial: 0.0)" in texts(beyond)


@pytest.mark.parametrize(
    "points",
    [
        [seeds(0.0, 100.0, 50.0)],
        [seeds(-3.0, None, collapsed=[0, 1])],
        [seeds(50.0), seeds(50.0, label="other", paper=1.0)],
        [seeds()],
        [seeds(70.01, 70.02, 70.03, 70.04, 70.05, 70.06, 70.07, 70.08, 70.09, 70.1, paper=99.0, trivial=0.1)],
    ],
)
def test_no_mark_is_cut_off_at_an_edge(points):
    (panel,) = points_figure({"p": points}, title="t").panels
    for kind, x, y in places(panel):
        assert panel.box_left - 6 * (kind == "left") <= x <= panel.box_right - 4 * (kind == "dot")
        assert panel.box_top + 4 <= y <= panel.box_bottom - 4


def test_the_legend_lists_what_occurs_and_nothing_else():
    def of(*points, **options):
        return legend(points_figure({"p": points}, title="t", **options))

    assert of(seeds(50.0)) == ["a run (seed)"]
    assert of(seeds(50.0, collapsed=[0])) == ["a collapsed run"]
    assert len(of(seeds(50.0, None, 60.0, collapsed=[0, 1], paper=55.0, trivial=52.0), paired=True)) == 7
    assert of(seeds()) == []


def test_collapsed_runs_are_explained_where_there_are_any():
    assert points_figure({"p": [seeds(50.0, 40.0, collapsed=[1])]}, title="t").reading.startswith("Collapsed: ")
    assert points_figure({"p": [seeds(50.0, 40.0)]}, title="t").reading == ""


def test_a_seed_is_followed_from_row_to_row():
    rows = [seeds(50.0, 40.0, 45.0, seeds=(1, 2, 3)), seeds(60.0, 44.0, label="other", seeds=(2, 4))]
    apart, paired = (points_figure({"p": rows}, title="t", paired=paired).panels[0] for paired in (False, True))
    drawn = re.findall(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" style="[^"]*opacity', paired.svg())
    assert "opacity" not in apart.svg() and len(drawn) == 1  # seed 2 alone is in both
    (x0, y0, x1, y1) = map(float, drawn[0])
    dots = [(x, y) for kind, x, y in places(paired) if kind == "dot"]
    assert (x0, y0) in dots and (x1, y1) in dots
    assert (x0, x1) == pytest.approx((paired.across(40.0), paired.across(60.0)), abs=0.06)


def test_every_row_has_its_name_and_a_long_one_wraps():
    name = "Layer freeze 3, 20 epochs, rate 0.00002, without bias correction"
    (panel,) = points_figure({"p": [seeds(50.0), seeds(51.0, label=name)]}, title="t").panels
    shown = panel.svg()
    assert ">Baseline<" in shown and " ".join(panel.names[1]) == name
    assert all(f">{line}<" in shown for line in panel.names[1])


def test_panels_without_runs_are_left_out_and_named_unless_none_has_any(make_results):
    groups = {"groups": ("BERT", "ELECTRA"), "missing_reasons": {"ELECTRA": "not released"}}
    some = seeds_figure(make_results({"Baseline": [90]}, **groups), title="t", paper="table4")
    assert "ELECTRA" not in some.alt and some.notes[0].startswith("No runs: ELECTRA")
    none = seeds_figure(make_results({"Baseline": [90]}, missing={"Baseline"}, **groups), title="t", paper="table4")
    assert "ELECTRA" in none.alt and "no runs" in texts(none) and none.notes == []


def test_a_figure_is_whole_in_itself_and_escapes_its_texts(make_results):
    figure = seeds_figure(make_results({"<b>": [90, 91]}), title="<i>", paper="table4")
    html = figure._repr_html_()
    assert 'role="img" aria-label="Seeds as points.' in html and "<i>" not in html and "<b>" not in html
    assert not re.search(r"(href|src)=", html) and len(re.findall(r'\bid="', html)) == 1
    for panel in figure.panels:
        ElementTree.fromstring(panel.svg())
    ElementTree.fromstring(figure.svg)


def test_a_figure_of_a_table_stays_small():
    rows = [seeds(*range(40, 50), label=f"technique {n}", paper=45.0, trivial=41.0) for n in range(4)]
    figure = points_figure({f"task {n}": rows for n in range(13)}, title="t")
    assert len(figure._repr_html_().encode()) < 80_000


def test_dollar_signs_in_names_are_no_formula():
    names = ["A $\\frac{1}$ b", "x^{$", "$x^{$", "$\\nonsense$"]
    shown = texts(points_figure({name: [seeds(90.0, label="$\\frac{$")] for name in names}, title="$x^{$"))
    assert set(names) <= set(shown)
    assert "$x^{$" in texts(depth_figure(plans(**{"$x^{$": [Freeze(1)]})))


@pytest.mark.browser
@pytest.mark.parametrize(("window", "least"), [(1280, 11), (390, 9)])
def test_texts_stay_within_their_panel_apart_and_large_enough(browser, window, least):
    rows = [
        seeds(43.2, 47.0, None, collapsed=[2], label=name, paper=93.5, trivial=0.0)
        for name in ("Layerwise decay", "Freeze and re-initialize")
    ]
    figures = (
        points_figure({f"BERT (no NSP), task {n}": rows for n in range(3)}, title="a"),
        points_figure({"BIOSSES": rows}, title="b", paired=True),
        depth_figure(plans(Decay=[LayerwiseDecay(0.7)], Both=[Freeze(2), Reinitialize(1)])),
    )
    page = browser.new_page(viewport={"width": window, "height": 900})
    head = f"<meta name=viewport content='width=device-width'><style>{STYLE_FILE.read_text(encoding='utf-8')}</style>"
    shown = "".join(figure._repr_html_() for figure in figures)
    page.set_content(f"{head}<body class='report'><main>{shown}</main></body>")
    boxes = page.evaluate(
        """[...document.querySelectorAll('.panels svg')].map(svg => [svg, ...svg.querySelectorAll('text')].map(e => {
            const box = e.getBoundingClientRect(), drawn = svg.getBoundingClientRect();
            const scale = drawn.width / svg.viewBox.baseVal.width;
            return [box.left, box.top, box.right, box.bottom, parseFloat(getComputedStyle(e).fontSize) * scale];
        }))"""
    )
    assert len(boxes) == 6
    for (left, top, right, bottom, _), *shown in boxes:
        assert right <= window
        for index, (x0, y0, x1, y1, size) in enumerate(shown):
            assert left <= x0 and x1 <= right and top - 1 <= y0 and y1 <= bottom + 1 and size >= least
            for a0, b0, a1, b1, _ in shown[index + 1 :]:
                assert x1 <= a0 + 1 or a1 <= x0 + 1 or y1 <= b0 + 4 or b1 <= y0 + 4
    page.close()
