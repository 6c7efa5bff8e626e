"""The reference: Hugging Face Trainer on the same sub-words, with dynamic padding and the fused AdamW, run after
run."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np
import torch
import transformers
from inputs import BenchmarkInputs

from blurbstudy.metrics import score
from blurbstudy.models import Classifier
from blurbstudy.tasks import Task
from blurbstudy.tasks.features import Features
from blurbstudy.tasks.task import OUTSIDE, head_labels
from blurbstudy.training.decoding import decode, gold_of

EVAL_BATCH = {  # sequences predicted at once
    "cpu": 8,  # Trainer's own: a larger one is padded more and no faster
    "cuda": 128,  # a few sequences leave a GPU idle, and padding costs it little
}

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def items(features: Features, task: Task) -> list[dict[str, Any]]:
    """A split as Trainer takes it; only the first sub-word of a word has a label."""
    rows = []
    for i in range(len(features)):
        ids, segments = features.sequence(i)
        row = {"input_ids": ids.tolist(), "token_type_ids": segments.tolist(), "attention_mask": [1] * len(ids)}
        targets = features.targets[features.targets_of(i)]
        if task.output == "token_labels":
            labels = np.full(len(ids), -100)
            labels[features.word_starts_of(i)] = targets
            row["labels"] = labels.tolist()
        else:
            row["labels"] = float(targets[0]) if task.output == "score" else int(targets[0])
        rows.append(row)
    return rows


def make_model(inputs: BenchmarkInputs, *, seed: int, attention: str = "sdpa") -> transformers.PreTrainedModel:
    """A classifier (or regressor, or tagger) on the encoder, by transformers; the same parameters frozen."""
    transformers.set_seed(seed)
    auto = transformers.AutoModelForTokenClassification
    if inputs.task.output != "token_labels":
        auto = transformers.AutoModelForSequenceClassification
    model = auto.from_pretrained(
        inputs.checkpoint.path,
        num_labels=inputs.shape["outputs"],
        dtype=torch.float32,
        attn_implementation=attention,
        local_files_only=True,
        **({"problem_type": "regression"} if inputs.task.output == "score" else labels_of(inputs)),
    )
    if frozen := inputs.fitting.frozen:
        for module in (model.base_model.embeddings, *model.base_model.encoder.layer[:frozen]):
            module.requires_grad_(False)
    return model


def labels_of(inputs: BenchmarkInputs) -> dict[str, Any]:
    """The task's labels, as a model's configuration names them."""
    labels = head_labels(inputs.task, inputs.recipe.tag_scheme)
    return {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}


def make_trainer(
    model: transformers.PreTrainedModel,
    inputs: BenchmarkInputs,
    *,
    seed: int,
    folder: str,
    device: str = "cpu",
    max_steps: int = -1,
    eval_batch: int | None = None,
    grouped: bool = False,
    callbacks: tuple[transformers.TrainerCallback, ...] = (),
) -> transformers.Trainer:
    """Trainer by the row's recipe, without logging, saving and scoring in between.

    Args:
        folder: that Trainer may write to.
        eval_batch: None: what suits the device.
        grouped: batches of sequences of like length.
    """
    recipe, cuda = inputs.recipe, device == "cuda"
    settings = transformers.TrainingArguments(
        folder,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=eval_batch or EVAL_BATCH[device],
        learning_rate=recipe.learning_rate,
        num_train_epochs=recipe.epochs,
        max_steps=max_steps,
        warmup_steps=-(-inputs.steps // 10),
        weight_decay=recipe.weight_decay,
        adam_epsilon=recipe.adam_epsilon,
        adam_beta1=recipe.adam_beta1,
        adam_beta2=recipe.adam_beta2,
        optim="adamw_torch_fused",
        max_grad_norm=recipe.max_grad_norm,
        seed=seed,
        use_cpu=not cuda,
        bf16=inputs.fitting.precision == "bfloat16",
        report_to=[],
        train_sampling_strategy="group_by_length" if grouped else "random",
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=cuda,
        logging_nan_inf_filter=not cuda,  # it looks at every loss, for which a GPU would have to be waited for
    )
    tags = inputs.task.output == "token_labels"
    collator = transformers.DataCollatorForTokenClassification if tags else transformers.DataCollatorWithPadding
    trainer = transformers.Trainer(
        model,
        settings,
        train_dataset=items(inputs.features["train"], inputs.task),
        data_collator=collator(inputs.tokenizer),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def fine_tune(
    inputs: BenchmarkInputs, *, seed: int, device: str = "cpu", attention: str = "sdpa", grouped: bool = False
) -> dict[str, Any]:
    """One run: seconds from the first step to the predictions of dev and test (the model was built before), scores and
    the mean training loss."""
    model = make_model(inputs, seed=seed, attention=attention)
    splits = {name: items(inputs.features[name], inputs.task) for name in ("dev", "test")}
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, inputs, seed=seed, folder=folder, device=device, grouped=grouped)
        began = time.perf_counter()
        loss = trainer.train().training_loss
        predicted = {name: trainer.predict(rows).predictions for name, rows in splits.items()}
        seconds = time.perf_counter() - began
    scores = {name: scored(outputs, inputs, name) for name, outputs in predicted.items()}
    return {"seconds": seconds, "train_loss": loss, "scores": scores}


def seconds_per_step(inputs: BenchmarkInputs, *, steps: int, attention: str = "sdpa") -> float:
    """Of a short piece: the first step, in which much is done once, is not counted."""

    class Stamps(transformers.TrainerCallback):
        """Notes when each step ended."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            self.times.append(time.perf_counter())

    stamps = Stamps()
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(inputs, seed=0, attention=attention)
        make_trainer(model, inputs, seed=0, folder=folder, max_steps=steps, callbacks=(stamps,)).train()
    return (stamps.times[-1] - stamps.times[0]) / (len(stamps.times) - 1)


def outputs_of(predictions: np.ndarray, features: Features, task: Task) -> np.ndarray:
    """What Trainer predicts as (targets, outputs), in file order."""
    predictions = np.asarray(predictions, np.float32)
    if task.output != "token_labels":
        return predictions.reshape(len(features), -1)
    return np.concatenate([predictions[i, features.word_starts_of(i)] for i in range(len(features))])


def scored(predictions: np.ndarray, inputs: BenchmarkInputs, split: str) -> float | None:
    """The task's metric of what Trainer predicts; None where it is not finite."""
    features, task = inputs.features[split], inputs.task
    outputs = outputs_of(predictions, features, task)
    if not np.isfinite(outputs).all():
        return None
    labels = decode(outputs, features, task, tag_scheme=inputs.recipe.tag_scheme)
    return score(task.metric, gold_of(features, task), labels, positives=task.positive_labels)


def with_our_head(model: transformers.PreTrainedModel, ours: Classifier) -> transformers.PreTrainedModel:
    """The model with the pooler and head of our first member, so that both predict the same."""
    pairs = [(model.classifier, ours.head)]
    if ours.pooler is not None:
        pairs.append((model.base_model.pooler.dense, ours.pooler.dense))
    with torch.no_grad():
        for theirs, mine in pairs:
            theirs.weight.copy_(mine.weight[0])
            theirs.bias.copy_(mine.bias[0])
    return model


def make_pipeline(model: transformers.PreTrainedModel, inputs: BenchmarkInputs) -> Any:
    """transformers' pipeline of texts, of pairs of texts, or of words."""
    name = "token-classification" if inputs.task.output == "token_labels" else "text-classification"
    inputs.tokenizer.model_max_length = inputs.fitting.max_length
    return transformers.pipeline(name, model=model, tokenizer=inputs.tokenizer, device=-1)


def run_pipeline(pipe: Any, inputs: BenchmarkInputs, *, batch_size: int, count: int | None = None) -> list:
    """Test examples (the first `count`) through the pipeline."""
    examples = inputs.examples["test"][:count]
    if inputs.task.output == "token_labels":
        return pipe([list(e.texts) for e in examples], batch_size=batch_size, is_split_into_words=True)
    pairs = [dict(zip(("text", "text_pair"), example.texts, strict=False)) for example in examples]
    return pipe(pairs, batch_size=batch_size, truncation=True)


def pipeline_labels(results: list, inputs: BenchmarkInputs) -> list[str] | None:
    """One label per example (a sentence's tags joined by spaces) from what the pipeline gave; None where sentences were
    split, which a pipeline does not do."""
    features = inputs.features["test"]
    if inputs.task.output != "token_labels":
        return [first["label"] for first in results]
    if len(features) != len(inputs.examples["test"]):
        return None
    labels = []
    for i, tokens in enumerate(results):
        tagged = {token["index"]: token["entity"] for token in tokens}  # tokens outside of mentions are not told
        labels.append(" ".join(tagged.get(index, OUTSIDE) for index in features.word_starts_of(i).tolist()))
    return labels


def import_all() -> None:
    """Imports what Trainer imports only when it is first made: that must not count."""
    with tempfile.TemporaryDirectory() as folder:
        config = transformers.BertConfig(
            vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=1
        )
        tiny = transformers.BertForSequenceClassification(config)
        transformers.Trainer(tiny, transformers.TrainingArguments(folder, use_cpu=True, report_to=[]))
