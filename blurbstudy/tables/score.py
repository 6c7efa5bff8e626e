"""A cell of a table of scores: a mean with its uncertainty and the paper's number, as HTML and CSV values."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from .formatting import ONE_SEED, format_interval, format_number

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
    shown: int = 0  # runs shown to be better than trivial on dev
    runs: int = 0  # of all its tasks
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

    FIELDS = (
        "mean",
        "sd",
        "n",
        "seeds low",
        "seeds high",
        "examples low",
        "examples high",
        "all runs low",
        "all runs high",
        "worst",
        "collapsed",
        "failed",
        "shown better than trivial",
        "runs",
        "trivial",
        "mention list",
        "paper",
        "run ids",
    )

    @property
    def values(self) -> tuple[object, ...]:
        """The values of FIELDS, unrounded."""
        low, high = self.over_seeds or (None, None)
        examples_low, examples_high = self.over_examples or (None, None)
        counts = (self.collapsed, self.failed, self.shown, self.runs) if self.runs else (None,) * 4
        return (
            self.state if self.mean is None and not self.runs else self.mean,
            self.sd,
            self.n if self.runs else None,
            *(low, high, examples_low, examples_high, *(self.mixture or (None, None))),
            self.worst,
            *counts,
            self.trivial,
            self.mention_list,
            self.paper,
            " ".join(self.run_ids),
        )

    def html(self) -> str:
        """The mean, with the details in small print."""
        paper = _detail(self.paper_label, format_number(self.paper), "paper") if self.paper is not None else ""
        if self.mean is None and not self.runs:
            missing = f'<span class="missing">{escape(self.state)}</span>'
            return f'<div class="score">{missing}<dl>{paper}</dl>{self._footnote_html()}</div>'
        if self.single_run:
            examples = _detail("examples", format_interval(self.over_examples)) if self.decides else ""
            return f'<div class="score"><b>{format_number(self.mean)}</b><dl>{examples}{paper}</dl></div>'
        count = str(self.n) if self.seeds == self.expected else f"{self.n} ({self.seeds} of {self.expected})"
        one_seed = self.n == 1 and self.over_seeds is None
        rate = f" {format_interval(self.collapse_rate)}" if self.collapsed and self.collapse_rate else ""
        collapsed = f"{self.collapsed} of {self.runs}{rate}"
        over_seeds = [
            *([] if one_seed else [_detail("sd", format_number(self.sd))]),
            _detail("n", count),
            _detail("seeds", ONE_SEED if one_seed else format_interval(self.over_seeds)),
            _detail("examples", format_interval(self.over_examples)),
            _detail("all runs", format_interval(self.mixture)) if self.mixture else "",
            *([] if one_seed else [_detail("worst", format_number(self.worst))]),
        ]
        details = [
            _detail("collapsed", collapsed, "failed") if self.collapsed else "",
            *(over_seeds if self.decides else []),
            _detail("trivial", format_number(self.trivial)),
            _detail("mention list", format_number(self.mention_list), "failed" if self._is_below_list else "")
            if self.mention_list is not None
            else "",
            _detail("shown above", f"{self.shown} of {self.runs}") if self.decides else "",
            paper,
        ]
        mark = ' class="collapsed"' if self.collapsed else ""
        mean = format_number(self.mean) if self.mean is not None else "no score"
        return f'<div class="score"><b{mark}>{mean}</b><dl>{"".join(details)}</dl>{self._footnote_html()}</div>'

    @property
    def _is_below_list(self) -> bool:
        return None not in (self.mean, self.mention_list) and (self.mean or 0.0) < (self.mention_list or 0.0)

    def _footnote_html(self) -> str:
        return f'<p class="below">{escape(self.footnote)}</p>' if self.footnote else ""


def _detail(label: str, value: str, mark: str = "") -> str:
    return f'<div class="{mark}"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>'
