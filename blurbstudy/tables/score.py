"""A cell of a table of scores: a mean with its uncertainty and the paper's number, as HTML and CSV values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .formatting import ONE_SEED, format_count, format_interval, format_number

NOT_RUN = "not run"
NOT_REQUESTED = "not requested"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A mean with its uncertainty. Values are in percent, as the paper prints them."""

    mean: float | None  # over the seeds without a collapsed run; where all collapsed, over all with a score
    n: int = 0  # seeds in the mean
    sd: float | None = None  # over these seeds
    over_seeds: tuple[float, float] | None = None  # 95% interval of the mean
    over_examples: tuple[float, float] | None = None  # 95% interval over test examples
    mixture: tuple[float, float] | None = None  # 95% interval of the mean score of all runs, where some collapsed
    worst: float | None = None  # of all seeds
    collapsed: int = 0  # runs
    collapse_rate: tuple[float, float] | None = None  # 95% interval
    failed: int = 0  # runs that collapsed or are no better than trivial on dev
    n_shown: int = 0  # runs shown to be better than trivial on dev
    runs: int = 0  # of all its tasks
    planned: int = 0  # runs on resampled splits, of which a repeat needs every fold
    seeds: int = 0  # seeds with a run
    expected: int = 0  # seeds of the grid
    trivial: float | None = None  # score of the trivial prediction
    mention_list: float | None = None  # F1 of the list of train's mentions, for entities
    paper: float | None = None
    paper_label: str = "paper"  # names the paper's number where it is of something else
    state: str = NOT_RUN  # shown where there is no mean
    footnote: str = ""  # shown below the details: the recipe behind the cell
    single_run: bool = False  # an off-the-shelf tool: one score, no seeds
    decides: bool = True  # False: a demonstration with one seed, shown without intervals
    run_ids: tuple[str, ...] = ()  # of the runs behind it

    @property
    def fields(self) -> dict[str, object]:
        """Column of a file -> unrounded value."""
        known = self.runs > 0
        low, high = self.over_seeds or (None, None)
        examples_low, examples_high = self.over_examples or (None, None)
        runs_low, runs_high = self.mixture or (None, None)
        return {
            "mean": self.state if self.mean is None and not known else self.mean,
            "sd": self.sd,
            "n": self.n if known else None,
            "seeds low": low,
            "seeds high": high,
            "examples low": examples_low,
            "examples high": examples_high,
            "all runs low": runs_low,
            "all runs high": runs_high,
            "worst": self.worst,
            "collapsed": self.collapsed if known else None,
            "failed": self.failed if known else None,
            "shown better than trivial": self.n_shown if known else None,
            "runs": self.runs if known else None,
            "trivial": self.trivial,
            "mention list": self.mention_list,
            "paper": self.paper,
            "run ids": " ".join(self.run_ids),
        }

    def html(self, *, scale: tuple[float, float] | None = None, description: str = "") -> str:
        """The mean and a bar of its intervals on one line; everything else opens on hover, focus and tap.

        Args:
            scale: ends of the bar's axis, in percent; None: no bar.
            description: id of the element with the details, for screen readers; '': none.
        """
        if self.mean is None and not self.runs:
            missing = f'<span class="missing">{escape(self.state)}</span>'
            return f'<div class="score">{missing}{self._paper_html()}{self._footnote_html()}</div>'
        mark = ' class="collapsed"' if self.collapsed else ""
        mean = (
            f"<b{mark}>{format_number(self.mean, 1)}</b>"
            if self.mean is not None
            else f'<span class="missing">{self._without_mean}</span>'
        )
        spread = f"± {format_number(self.sd, 1)}" if self.sd is not None else ""
        sd = f'<span class="sd">{spread}</span>' if self.decides else ""
        bar = interval_bar(self, scale) if scale and self.mean is not None else ""
        count = f"{self.collapsed} of {self.runs} collapsed" if self.runs > 1 else "collapsed"
        problem = f'<span class="problem">{count}</span>' if self.collapsed else ""
        if self._is_below_list:
            problem += '<span class="problem">below the mention list</span>'
        named = f' id="{description}"' if description else ""
        focus = ' tabindex="0"' + (f' aria-describedby="{description}"' if description else "")
        details = f'<div class="details"{named} role="tooltip"><dl>{"".join(self._details())}</dl></div>'
        return (
            f'<div class="score"{focus}>{mean}{sd}{bar}{self._paper_html()}{problem}{details}</div>'
            + self._footnote_html()
        )

    @property
    def _without_mean(self) -> str:
        """`2 of 10 runs` where the others are still to come: a fold alone is no score."""
        return f"{self.runs} of {self.planned} runs" if self.runs < self.planned else "no score"

    def _details(self) -> list[str]:
        paper = _detail(self.paper_label, format_number(self.paper), "paper") if self.paper is not None else ""
        if self.single_run:
            return [_detail("examples", format_interval(self.over_examples)) if self.decides else "", paper]
        count = str(self.n) if self.seeds == self.expected else f"{self.n} ({self.seeds} of {self.expected})"
        one_seed = self.n == 1 and self.over_seeds is None
        rate = f" {format_interval(self.collapse_rate)}" if self.collapsed and self.collapse_rate else ""
        over_seeds = [
            *([] if one_seed else [_detail("sd", format_number(self.sd))]),
            _detail("n", count),
            _detail("seeds", ONE_SEED if one_seed else format_interval(self.over_seeds)),
            _detail("examples", format_interval(self.over_examples)),
            _detail("all runs", format_interval(self.mixture)) if self.mixture else "",
            *([] if one_seed else [_detail("worst", format_number(self.worst))]),
        ]
        return [
            _detail("mean", format_number(self.mean)),
            _detail("collapsed", f"{self.collapsed} of {self.runs}{rate}", "failed") if self.collapsed else "",
            *(over_seeds if self.decides else []),
            _detail("trivial", format_number(self.trivial)),
            _detail("mention list", format_number(self.mention_list), "failed" if self._is_below_list else "")
            if self.mention_list is not None
            else "",
            _detail("shown above", f"{self.n_shown} of {self.runs}") if self.decides else "",
            paper,
        ]

    def _paper_html(self) -> str:
        if self.paper is None:
            return ""
        return f'<span class="printed">{escape(self.paper_label)} {format_number(self.paper)}</span>'

    @property
    def _is_below_list(self) -> bool:
        return None not in (self.mean, self.mention_list) and (self.mean or 0.0) < (self.mention_list or 0.0)

    def _footnote_html(self) -> str:
        return f'<p class="below">{escape(self.footnote)}</p>' if self.footnote else ""


BAR_WIDTH, BAR_HEIGHT, BAR_MARGIN = 96, 16, 3  # px


def difference_bar(
    difference: float | None,
    interval: tuple[float, float] | None,
    over_seeds: tuple[float, float] | None,
    *,
    reach: float,
) -> str:
    """A small drawing of a difference, its interval and that over seeds alone, on an axis from -reach to reach."""
    score = Score(mean=difference, over_examples=interval, over_seeds=over_seeds, trivial=0.0)
    return interval_bar(score, (-reach, reach)) if interval and reach > 0 else ""


def interval_bar(score: Score, scale: tuple[float, float]) -> str:
    """A small drawing: thick, the interval over seeds; thin, over test examples; a dot at the mean; a dotted line at
    the trivial score; a line at the paper's.
    """
    low, high = scale

    def x(value: float) -> str:
        share = (min(max(value, low), high) - low) / (high - low)
        return f"{BAR_MARGIN + share * (BAR_WIDTH - 2 * BAR_MARGIN):.1f}"

    middle = BAR_HEIGHT / 2
    parts = [f'<line class="axis" x1="0" x2="{BAR_WIDTH}" y1="{middle:g}" y2="{middle:g}"/>']
    for name, value in (("trivial", score.trivial), ("printed", score.paper)):
        if value is not None and name == "printed" and not low <= value <= high:  # an arrow at the edge
            tip = BAR_WIDTH if value > high else 0
            parts.append(
                f'<path class="printed" d="M{abs(tip - 5)} 3L{tip} {middle:g}L{abs(tip - 5)} {BAR_HEIGHT - 3}"/>'
            )
        elif value is not None and low <= value <= high:
            parts.append(f'<line class="{name}" x1="{x(value)}" x2="{x(value)}" y1="1" y2="{BAR_HEIGHT - 1}"/>')
    for name, bounds in (("examples", score.over_examples), ("seeds", score.over_seeds)):
        if bounds is not None and score.decides:
            ends = f'x1="{x(bounds[0])}" x2="{x(bounds[1])}"'
            parts.append(f'<line class="{name}" {ends} y1="{middle:g}" y2="{middle:g}"/>')
    if score.mean is not None:
        parts.append(f'<circle cx="{x(score.mean)}" cy="{middle:g}" r="2.6"/>')
    size = f'width="{BAR_WIDTH}" height="{BAR_HEIGHT}" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}"'
    return f'<svg class="bar" {size} aria-hidden="true">{"".join(parts)}</svg>'


def bar_scale(scores: Sequence[Score]) -> tuple[float, float] | None:
    """The axis that the bars of a column share: from the least to the largest of its means, intervals and trivial
    scores, within the possible range; None where no cell has an interval.
    """
    compared = [score for score in scores if score.mean is not None and score.decides]
    if not any(score.over_seeds or score.over_examples for score in compared):
        return None
    values = [
        value
        for score in compared
        for value in (score.mean, score.trivial, *(score.over_seeds or ()), *(score.over_examples or ()))
        if value is not None
    ]
    low, high = max(min(values), -100.0), min(max(values), 100.0)
    return (low, high) if high > low else None


def shared_facts(scores: Sequence[Score]) -> list[str]:
    """What all cells of a column have in common, for its head: the number of seeds, the trivial score."""
    compared = [score for score in scores if score.runs and not score.single_run]
    seeds, trivial = {score.seeds for score in compared}, {score.trivial for score in compared}
    facts = []
    if len(seeds) == 1:
        facts.append(format_count(seeds.pop(), "seed"))
    if len(trivial) == 1 and None not in trivial:
        facts.append(f"trivial {format_number(trivial.pop(), 1)}")
    return facts


def _detail(label: str, value: str, mark: str = "") -> str:
    return f'<div class="{mark}"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>'
