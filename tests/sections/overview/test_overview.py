"""The overview's tables: what a reader must know of the tasks before any number."""

from types import SimpleNamespace

from blurbstudy.metrics import METRICS
from blurbstudy.sections.overview import overview
from blurbstudy.stats.references import GoldReference
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import TASKS


def reference(task):
    labels = (0.0, 1.0, 2.0) if task.is_regression else (*task.labels, task.labels[0])
    names = tuple(map(str, range(len(labels))))
    gold = Gold(ids=names, units=names, gold=labels)
    return GoldReference(task=task, data="d" * 20, gold=dict.fromkeys(("train", "dev", "test"), gold))


def test_every_task_stands_there_with_its_terms(monkeypatch):
    monkeypatch.setattr(overview, "load_references", lambda *_: {task.name: reference(task) for task in TASKS})
    study = SimpleNamespace(store=None, sources=SimpleNamespace(fingerprints={}), tasks=TASKS, provenance="")
    table = overview.task_table(study)
    terms, metric = table.columns.index("Terms"), table.columns.index("Metric")
    assert [(str(row[0]), row[terms]) for row in table.rows] == [
        (f"{task.name}\n{task.group}", task.terms) for task in TASKS
    ]
    assert [row[metric] for row in table.rows] == [METRICS[task.metric].title for task in TASKS]
    predicted = table.columns.index("Predicted")
    tagged = [row[predicted].startswith("each word: ") for row in table.rows]
    assert tagged == [task.task_type in ("ner", "pico") for task in TASKS]


def test_what_the_bootstrap_draws_is_what_the_files_name(monkeypatch):
    task = next(task for task in TASKS if task.name == "JNLPBA")
    alone = reference(task)
    named = Gold(ids=alone.gold["test"].ids, units=("d",) * len(alone.gold["test"].ids), gold=alone.gold["test"].gold)
    documents = GoldReference(task=task, data=alone.data, gold=dict(alone.gold) | {"test": named})
    study = SimpleNamespace(store=None, sources=SimpleNamespace(fingerprints={}), tasks=[task], provenance="")
    for found, unit in ((alone, "sentence"), (documents, "document")):
        monkeypatch.setattr(overview, "load_references", lambda *_, found=found: {task.name: found})
        table = overview.task_table(study)
        assert table.rows[0][table.columns.index("Bootstrap over")] == unit


def test_many_tasks_are_counted_in_the_answer_and_few_are_named():
    def sentence(tasks):
        study = SimpleNamespace(sources=SimpleNamespace(encoders={}), encoders={}, tasks=tasks)
        return overview.overview_answer(study).sentences[0]

    assert "on 13 datasets, with" in sentence(TASKS)
    assert f"on {TASKS[0].name}, {TASKS[1].name}, with" in sentence(TASKS[:2])
