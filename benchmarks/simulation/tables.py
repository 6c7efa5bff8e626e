"""The tables of `decisions.py`: which simulations each holds, and what is acceptable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from blurbstudy.stats.intervals import Interval, wilson_interval

from . import trials
from .data import Answers, Correlations

LAMS = (0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS = (2, 3, 5, 10, 20)
JUDGED_SEEDS = 5  # from so many on a rate above .05 is a fault; below, it is reported
TABLE_LAMS, TABLE_SEEDS = (0.1, 0.3, 1.0), (2, 5, 10, 20)
ERRORS = ((0.3, (5, 10, 20)), (1.0, (10, 20)), (2.0, (10, 20)))  # over examples, in points; and seeds
COLLAPSE_RATES = (0.0, 0.05, 0.1, 0.2, 0.4)
MIXTURE_RUNS = (3, 5, 10, 20, 50)
COUNT_RUNS = (5, 10, 20, 40)
RATES = ((0.4, 0.05), (0.6, 0.1), (0.5, 0.0))
STRATA = {  # name -> rates of collapse by encoder, of either side
    "halved": ([0.8, 0.6, 0.4, 0.2], [0.4, 0.3, 0.2, 0.1]),
    "two rescued": ([0.8, 0.8, 0.1, 0.1], [0.2, 0.2, 0.1, 0.1]),
    "alike": ([0.4] * 4, [0.15] * 4),
}
MAX_ERROR, MIN_COVERAGE = 0.05, 0.93
HELPED = 1.0  # of the latent variable: an accuracy of .97 instead of .80
FEW = 4  # a slow simulation has this share of the repetitions

Trial = Callable[[np.random.Generator, int], float | tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One cell of a table: a simulation and how often it is repeated."""

    row: str
    column: str
    trial: Trial
    repetitions: int  # 1: exact
    limit: Callable[[Interval], bool] | None = None  # whether a simulation interval is acceptable; None: reported alone


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of simulated shares."""

    title: str
    text: str
    jobs: list[Job]


def simulation_interval(value: float, repetitions: int) -> Interval:
    """95% interval of a simulated share."""
    interval = wilson_interval(round(value * repetitions), repetitions)
    assert interval is not None
    return interval


def share(value: float) -> str:
    """`.048`, `1.00`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.2f}" if value >= 0.9995 else f"{value:.3f}".removeprefix("0")


def few_errors(interval: Interval) -> bool:
    """Whether a rate may be at most MAX_ERROR."""
    return interval[0] <= MAX_ERROR


def covers(interval: Interval) -> bool:
    """Whether a coverage may be at least MIN_COVERAGE."""
    return interval[1] >= MIN_COVERAGE


def all_tables(repetitions: int) -> Iterator[Table]:
    """The tables, in the order of the page."""
    yield type_one("accuracy, 30 units of 5 examples (jackknife)", Answers.of_ratio, repetitions)
    yield type_one("Pearson's r of .9, 20 pairs (jackknife)", partial(Correlations.of_ratio, r=0.9), repetitions)
    large = partial(Answers.of_ratio, n_units=140, unit_size=1)
    yield type_one("accuracy, 140 examples (bootstrap)", large, max(1, repetitions // FEW))
    yield unpaired(repetitions)
    yield power(repetitions)
    yield power_of_averages(repetitions)
    yield one_stratum()
    yield several_strata(repetitions)
    yield equal_rates(max(1, repetitions // FEW))
    yield mixtures(repetitions)
    yield families(repetitions)


def type_one(kind: str, of_ratio: Callable[..., Answers | Correlations], repetitions: int) -> Table:
    """Contrasts of equal cells."""
    return Table(
        title=f"Equal cells called different: {kind}",
        text=f"Share of contrasts decided at .05 though both cells are equal; {repetitions} repetitions. λ: variance "
        f"of the mean difference over seeds / over examples. Judged from {JUDGED_SEEDS} seeds on.",
        jobs=[
            Job(
                row=f"{n} seeds",
                column=f"λ {lam:g}",
                trial=partial(trials.false_contrasts, make=partial(of_ratio, lam, n=n)),
                repetitions=repetitions,
                limit=few_errors if n >= JUDGED_SEEDS else None,
            )
            for n in SEEDS
            for lam in LAMS
        ],
    )


def unpaired(repetitions: int) -> Table:
    """Contrasts of equal cells without common seeds."""
    return Table(
        title="Equal cells called different: other seeds on either side",
        text="As the first table, with seeds of their own on either side (Welch's degrees of freedom).",
        jobs=[
            Job(
                row=f"{n} and {kept} seeds",
                column=f"λ {lam:g}",
                trial=partial(trials.false_contrasts, make=partial(Answers.of_ratio, lam, n=n), kept=kept),
                repetitions=repetitions,
                limit=few_errors,
            )
            for n, kept in ((10, 5), (20, 10))
            for lam in LAMS
        ],
    )


def families(repetitions: int) -> Table:
    """Tables of equal cells, and with one technique that helps."""
    return Table(
        title="Tables with a false verdict",
        text=f"{trials.ENCODERS} encoders, {trials.PARTS} parts, {trials.TECHNIQUES} techniques against a shared "
        "baseline; averages over encoders first, then encoders. Share of tables with a false verdict; mean number of "
        "false verdicts. *One helps*: one technique helps three of the four encoders on both parts, so what is said of "
        f"the fourth is false ({repetitions // FEW} repetitions). It is reported, not judged: every decided average "
        "opens a family of its own.",
        jobs=[
            Job(
                row=f"{n} seeds{', one helps' if helped else ''}",
                column=f"λ {lam:g}",
                trial=partial(trials.false_tables, data=Answers.of_ratio(lam, n=n), helped=helped),
                repetitions=max(1, repetitions // (FEW if helped else 1)),
                limit=few_errors if n >= JUDGED_SEEDS and not helped else None,
            )
            for helped in (0.0, HELPED)
            for n in TABLE_SEEDS
            for lam in TABLE_LAMS
        ],
    )


def power(repetitions: int) -> Table:
    """One contrast with a true difference."""
    return Table(
        title="Mean differences decided",
        text="Scores with a standard deviation of 3 points over seeds on both sides. Share decided with the right sign "
        "at .05; after Holm's first step among 24.",
        jobs=[
            Job(
                row=f"error over examples {error}, {n} seeds",
                column=f"{difference} points",
                trial=partial(trials.power_of_means, n=n, error=error, difference=difference),
                repetitions=repetitions,
            )
            for error, seeds in ERRORS
            for n in seeds
            for difference in (2, 4, 8)
        ],
    )


def power_of_averages(repetitions: int) -> Table:
    """An average over encoders with a true difference."""
    return Table(
        title="Averages over four encoders decided",
        text="As above: 2 points with every encoder, error over examples .3. At .05; after Holm's first step among 6.",
        jobs=[
            Job(
                row="2 points",
                column=f"{n} seeds",
                trial=partial(trials.power_of_means, n=n, error=0.3, difference=2.0, encoders=trials.ENCODERS),
                repetitions=repetitions,
            )
            for n in (5, 10, 20)
        ],
    )


def one_stratum() -> Table:
    """Size and power of Boschloo's test, exact."""
    jobs = []
    for n in COUNT_RUNS:
        of = partial(Job, row=f"{n} runs a side", repetitions=1)
        jobs.append(of(column="largest size", trial=partial(trials.boschloo_size, n=n)))
        jobs += [
            of(
                column=f"{100 * first:.0f}% and {100 * second:.0f}%",
                trial=partial(trials.boschloo_power, n=n, first=first, second=second),
            )
            for first, second in RATES
        ]
    return Table(
        title="Counts of collapsed runs: one stratum",
        text="Boschloo's exact test at .05, all tables enumerated: the largest probability that equal rates are told "
        "apart, and the probability that these rates are.",
        jobs=jobs,
    )


def several_strata(repetitions: int) -> Table:
    """Power over encoders."""
    return Table(
        title="Counts of collapsed runs: four encoders",
        text="Share decided at .05: by the exact test over strata; with counts pooled (Boschloo). Halved: 80, 60, 40 "
        "and 20% of runs collapse against half of that; two rescued: 80, 80, 10 and 10% against 20, 20, 10 and 10%; "
        "alike: 40% against 15%.",
        jobs=[
            Job(
                row=f"{n} seeds",
                column=name,
                trial=partial(trials.stratified_power, n=n, rates=rates, others=others),
                repetitions=repetitions,
            )
            for n in (5, 10)
            for name, (rates, others) in STRATA.items()
        ],
    )


def equal_rates(repetitions: int) -> Table:
    """Equal rates of collapse."""
    return Table(
        title="Equal rates of collapse called different",
        text=f"Three techniques against a shared baseline over {trials.ENCODERS * trials.PARTS} strata, whose rates "
        "are .3 or drawn from 0 to 1. Share of single comparisons decided; of families with a decided one after "
        f"Holm's correction. {repetitions} repetitions.",
        jobs=[
            Job(
                row=f"{n} seeds",
                column="rates from 0 to 1" if spread else "rates of .3",
                trial=partial(trials.false_counts, n=n, spread=spread),
                repetitions=repetitions,
                limit=few_errors,
            )
            for n in (5, 10, 20)
            for spread in (False, True)
        ],
    )


def mixtures(repetitions: int) -> Table:
    """Coverage of the mixture interval."""
    return Table(
        title="Coverage of the mixture interval",
        text="Runs of 90 (standard deviation 2), collapsed ones of 5 (15). Share of 95% intervals that hold the "
        "expected score; of those of cells with a collapsed run, which are the ones that a table shows; share of cells "
        "that have an interval, which takes three runs that did not collapse.",
        jobs=[
            Job(
                row=f"{100 * rate:.0f}% collapse",
                column=f"{n} runs",
                trial=partial(trials.mixture_coverage, n=n, rate=rate),
                repetitions=repetitions,
                limit=covers,
            )
            for rate in COLLAPSE_RATES
            for n in MIXTURE_RUNS
        ],
    )
