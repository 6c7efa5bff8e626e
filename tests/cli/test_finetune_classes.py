"""What finetune says of the classes of a user's task, in the terminal, in JSON and in the model card."""

import json
import random

import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from blurbstudy.store.run_store import RunStore

WORDS = {"benign": "harmless stable", "malignant": "cancer invasive", "unclear": "biopsy pending"}


@pytest.fixture
def finetune(command, tiny_encoder, tmp_path):
    draw = random.Random(4)
    for split, n in (("train", 60), ("test", 45)):
        labels = [draw.choice(list(WORDS)) for _ in range(n)]
        rows = [f"{draw.choice(WORDS[label].split())} tissue {i},{label}" for i, label in enumerate(labels)]
        (tmp_path / f"{split}.csv").write_text("\n".join(["text,label", *rows]))

    def run(*words, **recipe):
        values = {"epochs": 1, "learning_rate": 3e-3, "max_length": 16, "n_evaluations": 1} | recipe
        (tmp_path / "recipe.yaml").write_text("".join(f"{name}: {value}\n" for name, value in values.items()))
        files = ["--task", "classification", "--train", "train.csv", "--test", "test.csv", "--recipe", "recipe.yaml"]
        options = ["--encoder", tiny_encoder, "--store", "store", "--seeds", "1-2", "--device", "cpu"]
        return command("finetune", *files, *options, *words)

    return run


def test_classes_probabilities_and_confusions_are_in_every_output(finetune, tmp_path):
    code, out, errors = finetune("--model-dir", "model", "--json")
    assert code == 0, errors
    found = json.loads(out)
    store = RunStore(tmp_path / "store")
    best = store.get(next(run["id"] for run in found["runs"] if run["seed"] == found["best"]["seed"]))
    gold = store.gold(best.config.task, best.config.data_fingerprint, "test").gold
    labels = list(WORDS)
    matrix = confusion_matrix(gold, best.predictions["test"], labels=labels)
    counts = {(g, p): n for g, p, n in found["confusions"]}
    assert [[counts.get((g, p), 0) for p in labels] for g in labels] == matrix.tolist()
    auc = [
        roc_auc_score([g == label for g in gold], [r[i] for r in best.probabilities["test"]])
        for i, label in enumerate(labels)
    ]
    card = json.loads((tmp_path / "model" / "blurbstudy.json").read_text())["run"]["by_class"]
    assert [scores["roc_auc"] for scores in card["ranking"]["labels"].values()] == pytest.approx(auc)
    oracle = precision_recall_fscore_support(gold, best.predictions["test"], labels=labels, zero_division=0)
    assert [card["classes"][label]["recall"] for label in labels] == pytest.approx(list(oracle[1]))
    text = (tmp_path / "model" / "README.md").read_text()
    assert "## Scores by class (test)" in text and "(classification); data fingerprint" in text
    assert f"| **benign** | {' | '.join(f'{n} ({100 * n / matrix[0].sum():.0f}%)' for n in matrix[0])} |" in text


def test_a_length_beyond_the_encoder_is_refused_before_the_audit(finetune):
    code, out, errors = finetune(max_length=4000)
    assert (code, out) == (2, "")
    assert "max_length=4000: " in errors and errors.count("\n") == 2 and "positions; set the recipe's" in errors
