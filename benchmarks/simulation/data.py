"""Simulated runs of known truth for `decisions.py`: answers, and correlations, whose variances over seeds and over test
examples have a chosen ratio.

A score's deviation has three parts: of the seed, of the example (shared by all seeds of a cell), and of both together.
With S, E and I the variances of a difference of two cells at one example, n seeds and G examples, the mean difference
has V_s = (S + I / G) / n over seeds and V_e = (E + I / n) / G over examples; `lam` is V_s / V_e. Half of V_s is I's,
less where lam > 1, since V_e has the same I.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, owens_t

from blurbstudy.metrics import METRICS
from blurbstudy.stats.panels import ContrastGroup, ScoredTask
from blurbstudy.stats.resampling import Resampling, bootstrap_counts

RATE = 0.8  # of right answers
SHARED = 0.5  # correlation of two cells' example parts
TASK = "task"
PILOT = 1000  # simulations of one value of `stable`
STABLE = np.linspace(0.05, 0.98, 20)


def relative_parts(lam: float, n: int) -> tuple[float, float]:
    """(S G / E, I / E) that give V_s / V_e = lam over n seeds."""
    interaction = 0.5 * min(1.0, 1 / lam)  # share of V_s
    example = 1 / lam - interaction  # E / G over V_s
    return n * (1 - interaction) / example, n * interaction / example


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Cells of right and wrong answers; every cell has the same expected accuracy, RATE, plus what `shift` adds.

    An answer is right where a normal variable of unit variance exceeds a threshold; it is the sum of a part of the
    example (half of it shared by all cells), one of the seed and one of both.
    """

    n: int  # seeds
    n_units: int
    unit_size: int  # examples of a unit
    seed_sd: float
    pair_sd: float  # of what seed and example share

    @classmethod
    def of_ratio(cls, lam: float, *, n: int, n_units: int = 30, unit_size: int = 5) -> Answers:
        """Answers whose mean difference has V_s / V_e = lam."""
        seed, pair = relative_parts(lam, n)
        seed /= n_units * unit_size

        def seed_sd(pair_sd: float) -> float:
            return _root(lambda sd: _answer_parts(sd, pair_sd)[0] - seed)

        pair_sd = _root(lambda sd: _answer_parts(seed_sd(sd), sd)[1] - pair)
        return cls(n=n, n_units=n_units, unit_size=unit_size, seed_sd=seed_sd(pair_sd), pair_sd=pair_sd)

    def draw(self, generator: np.random.Generator, shifts: Sequence[float]) -> list[ScoredTask]:
        """One cell per shift of the latent variable, all on the same examples."""
        examples, scale = self.n_units * self.unit_size, math.sqrt(1 + self.seed_sd**2 + self.pair_sd**2)
        shared = generator.standard_normal(examples) * math.sqrt(SHARED)
        cells = []
        for shift in shifts:
            own = shared + generator.standard_normal(examples) * math.sqrt(1 - SHARED)
            seeds = generator.standard_normal((self.n, 1)) * self.seed_sd
            latent = own + seeds + generator.standard_normal((self.n, examples)) * self.pair_sd
            right = (latent > scale * (ndtri(1 - RATE) - shift)).reshape(self.n, self.n_units, self.unit_size)
            cells.append(scored_task(right.sum(axis=2) / self.unit_size, n_units=self.n_units))
        return cells


def _answer_parts(seed_sd: float, pair_sd: float) -> tuple[float, float]:
    """S / E and I / E, from the correlations of latent variables of two answers."""
    total = 1 + seed_sd**2 + pair_sd**2
    seed = _both_right(seed_sd**2 / total) - RATE**2
    example = _both_right(1 / total) - _both_right(SHARED / total)
    single = RATE - _both_right(SHARED / total)  # of one answer
    return seed / example, (single - seed - example) / example


def _both_right(correlation: float) -> float:
    """P that two answers are right whose latent variables have this correlation (Owen 1956)."""
    threshold = ndtri(RATE)
    return float(ndtr(threshold) - 2 * owens_t(threshold, math.sqrt((1 - correlation) / (1 + correlation))))


def _root(excess: Callable[[float], float]) -> float:
    """Where an increasing function of a standard deviation is 0; the nearest end if nowhere."""
    low, high = 1e-4, 30.0
    if excess(low) > 0 or excess(high) < 0:
        return low if excess(low) > 0 else high
    return float(brentq(excess, low, high, xtol=1e-4))


@dataclass(frozen=True, kw_only=True)
class Correlations:
    """Cells of predicted scores; every cell has the same distribution of correlations over seeds."""

    n: int
    n_units: int
    r: float
    seed_sd: float  # of Fisher's z
    stable: float  # share of the error's variance that is the example's, under every seed

    @classmethod
    def of_ratio(cls, lam: float, *, n: int, r: float, n_units: int = 20) -> Correlations:
        """Correlations whose mean z has V_s / V_e = lam, by a pilot without variance over seeds."""
        seed, pair = relative_parts(lam, n)
        stable, example, _ = min(_pilot(r, n_units), key=lambda one: abs(math.log(one[2] / one[1] / pair)))
        # Of two cells' difference, each has half of the variance; `example` is E / G.
        return cls(n=n, n_units=n_units, r=r, seed_sd=math.sqrt(seed * example / 2), stable=stable)

    def draw(self, generator: np.random.Generator, correlations: Sequence[float]) -> list[ScoredTask]:
        """One cell per expected correlation, all with the same gold scores."""
        gold = generator.standard_normal(self.n_units)
        shared = generator.standard_normal(self.n_units) * math.sqrt(SHARED)
        cells = []
        for r in correlations:
            own = shared + generator.standard_normal(self.n_units) * math.sqrt(1 - SHARED)
            pair = generator.standard_normal((self.n, self.n_units))
            error = math.sqrt(self.stable) * own + math.sqrt(1 - self.stable) * pair
            true = np.tanh(math.atanh(r) + self.seed_sd * generator.standard_normal((self.n, 1)))
            cells.append(scored_correlations(gold, true * gold + np.sqrt(1 - true**2) * error))
        return cells


@cache
def _pilot(r: float, n_units: int) -> list[tuple[float, float, float]]:
    """`stable`, E / G and I / G of a difference of z, for several values of `stable`."""
    parts = []
    for stable in STABLE:
        made, generator = Correlations(n=2, n_units=n_units, r=r, seed_sd=0.0, stable=stable), np.random.default_rng(1)
        z = []
        for _ in range(PILOT):
            first, second = (np.arctanh(list(task.scores.values())) for task in made.draw(generator, [r, r]))
            z.append(first - second)
        example = float(np.cov(np.array(z).T)[0, 1])
        parts.append((float(stable), example, float(np.var(z)) - example))
    return parts


def scored_task(right: np.ndarray, *, n_units: int) -> ScoredTask:
    """A task whose score is the mean over equal units, from those of each seed: (seeds, units)."""
    resampling = Resampling(n_units=n_units)
    if resampling.is_bootstrap:
        replicates = right @ _shares(n_units)
    else:
        replicates = (right.sum(axis=1, keepdims=True) - right) / (n_units - 1)
    return as_task(right.mean(axis=1), replicates, resampling)


def scored_correlations(gold: np.ndarray, predicted: np.ndarray) -> ScoredTask:
    """A task scored by Pearson's r, from gold scores (units,) and predictions (seeds, units)."""
    terms = np.stack([np.ones_like(predicted), gold + 0 * predicted, predicted], axis=-1)
    terms = np.concatenate([terms, np.stack([gold**2 + 0 * predicted, predicted**2, gold * predicted], -1)], axis=-1)
    total, score = terms.sum(axis=1, keepdims=True), METRICS["pearson"].from_sums
    return as_task(score(total[:, 0]), score(total - terms), Resampling(n_units=len(gold)))


def as_task(scores: np.ndarray, replicates: np.ndarray, resampling: Resampling) -> ScoredTask:
    """A task from scores (seeds,) and their replicates (seeds, replicates)."""
    names = range(1, len(scores) + 1)
    return ScoredTask(
        scores=dict(zip(names, scores.tolist(), strict=True)),
        replicates=dict(zip(names, replicates, strict=True)),
        resampling=resampling,
    )


def with_seeds(task: ScoredTask, seeds: Sequence[int]) -> ScoredTask:
    """The first runs of a task, under other names."""
    return replace(
        task,
        scores=dict(zip(seeds, task.scores.values(), strict=False)),
        replicates=dict(zip(seeds, task.replicates.values(), strict=False)),
    )


def one_task(task: ScoredTask) -> ContrastGroup:
    """A cell of a single task."""
    return ContrastGroup(tasks={TASK: task}, weights={TASK: 1.0})


@cache
def _shares(n_units: int) -> np.ndarray:
    """Of a bootstrap draw, the share of each unit: (units, replicates)."""
    return np.ascontiguousarray(bootstrap_counts(n_units).T / n_units)
