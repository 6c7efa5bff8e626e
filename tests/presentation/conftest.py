"""Results of a grid whose scores are known, for tests of tables and figures."""

import dataclasses

import pytest

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.presentation.explore import read_store
from blurbstudy.presentation.grid import CellKey, Grid, Part, Results
from blurbstudy.results.failure import Reference
from blurbstudy.results.store import Gold, RunStore
from blurbstudy.tasks import get_task
from blurbstudy.training.record import RunRecord

DATA = "d" * 20


def gold(values):
    names = tuple(f"q{i}" for i in range(len(values)))
    return Gold(ids=names, units=names, gold=tuple(values))


@pytest.fixture
def make_results():
    """Results on BioASQ (100 questions, 60 of them `yes`) where seed s of a setting has given many answers right."""
    answers = ["yes"] * 60 + ["no"] * 40
    references = {
        "BioASQ": Reference(
            task=get_task("BioASQ"), data=DATA, gold={split: gold(answers) for split in ("train", "dev", "test")}
        )
    }

    def make(right, *, missing=(), paper="QA", remarks=None, encoders=None):
        """right: setting -> how many answers are right, per seed (None: the loss left the finite numbers)."""
        recipes = {(name, "BioASQ"): Recipe(learning_rate=1e-5 * (i + 1)) for i, name in enumerate(right)}
        seeds = tuple(range(1, 1 + max(len(counts) for counts in right.values())))
        part = Part(label="QA", tasks=("BioASQ",), paper=paper)
        cells, records = {}, {}
        for name, counts in right.items():
            configs = tuple(
                RunConfig(task="BioASQ", data=DATA, encoder="e" * 20, recipe=recipes[name, "BioASQ"], seed=seed)
                for seed in seeds
            )
            cells[CellKey("BERT", name, "QA")] = configs
            for config, count in zip(configs, counts, strict=False):
                if name not in missing:
                    records[config.id] = record(config, answers, count)
        grid = Grid(
            encoders=encoders or {"BERT": ""},
            settings=tuple(right),
            parts=(part,),
            recipes=recipes,
            seeds=seeds,
            cells=cells,
            remarks=remarks or {},
        )
        return Results(grid=grid, records=records, references=references, origin="parameters/mini/x.yaml · Mini scale")

    return make


@pytest.fixture
def joined():
    """The same results with the runs of one setting made over as runs whose dev joined train."""

    def make(results, setting):
        key = next(key for key in results.grid.cells if key.setting == setting)
        configs = [dataclasses.replace(one, recipe=one.recipe.but(join_dev=True)) for one in results.grid.cells[key]]
        made = {
            new.id: dataclasses.replace(
                results.records[old.id],
                config=new,
                predictions={"test": results.records[old.id].predictions["test"], "dev": None},
            )
            for old, new in zip(results.grid.cells[key], configs, strict=True)
        }
        grid = dataclasses.replace(results.grid, cells=results.grid.cells | {key: tuple(configs)})
        return dataclasses.replace(results, grid=grid, records=results.records | made)

    return make


@pytest.fixture
def twice_pretrained():
    """The same results with a second encoder per cell, from another pretraining seed, that scores `shift` more answers
    of 100 right; without those of its runs whose fine-tuning seed is named in `lost`.
    """

    def make(results, *, shift=0, lost=()):
        answers = results.references["BioASQ"].gold["test"].gold
        cells, records = {}, dict(results.records)
        for key, runs in results.grid.cells.items():
            others = tuple(dataclasses.replace(run, encoder="f" * 20) for run in runs)
            for run, other in zip(runs, others, strict=True):
                right = sum(p == a for p, a in zip(records[run.id].predictions["test"], answers, strict=True))
                records[other.id] = record(other, answers, None if other.seed in lost else right + shift)
            cells[key] = (*runs, *others)
        grid = dataclasses.replace(results.grid, cells=cells, clusters={"e" * 20: 0, "f" * 20: 1})
        return dataclasses.replace(results, records=records, grid=grid)

    return make


def record(config, answers, count):
    wrong = {"yes": "no", "no": "yes"}
    predicted = None if count is None else [a if i < count else wrong[a] for i, a in enumerate(reversed(answers))][::-1]
    return RunRecord(
        config=config,
        status="not_finite" if count is None else "finished",
        stopped_at_step=1,
        selected_step=None if count is None else 1,
        scores={"dev": None, "test": None} if count is None else {"dev": count / 100, "test": count / 100},
        curve={},
        predictions={} if count is None else {"dev": predicted, "test": predicted},
        seconds=1.0,
        peak_bytes=1,
        circumstances={"commit": "abcdef1234"},
    )


@pytest.fixture
def make_explored(make_results, tmp_path):
    """A store with the runs of `make_results`, as it is read for browsing."""

    def make(right, *, task="BioASQ"):
        results, store = make_results(right), RunStore(tmp_path / "explored")
        for split, truth in results.references[task].gold.items():
            store.put_gold(task, DATA, split, ids=truth.ids, units=truth.units, gold=truth.gold)
        for one in results.records.values():
            store.put(dataclasses.replace(one, config=dataclasses.replace(one.config, encoder_name="BERT")))
        return read_store(store, origin="parameters/mini/x.yaml")

    return make
