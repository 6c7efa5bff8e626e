"""The simulations of `benchmarks/decisions.py` in short: few repetitions, so rates within three standard errors."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
REPETITIONS = 300


@pytest.fixture
def modules(monkeypatch):
    """The benchmark's modules: data, tables, trials."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from simulation import data, tables, trials

    return data, tables, trials


@pytest.fixture
def generator():
    return np.random.default_rng(16)


def at_most(rate, n=REPETITIONS):
    """A rate and three standard errors of n repetitions."""
    return rate + 3 * math.sqrt(rate * (1 - rate) / n)


@pytest.mark.parametrize(("lam", "n"), [(0.1, 5), (1.0, 5), (10.0, 3)])
def test_answers_have_the_ratio_of_variances_that_is_asked_for(modules, generator, lam, n):
    """Over 400 draws: the variance of a difference at one seed's S + I / G, and the covariance of seeds, E / G."""
    data = modules[0].Answers.of_ratio(lam, n=n)
    differences = []
    for _ in range(1500):
        first, second = data.draw(generator, [0.0, 0.0])
        differences.append(np.array(list(first.scores.values())) - list(second.scores.values()))
    covariance = np.cov(np.array(differences).T)
    example = covariance[~np.eye(n, dtype=bool)].mean()  # E / G
    single = covariance.diagonal().mean() - example  # S + I / G
    seed, pair = modules[0].relative_parts(lam, n)
    assert single / example == pytest.approx(seed + pair, rel=0.2)
    assert np.mean(differences) == pytest.approx(0, abs=4 * math.sqrt(covariance.mean() / 1500))
    interaction = 0.5 * min(1.0, 1 / lam)
    assert (seed + pair) / n / (1 + pair / n) == pytest.approx(lam)
    assert pair / (seed + pair) == pytest.approx(interaction)


def test_equal_cells_are_seldom_called_different(modules, generator):
    data, _, trials = modules
    correlations = data.Correlations(n=10, n_units=20, r=0.9, seed_sd=0.1, stable=0.5)
    for made in (data.Answers.of_ratio(0.3, n=10), correlations):
        assert trials.false_contrasts(generator, REPETITIONS, make=lambda made=made: made) <= at_most(0.05)
    answers = data.Answers.of_ratio(1.0, n=10)
    unpaired = trials.false_contrasts(generator, REPETITIONS, make=lambda: answers, kept=5)
    assert unpaired <= at_most(0.05)


def test_a_table_of_equal_cells_seldom_has_a_verdict_and_one_that_helps_is_found(modules, generator):
    data, _, trials = modules
    made = data.Answers.of_ratio(0.3, n=5)
    tables, verdicts = trials.false_tables(generator, 60, data=made)
    assert tables <= at_most(0.05, 60) and verdicts >= tables
    decisions = trials.decide_table(generator, data=made, helped=1.5)
    better = [d.condition for d in decisions if d.outcome.decided]
    assert {c.level for c in better} == {"1"} and len(decisions) == 2 * 3 * (1 + 4)


def test_power_is_that_of_students_t_where_examples_do_not_vary(modules, generator):
    """Paired differences with a standard deviation of 3 sqrt 2, 10 seeds, 4 points: noncentral t."""
    trials = modules[2]
    found, _ = trials.power_of_means(generator, REPETITIONS, n=10, error=1e-6, difference=4.0)
    noncentrality = 4 / (3 * math.sqrt(2 / 10))
    expected = scipy.stats.nct.sf(scipy.stats.t.ppf(0.975, 9), 9, noncentrality)
    assert abs(found - expected) <= 3 * math.sqrt(expected * (1 - expected) / REPETITIONS)


def test_mixtures_hold_the_expected_score(modules, generator):
    held, shown, told = modules[2].mixture_coverage(generator, REPETITIONS, n=10, rate=0.2)
    assert told > 0.99 and min(held, shown) >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / REPETITIONS)


def test_boschloos_size_and_power(modules, generator):
    trials = modules[2]
    assert trials.boschloo_size(generator, 1, n=10) == pytest.approx(0.042, abs=0.001)
    assert trials.boschloo_power(generator, 1, n=10, first=0.5, second=0.0) == pytest.approx(0.83, abs=0.01)
    single, family = trials.false_counts(generator, 200, n=5, spread=True)
    assert max(single, family) <= at_most(0.05, 200)


def test_the_script_writes_a_table_and_fails_on_one_that_is_beyond_the_limit(modules, monkeypatch, tmp_path, capsys):
    import decisions

    out = tmp_path / "decisions.md"
    words = ["decisions.py", "--repetitions", "20", "--only", "Averages", "--out", str(out)]
    monkeypatch.setattr("sys.argv", words)
    decisions.main()
    assert "| 2 points | " in out.read_text(encoding="utf-8") and "Averages" in capsys.readouterr().err
    tables = modules[1]
    job = tables.Job(row="a", column="b", trial=lambda _, __: 0.2, repetitions=400, limit=tables.few_errors)
    cell = decisions.simulate(job)
    assert not cell.is_acceptable and cell.text == ".200 [.164, .242] !"
    assert "| a | .200 [.164, .242] ! |" in decisions.format_table(tables.Table(title="", text="", jobs=[job]), [cell])
