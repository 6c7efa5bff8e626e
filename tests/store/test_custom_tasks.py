"""Tasks of one's own in engine, store and references: as BLURB's, from their definitions."""

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sources.sources import sources_from_dict, sources_to_dict
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import ParameterError, StoreError
from blurbstudy.stats.references import load_references
from blurbstudy.stats.status import judge_run
from blurbstudy.stats.summary import summarize
from blurbstudy.store.archive import export_store, import_store
from blurbstudy.store.custom_tasks import METADATA_KIND, stored_task
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import custom_task, get_task, read_task, task_to_dict
from blurbstudy.training.run_record import RunRecord

RECIPE = Recipe(epochs=1, max_length=32, n_evaluations=1)


@pytest.fixture
def sources(tmp_path, store, tiny_encoder):
    lines = "".join(f"the {i}\tO\ndrug\tB-Drug\nhelps\tO\nflu\tB-Disease\n{i}\tI-Disease\n\n" for i in range(40))
    (tmp_path / "a.conll").write_text(lines)
    task = custom_task(kind="ner", files={"train": tmp_path / "a.conll"}, name="mine")
    return resolve_sources(store, tasks=[task], encoders={"tiny": str(tiny_encoder)}, data=str(tmp_path))


def test_processes_make_the_runs_of_an_own_task_and_the_store_judges_them(tmp_path, store, sources):
    configs = [sources.run_config("mine", "tiny", recipe=RECIPE, seed=seed) for seed in (1, 2)]
    engine = LocalEngine(device="cpu", workers=2, population=1)
    found = run_missing(configs, store, sources=sources, engine=engine, progress="silent")
    assert found.trained == 2 and {record.scores["test"] for record in found.values()} == {None}
    assert run_missing(configs, store, sources=sources, engine=engine, progress="silent").reused == 2
    reference = load_references(store, list(found.values()))["mine"]
    assert reference.task == sources.task("mine") and list(reference.gold) == ["train", "dev"]
    assert reference.gold["dev"].gold == tuple(e.label for e in read_task(reference.task)["dev"])
    summary = summarize(list(found.values()), {"mine": reference}, split="dev")
    assert summary.n_scored == 2
    assert summary.failed == sum(judge_run(record, reference).status.failed for record in found.values())
    export_store(store, tmp_path / "all.zip")
    other = RunStore(tmp_path / "other")
    done = import_store(tmp_path / "all.zip", other)
    assert load_references(other, list(found.values()))["mine"].task == reference.task
    assert done.unscored == 0  # their task is in the archive alone


def test_an_imported_run_of_an_own_task_whose_score_is_not_its_predictions_is_refused(tmp_path, store, sources):
    config = sources.run_config("mine", "tiny", recipe=RECIPE, seed=1)
    gold = store.gold("mine", config.data_fingerprint, "dev").gold
    done = {"status": "finished", "stopped_at_step": 1, "selected_step": 1, "curve": {}, "seconds": 1, "peak_bytes": 1}
    store.put(RunRecord(config=config, scores={"dev": 0.9, "test": None}, predictions={"dev": list(gold)}, **done))
    export_store(store, tmp_path / "wrong.zip")
    with pytest.raises(StoreError, match=r"\(mine\): its stored dev score is 0.9, its predictions score 1.0"):
        import_store(tmp_path / "wrong.zip", RunStore(tmp_path / "other"))


@pytest.mark.parametrize(
    "change", [{"metric": "none_such"}, {"kind": "none_such"}, {"positives": [["B"]]}, {"labels": 1}]
)
def test_what_defines_no_task_is_refused_in_one_line(store, sources, change):
    data = sources.fingerprints["mine"]
    store.put_metadata(METADATA_KIND, f"mine {data}", task_to_dict(sources.task("mine")) | change)
    with pytest.raises(StoreError, match="the task 'mine' cannot be read"):
        stored_task(store, "mine", data)


def test_sources_with_an_own_task_go_to_another_process_and_back(sources):
    assert sources_from_dict(sources_to_dict(sources)) == sources


def test_the_store_tells_own_tasks_by_name_and_data(store, sources):
    data = sources.fingerprints["mine"]
    assert stored_task(store, "mine", data) == sources.task("mine")
    assert stored_task(store, "BIOSSES", data) == get_task("BIOSSES")
    with pytest.raises(ParameterError, match="task='mine' is unknown"):
        stored_task(store, "mine", "f" * 20)
    store.put_metadata(METADATA_KIND, f"mine {data}", {"kind": "ner"})
    with pytest.raises(StoreError, match="the task 'mine' cannot be read .*; fine-tune it again"):
        stored_task(store, "mine", data)
