"""Charts: round ticks, numbers beyond an axis, colours seen on white and on dark, and files that stand alone."""

import math
import re
from xml.etree import ElementTree

import pytest

from blurbstudy.tables.chart import COLORS, LETTER, SHAPES, STROKED, WIDE, Key, Panel, image, text_width
from blurbstudy.tables.header import STYLE_FILE
from blurbstudy.tables.scale import Scale

PHONE = 350  # px that a figure has at a window of 390


def luminance(color):
    """WCAG 2's relative luminance."""
    digits = color.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def variables(css):
    """Name -> colour, light and dark: the first two that the text gives it."""
    found = {}
    for name, value in re.findall(r"--(\w+): ?([^;}]+)", css):
        found.setdefault(name, []).extend(re.findall("#[0-9a-f]{3,8}", value))
    return {name: colors[:2] for name, colors in found.items() if len(colors) > 1}


PAGE = variables(STYLE_FILE.read_text(encoding="utf-8"))


def test_the_contrast_of_known_pairs():
    assert contrast("#fff", "#000000") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("color", COLORS)
def test_colours_of_data_are_seen_on_white_and_on_dark(color):
    """3:1, what WCAG asks of graphics."""
    for background in (*PAGE["card"], *PAGE["page"]):
        assert contrast(color, background) >= 3


@pytest.mark.parametrize("name", ["ink", "soft", "paper"])
def test_colours_of_text_are_read_on_light_and_on_dark(name):
    for color, background in zip(PAGE[name], PAGE["card"], strict=True):
        assert contrast(color, background) >= 4.5


def test_a_file_has_the_colours_of_the_page():
    file = variables(image([Panel(title="", x=Scale(0, 1))], [], columns=1))
    assert set(file) == {"ink", "soft", "line", "card", "paper"}
    for name, shades in file.items():
        assert [luminance(shade) for shade in shades] == [luminance(shade) for shade in PAGE[name]]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (43.2, 50.1, ["44", "46", "48", "50"]),
        (-0.3, 1.1, ["0.0", "0.5", "1.0"]),
        (-12.0, 3.0, ["−10", "−5", "0"]),
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (0.0, 1.2, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (900, 5100, ["1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(low, high, expected):
    assert list(Scale(low, high).ticks().values()) == expected


def test_an_axis_has_room_around_its_values_and_ignores_what_is_missing():
    axis = Scale.around([1.0, None, math.nan, 3.0], otherwise=(0, 100))
    assert axis.low <= 0 and axis.high >= 4
    assert Scale.around([None], otherwise=(0, 100)) == Scale(0, 100)
    flat = Scale.around([5.0], otherwise=(0, 100))
    assert flat.low < 5 < flat.high


def test_a_logarithmic_axis_spaces_doublings_equally():
    axis = Scale(8, 128, log=True)
    assert [axis.share(value) for value in (8, 16, 32, 64, 128)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_letters_are_large_enough_on_a_screen_and_on_a_phone():
    assert LETTER >= 11 and LETTER * PHONE / WIDE >= 9


def test_a_number_beyond_the_axis_is_written_at_its_edge():
    panel = Panel(title="", x=Scale(40, 50), y=Scale(0, 1))
    panel.beyond(92.5, 60, COLORS[0])
    panel.beyond(-3.0, 80, COLORS[0])
    shown = panel.svg()
    assert all(f">{text}</text>" in shown for text in ("92.5", "−3.0"))


def test_names_of_lines_do_not_touch():
    panel = Panel(title="", x=Scale(0, 1), right=90)
    panel.line_names([(50, "b", COLORS[0]), (50, "a", COLORS[1]), (54, "c", COLORS[2])])
    heights = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', panel.svg())]
    assert min(after - before for before, after in zip(heights, heights[1:], strict=False)) >= LETTER


def test_a_line_has_a_gap_where_a_value_is_missing():
    panel = Panel(title="", x=Scale(0, 3), y=Scale(0, 1))
    panel.curve([(0, 0.1), (1, math.nan), (2, 0.3), (3, 0.4)], COLORS[0], shape="dot")
    shown = panel.svg()
    assert "nan" not in shown and shown.count("<circle") == 3
    assert re.search(r'd="M[\d. ]+M[\d. ]+L[\d. ]+"', shown)


@pytest.mark.parametrize("shape", ["dot", *SHAPES])
def test_a_mark_is_in_its_colour(shape):
    panel = Panel(title="", x=Scale(0, 1))
    panel.mark(shape, 10, 10, "#123456", tip="<a> & b")
    drawn = ElementTree.fromstring(panel.svg())
    (group,) = drawn.findall(".//g[@class]")
    assert ("stroke:#123456" if shape in STROKED else "fill:#123456") in group.get("style")
    assert group[0][0].text == "<a> & b"


def test_a_file_is_whole_in_itself_and_holds_every_panel_and_the_legend():
    panels = [Panel(title=f"panel {index}", x=Scale(0, 1)) for index in range(3)]
    file = image(panels, [Key("first & last", COLORS[0], "dot"), Key("second", COLORS[1], dash="")], columns=2)
    root = ElementTree.fromstring(file)
    width, height = float(root.get("width")), float(root.get("height"))
    parts = root.findall(".//{*}g/{*}svg")
    assert len(parts) == 5 and not re.search(r"(href|src|id)=", file)
    for part in parts:
        assert float(part.get("x")) + float(part.get("width")) <= width
        assert float(part.get("y")) + float(part.get("height")) <= height
    assert "first &amp; last" in file and "prefers-color-scheme" in file


@pytest.mark.browser
def test_texts_are_at_most_as_wide_as_estimated(browser):
    """In the widest of the usual fonts too."""
    texts = ["Layerwise decay", "BERT (no NSP), single seq", "mmmWWW", "0.25", "test score × 100", "−12.5", "%"]
    page = browser.new_page()
    for font in ("DejaVu Sans", "Liberation Sans", "sans-serif"):
        spans = "".join(f"<span style=\"font:{LETTER}px '{font}';position:absolute\">{text}</span>" for text in texts)
        page.set_content(spans)
        widths = page.evaluate("[...document.querySelectorAll('span')].map(e => e.getBoundingClientRect().width)")
        assert [text for text, width in zip(texts, widths, strict=True) if width > text_width(text) + 1] == []
    page.close()
