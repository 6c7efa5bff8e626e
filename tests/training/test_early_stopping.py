"""Early stopping: where transformers' callback would stop, with the best weights on dev, and each member by itself."""

from types import SimpleNamespace

import numpy as np
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

from blurbstudy.metrics import score
from blurbstudy.tasks import get_task
from blurbstudy.training.population import Population
from blurbstudy.training.trainer import train_population

FAST = dict(checkpoint_selection="best_dev", epochs=4, n_evaluations=10, learning_rate=1e-2)


def train(configs, features, checkpoint, **kwargs):
    task = get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device="cpu", **kwargs)


def transformers_stop(scores, patience) -> int:
    """Number of evaluations after which transformers' Trainer stops, all of them if it does not."""
    callback, state, control = EarlyStoppingCallback(patience), TrainerState(), TrainerControl()
    args = SimpleNamespace(metric_for_best_model="score", greater_is_better=True)
    for count, value in enumerate(scores, 1):
        callback.on_evaluate(args, state, control, {"eval_score": value})
        if control.should_training_stop:
            return count
        state.best_metric = value if state.best_metric is None else max(state.best_metric, value)
    return len(scores)


def test_runs_stop_where_transformers_would_and_keep_the_best_weights_until_then(make_config, similarity, checkpoint):
    seeds = (1, 2, 3)
    configs = [make_config(seed=seed, early_stopping=patience, **FAST) for patience in (1, 3, 8) for seed in seeds]
    complete = train([make_config(seed=seed, **FAST) for seed in seeds], similarity, checkpoint)
    stopped = set()
    for record, full in zip(train(configs, similarity, checkpoint), 3 * complete, strict=True):
        count = transformers_stop(full.curve["dev_score"], record.config.recipe.early_stopping)
        assert record.planned_steps == full.stopped_at_step == 20 and full.planned_steps is None
        assert record.stopped_at_step == full.curve["step"][count - 1]
        assert record.curve["step"] == full.curve["step"][:count]
        # The schedule is that of all planned steps, so that the run is the same until it stops.
        np.testing.assert_allclose(record.curve["train_loss"], full.curve["train_loss"][:count], rtol=1e-3)
        best = int(np.argmax(record.curve["dev_score"]))
        assert record.selected_step == record.curve["step"][best]
        assert record.scores["dev"] == record.curve["dev_score"][best]
        assert record.scores["dev"] == score("pearson", list(similarity["dev"].targets), record.predictions["dev"])
        stopped.add(record.stopped_at_step)
    assert len(stopped) > 2


def test_members_that_stop_leave_the_others_as_they_are_alone_and_take_no_more_steps(
    make_config, similarity, checkpoint, monkeypatch
):
    sizes, step, progress = [], Population.step, []

    def counted(self):
        sizes.append(len(self.members))
        return step(self)

    monkeypatch.setattr(Population, "step", counted)
    configs = [make_config(seed=seed, early_stopping=patience, **FAST) for seed, patience in ((1, 1), (2, 3))]
    configs.append(make_config(seed=3, **FAST))
    records = train(configs, similarity, checkpoint, on_progress=lambda done, total: progress.append((done, total)))
    assert sum(sizes) == sum(record.stopped_at_step for record in records) < 3 * 20
    assert records[0].stopped_at_step < records[1].stopped_at_step <= records[2].stopped_at_step == 20
    assert progress[-1] == (60, 60) and progress == sorted(progress)
    for record in records:
        (alone,) = train([record.config], similarity, checkpoint)
        assert record.stopped_at_step == alone.stopped_at_step and record.selected_step == alone.selected_step
        # Not the dev scores: the correlation of nearly constant predictions magnifies how a processor rounds.
        for split in ("dev", "test"):
            np.testing.assert_allclose(record.predictions[split], alone.predictions[split], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(record.curve["train_loss"], alone.curve["train_loss"], rtol=1e-3)
