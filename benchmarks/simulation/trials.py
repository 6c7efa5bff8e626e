"""One simulated study at a time for `decisions.py`, judged by the package's own rules. Every function takes a generator
and a number of repetitions and gives the share of them in which something happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.stats import binom

from blurbstudy.stats.contrasts import Comparison, contrast
from blurbstudy.stats.counts import Counts, boschloo_p, compare_rates
from blurbstudy.stats.intervals import mixture_interval
from blurbstudy.stats.panels import ScoredTask
from blurbstudy.stats.resampling import Resampling
from blurbstudy.study.decisions import ALL_GROUPS, LEVEL, Decision, Outcome, decide, decide_effects, decide_rates
from blurbstudy.study.grid import Condition

from .data import Answers, Correlations, as_task, one_task, with_seeds

ENCODERS, PARTS, TECHNIQUES = 4, 2, 3  # of Table 4: sentence similarity and question answering
BASELINE = 0  # index among levels
LARGE_UNITS = 500
DRAWS = 1000  # replicates of an example part that is drawn directly
HEALTHY, COLLAPSED = (0.90, 0.02), (0.05, 0.15)  # mean and standard deviation of scores


def compare_tasks(panels: Sequence[tuple[ScoredTask, ScoredTask]], *, is_z: bool = False) -> Comparison:
    """The contrast of cells of one task, averaged over panels."""
    return contrast([[one_task(task) for task in panel] for panel in panels], is_z=is_z)


def false_contrasts(
    generator: np.random.Generator, repetitions: int, *, make: Callable[[], Answers | Correlations], kept: int = 0
) -> float:
    """Share of contrasts of two equal cells that are decided; if `kept`, of cells with seeds of their own, the second
    with so many.
    """
    data = make()
    is_z = isinstance(data, Correlations)
    null = [data.r] * 2 if isinstance(data, Correlations) else [0.0] * 2
    decided = 0
    for _ in range(repetitions):
        first, second = data.draw(generator, null)
        if kept:
            second = with_seeds(second, range(101, 101 + kept))
        comparison = compare_tasks([(first, second)], is_z=is_z)
        decided += decide(comparison, comparison.p).decided
    return decided / repetitions


def false_tables(
    generator: np.random.Generator, repetitions: int, *, data: Answers, helped: float = 0.0
) -> tuple[float, float]:
    """Share of tables with a false verdict, and the mean number of false verdicts in a table.

    Args:
        helped: added to the latent variable of the first technique, with every encoder but the last. A verdict on an
            equal cell is false, and so is `worse` of a better one.
    """
    tables = verdicts = 0
    for _ in range(repetitions):
        false = sum(_is_false(decision, helped) for decision in decide_table(generator, data=data, helped=helped))
        tables += false > 0
        verdicts += false
    return tables / repetitions, verdicts / repetitions


def decide_table(generator: np.random.Generator, *, data: Answers, helped: float) -> list[Decision]:
    """All verdicts of a table of encoders, techniques and parts, whose techniques share the baseline's runs."""
    effects: dict[Condition, dict[Condition, Comparison]] = {}
    averages: dict[Condition, Comparison] = {}
    for part in range(PARTS):
        shifts = [
            helped if technique == 1 and encoder < ENCODERS - 1 else 0.0
            for encoder in range(ENCODERS)
            for technique in range(TECHNIQUES + 1)
        ]
        cells = np.array(data.draw(generator, shifts), dtype=object).reshape(ENCODERS, TECHNIQUES + 1)
        for technique in range(1, TECHNIQUES + 1):
            pairs = [(encoder[technique], encoder[BASELINE]) for encoder in cells]
            effect = Condition(ALL_GROUPS, str(technique), str(part))
            averages[effect] = compare_tasks(pairs)
            effects[effect] = {
                effect._replace(group=str(encoder)): compare_tasks([pair]) for encoder, pair in enumerate(pairs)
            }
    return decide_effects(averages, effects)


def _is_false(decision: Decision, helped: float) -> bool:
    better = helped > 0 and decision.condition.level == "1" and decision.condition.group != str(ENCODERS - 1)
    return decision.outcome is Outcome.WORSE if better else decision.outcome.decided


def power_of_means(
    generator: np.random.Generator, repetitions: int, *, n: int, error: float, difference: float, encoders: int = 1
) -> tuple[float, float]:
    """Share of contrasts that are decided with the right sign: at .05, and at the first step of Holm's correction over
    24 (of an average over encoders: 6). Scores have a standard deviation of 3 points over seeds on both sides.

    Args:
        error: standard error over examples of the mean difference, in points; all encoders share the examples.
        difference: in points.
    """
    right = np.zeros(2)
    for _ in range(repetitions):
        luck = error * generator.standard_normal()
        replicates = error * generator.standard_normal(DRAWS)
        panels = []
        for _ in range(encoders):
            scores = 3 * generator.standard_normal((2, n)) + [[70 + difference + luck], [70]]
            panels.append(
                [
                    as_task(row / 100, (row[:, None] + moved) / 100, Resampling(n_units=LARGE_UNITS))
                    for row, moved in zip(scores, (replicates, np.zeros(DRAWS)), strict=True)
                ]
            )
        comparison = compare_tasks(panels)
        if comparison.p is not None and (comparison.difference or 0) > 0:
            family = TECHNIQUES * PARTS * (ENCODERS if encoders == 1 else 1)
            right += [comparison.p < LEVEL, comparison.p * family < LEVEL]
    return float(right[0] / repetitions), float(right[1] / repetitions)


def mixture_coverage(
    generator: np.random.Generator, repetitions: int, *, n: int, rate: float
) -> tuple[float, float, float]:
    """Share of mixture intervals that hold the expected score; of those of cells with a collapsed run, which are the
    ones that a table shows; and share of cells that have an interval. Cells are drawn until so many have one.
    """
    truth = (1 - rate) * HEALTHY[0] + rate * COLLAPSED[0]
    cells, held, shown = 0, 0, []
    for _ in range(repetitions):
        found = None
        while found is None:
            cells += 1
            collapsed = generator.random(n) < rate
            healthy = generator.normal(*HEALTHY, size=int((~collapsed).sum())).tolist()
            others = generator.normal(*COLLAPSED, size=int(collapsed.sum())).tolist()
            found = mixture_interval(healthy, others, n=n, trivial=0.0, low=-1.0)
        held += found[0] <= truth <= found[1]
        if others:
            shown.append(found[0] <= truth <= found[1])
    return held / repetitions, float(np.mean(shown)) if shown else math.nan, repetitions / cells


@cache
def _one_stratum_p(successes: int, others: int, n: int) -> float:
    if successes < others or successes + others > n:  # Boschloo's p has these symmetries where both sides are equal
        first, second = max(successes, others), min(successes, others)
        mirrored = (n - second, n - first)
        return _one_stratum_p(*min((first, second), mirrored, key=sum), n)
    return boschloo_p(successes, n, others, n)


def boschloo_table(n: int, level: float) -> np.ndarray:
    """Which counts of two sides of n runs are decided: (n + 1, n + 1) of booleans."""
    return np.array([[_one_stratum_p(i, j, n) < level for j in range(n + 1)] for i in range(n + 1)])


def boschloo_power(_: np.random.Generator, __: int, *, n: int, first: float, second: float) -> float:
    """Probability that two rates of collapse are told apart at .05, exact."""
    counts = np.arange(n + 1)
    return float(binom.pmf(counts, n, first) @ boschloo_table(n, LEVEL) @ binom.pmf(counts, n, second))


def boschloo_size(generator: np.random.Generator, repetitions: int, *, n: int) -> float:
    """Largest probability, over equal rates, that they are told apart at .05, exact."""
    rates = np.linspace(0.01, 0.99, 99)
    return max(boschloo_power(generator, repetitions, n=n, first=rate, second=rate) for rate in rates)


def stratified_power(
    generator: np.random.Generator, repetitions: int, *, n: int, rates: Sequence[float], others: Sequence[float]
) -> tuple[float, float]:
    """Share decided of comparisons over strata of n runs a side: stratified, and with counts pooled."""
    decided = np.zeros(2)
    first, second = (generator.binomial(n, side, (repetitions, len(side))) for side in (rates, others))
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        strata = [Counts(x, n, y, n) for x, y in zip(a, b, strict=True)]
        pooled = Counts(sum(a), n * len(a), sum(b), n * len(b))
        for i, found in enumerate((compare_rates(strata), _pooled(pooled))):
            decided[i] += (found if isinstance(found, float) else found.p if found else 1.0) < LEVEL
    return float(decided[0] / repetitions), float(decided[1] / repetitions)


def _pooled(counts: Counts) -> float:
    return _one_stratum_p(counts.collapsed, counts.others_collapsed, counts.n)


def false_counts(generator: np.random.Generator, repetitions: int, *, n: int, spread: bool) -> tuple[float, float]:
    """Share of comparisons of equal rates of collapse that are decided, and of families of three techniques with one,
    over encoders and parts whose rates are drawn from 0 to 1 (`spread`) or are all .3.
    """
    single = family = 0
    for _ in range(repetitions):
        rates = generator.random(ENCODERS * PARTS) if spread else np.full(ENCODERS * PARTS, 0.3)
        baseline, *others = generator.binomial(n, rates, (TECHNIQUES + 1, len(rates))).tolist()
        compared = {}
        for technique, counts in enumerate(others):
            change = compare_rates([Counts(x, n, y, n) for x, y in zip(counts, baseline, strict=True)])
            assert change is not None
            compared[str(technique)] = change
        single += compared["0"].p < LEVEL
        family += any(p < LEVEL for _, p in decide_rates(compared).values())
    return single / repetitions, family / repetitions
