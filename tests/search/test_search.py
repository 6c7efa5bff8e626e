"""Hyperparameter search: chosen on dev alone by the mean over seeds, gone on with after a kill, no recipe twice."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from blurbstudy.config import Recipe
from blurbstudy.errors import StoreError
from blurbstudy.search import search as searching
from blurbstudy.search.database import FILE, SearchDatabase, database_url
from blurbstudy.search.search import METADATA_KIND, Search, dev_objective, found_in_store, planned_search, run_searches
from blurbstudy.search.space import search_space

STANDARD = Recipe(epochs=1, batch_size=16, max_length=48, n_evaluations=1, learning_rate=1e-3)
CHOICES = {"learning_rate": [1e-3, 2e-3, 4e-3], "freeze": [0, 1], "decay": [1.0, 0.8], "epochs": [1, 2]}
ANSWERS = ["yes", "no"] * 20


class DevAlone(dict):
    """By split; whoever asks for test ends the test."""

    def __getitem__(self, split):
        assert split != "test", "a search has looked at test"
        return super().__getitem__(split)

    def get(self, split, default=None):
        assert split != "test", "a search has looked at test"
        return super().get(split, default)

    def items(self):
        raise AssertionError("a search has looked at all splits")

    values = items


@pytest.fixture
def make_search(make_sources, store):
    def make(*, choices=CHOICES, seeds=(101, 102)):
        space = search_space(STANDARD, choices, segments=2)
        return Search(task="BIOSSES", encoder="tiny", space=space, seeds=seeds, sources=make_sources(store))

    return make


@pytest.fixture
def references(make_reference):
    """BIOSSES, its sixteen dev pairs of values 0, 1, 2, ..."""
    values = [float(i) for i in range(16)]
    reference = make_reference("BIOSSES", values)
    return {"BIOSSES": replace(reference, gold=DevAlone(reference.gold))}


@pytest.fixture
def scored(make_record, correlated, references):
    """Makes runs whose dev correlation is known beforehand from the recipe and the seed, and test's something else."""
    truth = list(references["BIOSSES"].gold["dev"].gold)

    def dev_score(config):
        recipe = config.recipe
        value = 0.3 + 50 * recipe.learning_rate + 0.1 * recipe.epochs - 0.15 * ("freeze" in recipe.stabilizers)
        return value + (0.02 if config.seed % 2 else -0.02)

    def predictions(r):
        """Values whose correlation with `truth` is r: the truth, and something uncorrelated with it."""
        import numpy as np

        x = np.array(truth)
        x = (x - x.mean()) / x.std()
        noise = np.sin(3 * x) ** 2 + x**2
        noise -= noise.mean() + (noise @ x / len(x)) * x
        return list(r * x + np.sqrt(1 - r * r) * noise / noise.std())

    def make(configs, *, stop_after=None):
        records = {}
        for config in list(configs)[:stop_after]:
            record = make_record(test=truth, dev=predictions(dev_score(config)))
            record = replace(record, config=config, scores=DevAlone(record.scores))
            records[config.id] = replace(record, predictions=DevAlone(record.predictions))
        return records

    make.dev_score = dev_score
    return make


def test_the_name_of_a_search_holds_what_determines_its_trials(make_search):
    search = make_search()
    assert search.name == make_search().name
    others = [
        make_search(seeds=(101, 103)),
        make_search(choices=CHOICES | {"epochs": [1, 3]}),
        replace(search, precision="bfloat16"),
        replace(search, space=replace(search.space, standard=STANDARD.replace(batch_size=8))),
    ]
    assert len({search.name, *(other.name for other in others)}) == 5


@pytest.fixture
def run(make_search, store, references, scored, tmp_path):
    """Runs one search in a database of its own; the result."""

    def run_one(*, trials=8, batch_size=4, database="searches", url=None, make=scored, **of_search):
        url = url or f"sqlite:///{tmp_path / database}.sqlite3"
        database = stack.enter_context(contextlib.closing(SearchDatabase(url)))
        given = {"trials": trials, "batch_size": batch_size, "database": database, "store": store}
        (found,) = run_searches([make_search(**of_search)], references=references, make=make, **given)
        return found

    with contextlib.ExitStack() as stack:
        yield run_one


def test_a_trials_value_is_the_mean_dev_score_over_its_seeds(scored, make_search, references):
    configs = make_search().configs({"learning_rate": 2e-3, "freeze": 1, "decay": 1.0, "epochs": 2})
    records = list(scored(configs).values())
    expected = sum(scored.dev_score(config) for config in configs) / 2
    assert dev_objective(records, references["BIOSSES"]) == pytest.approx(expected, abs=1e-9)


def test_a_run_whose_loss_left_the_finite_numbers_counts_as_the_trivial_score(make_record, make_reference):
    reference = make_reference("BioASQ", ANSWERS)
    lost = make_record(task="BioASQ", status="diverged")
    right = make_record(2, task="BioASQ", test=ANSWERS)
    assert dev_objective([right, lost], reference) == pytest.approx((1.0 + 0.5) / 2)


def test_the_whole_space_tried_gives_the_recipe_that_is_best_on_dev(run, scored):
    found = run(trials=100)
    assert len(found.trials) == found.search.space.size == 3 * 2 * 2 * 2 and found.is_finished
    every = [found.search.configs(params) for params in found.search.space.iterate_from(0)]
    oracle = max(every, key=lambda own: sum(map(scored.dev_score, own)))
    best = found.best.configs[0].recipe
    assert (best.learning_rate, best.epochs) == (4e-3, 2) and "freeze" not in best.stabilizers
    assert sum(map(scored.dev_score, found.best.configs)) == pytest.approx(sum(map(scored.dev_score, oracle)))


def test_of_equal_trials_the_earliest_is_chosen_so_the_standard_recipe_before_all(run, scored):
    def alike(configs):
        (one,) = scored(configs[:1]).values()
        return {config.id: replace(one, config=config) for config in configs}

    found = run(trials=6, batch_size=6, make=alike)
    assert len(set(found.values)) == 1 and found.best is found.trials[0]
    assert dict(found.best.params) == found.search.space.default


def test_the_standard_recipe_is_the_first_trial_and_no_recipe_comes_twice(run):
    found = run(trials=20)
    assert found.standard.configs[0].recipe == STANDARD
    assert len({trial.runs for trial in found.trials}) == len(found.trials) == 20


def test_many_trials_are_asked_for_at_once(run, scored):
    sizes = []

    def make(configs):
        sizes.append(len(configs))
        return scored(configs)

    run(trials=10, batch_size=4, make=make)
    assert sizes == [8, 8, 4]  # two seeds each


def test_searches_go_side_by_side_in_the_same_asks(make_search, store, references, scored, tmp_path):
    asked = []

    def make(configs):
        asked.append(len(configs))
        return scored(configs)

    pair = [make_search(), make_search(choices={"batch_size": [32], "learning_rate": [1e-3, 2e-3]})]
    given = {"database": SearchDatabase(f"sqlite:///{tmp_path}/x.sqlite3"), "store": store, "references": references}
    one, two = run_searches(pair, trials=4, batch_size=2, make=make, **given)
    assert asked == [8, 8]  # two searches, two trials, two seeds
    assert (len(one.trials), len(two.trials)) == (4, 4)


def test_a_search_that_was_interrupted_ends_as_if_it_had_not_been(run, scored):
    whole = run(trials=16, database="whole")
    calls = []

    def cut(configs):
        calls.append(len(configs))
        return scored(configs, stop_after=3 if len(calls) == 2 else None)

    part = run(trials=16, database="parts", make=cut)
    assert not part.is_finished and part.best is None and len(part.values) == 5
    again = run(trials=16, database="parts")
    assert [trial.params for trial in again.trials] == [trial.params for trial in whole.trials]
    assert again.values == whole.values and again.best.runs == whole.best.runs


def test_a_process_that_is_killed_between_asking_and_telling_loses_no_trial(run, scored):
    def die(configs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(trials=8, database="killed", make=die)
    whole, again = run(trials=8, database="whole"), run(trials=8, database="killed")
    assert [trial.params for trial in again.trials] == [trial.params for trial in whole.trials]


def test_a_larger_budget_goes_on_and_a_smaller_one_sees_the_first_trials(run):
    eight = run(trials=8)
    twelve = run(trials=12)
    assert twelve.trials[:8] == eight.trials and len(twelve.trials) == 12
    assert run(trials=8) == eight


def test_the_store_alone_tells_what_was_found(run, scored, make_search, store, references):
    made = {}

    def make(configs):
        made.update(scored(configs))
        return {config.id: made[config.id] for config in configs}

    found = run(trials=6, make=make)
    for record in made.values():
        values = {split: dict.__getitem__(record.predictions, split) for split in ("dev", "test")}
        store.put(replace(record, predictions=values, scores={"dev": 0.5, "test": 0.5}))
    assert found_in_store([make_search()], trials=6, store=store, references=references) == [found]
    fact = store.metadata(METADATA_KIND, found.search.name)
    assert [tuple(trial["runs"]) for trial in fact["trials"]] == [trial.runs for trial in found.trials]
    assert fact["chosen"] == dict(found.best.params)
    plan = planned_search(make_search(), trials=6, store=store, reference=references["BIOSSES"])
    assert plan == found


def test_a_store_without_the_runs_of_a_search_says_that_it_is_not_finished(run, make_search, store, references):
    run(trials=6)
    (found,) = found_in_store([make_search()], trials=6, store=store, references=references)
    assert len(found.trials) == 6 and found.values == [] and found.best is None


def test_a_plan_has_as_many_distinct_recipes_as_the_budget_and_the_longest_for_the_choice(make_search, store):
    plan = planned_search(make_search(), trials=20, store=store, reference=None)
    assert plan.planned and len({trial.runs for trial in plan.trials}) == 20
    assert plan.best.configs[0].recipe.epochs == 2
    assert len(planned_search(make_search(), trials=1000, store=store, reference=None).trials) == 24


def test_what_changes_the_trials_changes_the_name(make_search):
    base = make_search().name
    assert make_search().name == base
    assert make_search(seeds=(101,)).name != base
    assert make_search(choices=CHOICES | {"decay": [0.9]}).name != base


PROGRAM = """
import sys
from blurbstudy.search.search import _distributions, _sampler
from blurbstudy.search.space import search_space
from blurbstudy.config import Recipe
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
choices = {"learning_rate": [1e-5, 3e-5, 5e-5], "freeze": [0, 1, 2], "epochs": [5, 10]}
space = search_space(Recipe(), choices, segments=2)
study = optuna.create_study(direction="maximize")
for number in range(14):
    study.sampler = _sampler(f"x {number}")
    trial = study.ask(_distributions(space))
    study.tell(trial, trial.params["learning_rate"] * 1e4 + trial.params["epochs"] / 100)
    print(trial.params)
"""


@pytest.mark.slow
def test_what_is_asked_for_does_not_hang_on_the_process():
    """Hash seeds differ from process to process."""
    said = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed},
            text=True,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and len(said[0].splitlines()) == 14


def test_the_database_is_a_file_in_the_store_unless_another_is_named(store, monkeypatch):
    assert database_url(None, store).endswith(f"store/{FILE}")
    monkeypatch.setenv("BLURBSTUDY_SEARCH_DATABASE", "postgresql://me:secret@there/db")
    assert database_url(None, store).startswith("postgresql://")
    assert database_url("sqlite:///own.sqlite3", store) == "sqlite:///own.sqlite3"


def test_trials_lie_in_the_database_with_their_values(run, tmp_path):
    found = run(trials=4, database="own")
    with sqlite3.connect(tmp_path / "own.sqlite3") as database:
        values = {round(value, 9) for (value,) in database.execute("select value from trial_values")}
    assert values == {round(value, 9) for value in found.values}  # of a recipe asked for again: the same once more


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all/x.sqlite3", "nonsense://x", "postgresql://me:secret@localhost:1/x"]
)
def test_a_database_that_cannot_be_had_is_one_line_without_its_password(url):
    with pytest.raises(StoreError) as raised:
        SearchDatabase(url)
    assert "search_database" in str(raised.value) and "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "x.sqlite3").write_text(json.dumps({"not": "a database"}) * 100)
    with pytest.raises(StoreError, match="searches cannot be stored there"):
        SearchDatabase(f"sqlite:///{tmp_path / 'x.sqlite3'}")


def test_search_reads_records_in_one_function_alone():
    """So that what is said of test holds by looking at one place."""
    source = Path(searching.__file__).read_text(encoding="utf-8")
    body = source.split("def dev_objective", 1)
    inside, elsewhere = body[1].split("\ndef ", 1)[0], body[0] + body[1].split("\ndef ", 1)[1]
    assert 'scored(record, "dev")' in inside and "scored(" not in elsewhere
    assert ".predictions" not in source and '"test"' not in source


@pytest.fixture(scope="module")
def postgresql():
    """The URL of a database of a PostgreSQL server that is started for these tests."""
    pytest.importorskip("psycopg", reason="the extra `cluster` is not installed")
    installed = [shutil.which("postgres"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))]
    binary = next((Path(path).resolve() for path in installed if path), None)
    if binary is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a socket has at most 107 characters
    user = None
    if os.geteuid() == 0:  # which the server refuses
        user = "postgres"
        shutil.chown(folder, user)
    options = {"user": user, "check": True, "capture_output": True, "cwd": folder}
    subprocess.run([binary.parent / "initdb", "-D", "data", "-U", "study", "--auth=trust", "--no-sync"], **options)
    server = subprocess.Popen(
        [binary, "-D", "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
        user=user,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ready = [binary.parent / "pg_isready", "-h", folder, "-U", "study", "-d", "postgres"]
    while subprocess.run(ready, capture_output=True, check=False).returncode:
        assert server.poll() is None
        time.sleep(0.1)
    yield f"postgresql+psycopg://study@/postgres?host={folder}"
    server.send_signal(signal.SIGINT)  # ends its connections
    server.wait()
    shutil.rmtree(folder)


def test_a_search_in_postgresql_tries_what_it_tries_in_a_file_and_goes_on_after_an_interruption(
    postgresql, run, scored
):
    in_file = run(trials=8)
    part = run(trials=8, url=postgresql, make=lambda configs: scored(configs, stop_after=3))
    assert not part.is_finished
    again = run(trials=8, url=postgresql)
    assert again.trials == in_file.trials and again.best == in_file.best


def test_two_processes_search_in_one_postgresql_database_and_agree_afterwards(postgresql, run):
    with ThreadPoolExecutor(2) as pool:
        pair = [pool.submit(run, trials=6, batch_size=2, url=postgresql, seeds=(7, 8)) for _ in range(2)]
        finished = [one.result(timeout=120) for one in pair]
    assert all(found.is_finished for found in finished)
    tried = {trial.runs for found in finished for trial in found.trials}
    later = run(trials=6, url=postgresql, seeds=(7, 8))
    assert later.is_finished and {trial.runs for trial in later.trials} <= tried
