"""The overview's tables: what a reader must know of the tasks before any number."""

from types import SimpleNamespace

from blurbstudy.presentation import overview
from blurbstudy.results.failure import Reference
from blurbstudy.results.store import Gold
from blurbstudy.tasks import TASKS


def test_every_task_stands_there_with_its_terms(monkeypatch):
    def reference(task):
        labels = (0.0, 1.0, 2.0) if task.is_regression else (*task.labels, task.labels[0])
        names = tuple(map(str, range(len(labels))))
        gold = Gold(ids=names, units=names, gold=labels)
        return Reference(task=task, data="d" * 20, gold=dict.fromkeys(("train", "dev", "test"), gold))

    monkeypatch.setattr(overview, "load_references", lambda *_: {task.name: reference(task) for task in TASKS})
    study = SimpleNamespace(store=None, sources=SimpleNamespace(fingerprints={}), tasks=TASKS, origin="")
    table = overview.task_table(study)
    terms = table.columns.index("Terms")
    assert [(row[0], row[terms]) for row in table.rows] == [(task.name, task.terms) for task in TASKS]
