"""Every interval that a page prints lies within what its number can be."""

import html
import re

import pytest

from blurbstudy.sections import NOTEBOOKS

INTERVAL = re.compile(r"\[(−?[\d.]+),\s(−?[\d.]+)\]")
DETAIL = re.compile(r"<dt>(seeds|examples|all runs|collapsed)</dt><dd>([^<]*)</dd>")


def bounds(text):
    return [tuple(float(end.replace("−", "-")) for end in found) for found in INTERVAL.findall(text)]


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_intervals_are_in_order_and_no_wider_than_scores_can_differ(stem, tiny_study):
    page = html.unescape((tiny_study / "report" / f"{stem}.html").read_text(encoding="utf-8"))
    assert all(low <= high and low >= -200 and high <= 200 for low, high in bounds(page))


@pytest.mark.parametrize("stem", [stem for stem in NOTEBOOKS if stem[:2] in ("01", "02", "03", "04", "05", "06", "07")])
def test_intervals_of_scores_lie_within_the_scale_and_none_is_over_two_seeds(stem, tiny_study):
    """The tiny study has two seeds."""
    page = html.unescape((tiny_study / "report" / f"{stem}.html").read_text(encoding="utf-8"))
    details = DETAIL.findall(page)
    assert details
    for name, text in details:
        assert all(low >= -100 and high <= 100 for low, high in bounds(text))
        assert name != "seeds" or not bounds(text)
