"""What a process of finetuning.py does: makes runs or predictions of one system, tries the reference's settings on a
short piece, measures the machine's matrix rate, or profiles a run of ours. A job's `system` says which.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from typing import Any

import measure
from inputs import BenchmarkInputs, FinetuningSettings, read_inputs
from measure import cores, do_job

PIECE = 4000  # sub-words of the piece on which prediction settings are tried
PROFILED_STEPS = 8


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """By the job's system."""
    if job["system"] == "rates":
        return rates
    inputs = read_inputs(FinetuningSettings(**job["fitting"]), encoder=job["encoder"], data=job["data"])
    if job["system"] == "trials":
        return (prediction_trials if job["predicts"] else training_trials)(inputs, job)
    if job["system"] == "profile":
        return lambda: {"seconds": [0.0], "shares": profile(inputs)}
    prepared = {
        ("ours", False): our_training,
        ("ours", True): our_prediction,
        ("reference", False): reference_training,
        ("reference", True): reference_prediction,
    }
    return prepared[job["system"], job["predicts"]](inputs, job)


def rates() -> dict[str, Any]:
    """The machine's own: one thread, and all cores."""
    import torch

    everything = measure.matrix_rate()
    torch.set_num_threads(1)
    return {"seconds": [0.0], "rates": {"one_thread": measure.matrix_rate(), "all_cores": everything}}


def our_training(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Run after run, each a population of one, as the engine does with encoders of this size."""
    from blurbstudy.training.trainer import train_population

    def go() -> dict[str, Any]:
        seconds, scores = [], []
        for seed in job["seeds"]:
            began = time.perf_counter()
            (record,) = train_population(
                [inputs.config(seed)],
                features=inputs.features,
                task=inputs.task,
                checkpoint=inputs.checkpoint,
                device="cpu",
            )
            seconds.append(time.perf_counter() - began)
            scores.append(record.scores["test"])
        return {"seconds": seconds, "scores": scores}

    return go


def reference_training(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    import reference

    reference.import_all()

    def go() -> dict[str, Any]:
        grouped = job.get("grouped", False)
        runs = [
            reference.fine_tune(inputs, seed=seed, attention=job["attention"], grouped=grouped) for seed in job["seeds"]
        ]
        return {"seconds": [run["seconds"] for run in runs], "scores": [run["scores"]["test"] for run in runs]}

    return go


def training_trials(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Threads and kinds of attention, three steps each."""
    import reference
    import torch

    reference.import_all()

    def go() -> dict[str, Any]:
        trials = []
        for threads in sorted({1, cores()}):
            for attention in ("sdpa",) if job["few"] else ("sdpa", "eager"):
                torch.set_num_threads(threads)
                seconds = reference.seconds_per_step(inputs, steps=3, attention=attention)
                trials.append({"threads": threads, "attention": attention, "piece_seconds": seconds})
        return {"seconds": [0.0], "trials": trials}

    return go


def our_model(inputs: BenchmarkInputs, seed: int):  # noqa: ANN201
    """An encoder with a fresh head."""
    from blurbstudy.models import Classifier

    head = "pooler" if inputs.shape["pooled"] else "token"
    architecture = inputs.checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=inputs.shape["outputs"], head=head)
    model.load_member(0, inputs.checkpoint, seed=seed)
    return model.eval()


def test_features(inputs: BenchmarkInputs):  # noqa: ANN201
    from blurbstudy.tasks.features import tokenize

    length = inputs.fitting.max_length
    return tokenize(inputs.examples["test"], inputs.tokenizer, inputs.task, max_length=length, segment_ids="pair")


def our_prediction(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """From texts to labels."""
    import torch

    from blurbstudy.training.decoding import decode
    from blurbstudy.training.evaluation import evaluation_batches, predict

    def go() -> dict[str, Any]:
        seconds, labels = [], None
        for seed in job["seeds"]:
            model = our_model(inputs, seed)
            began = time.perf_counter()
            features = test_features(inputs)
            batches = evaluation_batches(features, members=1, n_heads=model.architecture.n_heads)
            outputs = predict(model, batches, device=torch.device("cpu"), autocast=False)
            results = decode(outputs[0], features, inputs.task, tag_scheme=inputs.recipe.tag_scheme)
            seconds.append(time.perf_counter() - began)
            labels = labels or results
        return {"seconds": seconds, "labels": labels, "seeds": job["seeds"]}

    return go


def reference_prediction(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """From texts to labels, by the tool that was faster; the head is ours, so that the labels can be compared."""
    import reference

    from blurbstudy.training.decoding import decode

    reference.import_all()

    def go() -> dict[str, Any]:
        seconds, labels = [], None
        for seed in job["seeds"]:
            model = reference.with_our_head(reference.make_model(inputs, seed=seed), our_model(inputs, seed)).eval()
            if job["tool"] == "pipeline":
                pipe = reference.make_pipeline(model, inputs)
                began = time.perf_counter()
                arguments = reference.run_pipeline(pipe, inputs, batch_size=job["batch"])
                seconds.append(time.perf_counter() - began)
                labels = labels or reference.pipeline_labels(arguments, inputs)
                continue
            with tempfile.TemporaryDirectory() as folder:
                trainer = reference.make_trainer(model, inputs, seed=seed, folder=folder, eval_batch=job["batch"])
                began = time.perf_counter()
                features = test_features(inputs)
                predictions = trainer.predict(reference.items(features, inputs.task)).predictions
                outputs = reference.outputs_of(predictions, features, inputs.task)
                results = decode(outputs, features, inputs.task, tag_scheme=inputs.recipe.tag_scheme)
                seconds.append(time.perf_counter() - began)
            labels = labels or results
        return {"seconds": seconds, "labels": labels, "seeds": job["seeds"]}

    return go


def prediction_trials(inputs: BenchmarkInputs, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Tools, threads and batch sizes on the first examples of test; batches of one are not padded at all."""
    import reference
    import torch

    reference.import_all()

    def go() -> dict[str, Any]:
        reached = inputs.features["test"].offsets.searchsorted(PIECE)
        count = max(8, min(int(reached), len(inputs.examples["test"])))
        features = inputs.features["test"]
        model = reference.make_model(inputs, seed=0).eval()
        pipe, trials = reference.make_pipeline(model, inputs), []
        for threads in sorted({1, cores()}):
            torch.set_num_threads(threads)
            for batch in (8,) if job["few"] else (1, 8, 32):
                with tempfile.TemporaryDirectory() as folder:
                    trainer = reference.make_trainer(model, inputs, seed=0, folder=folder, eval_batch=batch)
                    rows = reference.items(features, inputs.task)[:count]
                    tools = {
                        "Trainer.predict": lambda arguments, trainer=trainer: trainer.predict(arguments),
                        "pipeline": lambda arguments, batch=batch: reference.run_pipeline(
                            pipe, inputs, batch_size=batch, count=len(arguments)
                        ),
                    }
                    for tool, predict in tools.items():
                        predict(rows[:2])  # what is done once must not count
                        began = time.perf_counter()
                        predict(rows)
                        seconds = time.perf_counter() - began
                        trials.append({"tool": tool, "threads": threads, "batch": batch, "piece_seconds": seconds})
        return {"seconds": [0.0], "trials": trials}

    return go


KINDS = {  # of torch's operations, by the beginning of their names
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "mkldnn::"),
    "normalization, activation, softmax": ("aten::native_layer_norm", "aten::gelu", "aten::_softmax", "aten::tanh"),
    "optimizer": ("aten::_fused_adamw", "aten::_foreach", "aten::linalg_vector_norm"),
}


def profile(inputs: BenchmarkInputs) -> dict[str, float]:
    """Shares of the wall time of a few steps of one run on one thread, by kind; its start and its end included."""
    import torch

    from blurbstudy.training.trainer import train_population

    splits = inputs.features | {"test": inputs.features["dev"]}  # training is what is looked at

    def train(steps: int) -> float:
        epochs = max(0.01, steps / -(-len(splits["train"]) // inputs.fitting.batch_size))
        fitting = dataclasses.replace(inputs.fitting, epochs=epochs)
        config = dataclasses.replace(inputs, fitting=fitting).config(1)
        began = time.perf_counter()
        train_population([config], features=splits, task=inputs.task, checkpoint=inputs.checkpoint, device="cpu")
        return time.perf_counter() - began

    train(1)  # what is done once must not count
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        wall = train(PROFILED_STEPS)
    shares = dict.fromkeys([*KINDS, "other operations of torch"], 0.0)
    for event in profiler.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key.startswith(names)), "other operations of torch")
        shares[kind] += event.self_cpu_time_total / 1e6 / wall
    return shares | {"outside torch": max(0.0, 1 - sum(shares.values()))}


if __name__ == "__main__":
    do_job(prepare)
