"""blurbstudy recommend, and finetune with the recommended recipe, on custom similarity files."""

import json

import pytest
import yaml

from blurbstudy.config import load_recipe

COLLAPSED = ("diverged", "constant predictions", "not trained")


@pytest.fixture
def custom_pairs(tmp_path):
    """Files of pairs whose score is the number of shared words."""
    words = ["cell", "gene", "drug", "lung", "heart", "flu", "dose", "trial", "pain", "skin"]

    def rows(n, start):
        for i in range(start, start + n):
            first = [words[(i + k) % 10] for k in range(4)]
            second = [words[(i + k * (1 + i % 3)) % 10] for k in range(4)]
            yield f"{' '.join(first)} {i}\t{' '.join(second)} {i}\t{len(set(first) & set(second))}"

    for name, n, start in (("train.tsv", 40, 0), ("dev.tsv", 20, 100), ("test.tsv", 20, 200)):
        (tmp_path / name).write_text("\n".join(["text\ttext2\tlabel", *rows(n, start)]) + "\n")
    return ["--task", "similarity", "--data", "."]


def test_the_output_is_a_recipe_file_with_reasons(command, custom_pairs, tiny_encoder, tmp_path):
    code, out, errors = command("recommend", *custom_pairs, "--encoder", tiny_encoder, "--store", "store")
    assert code == 0, errors
    (tmp_path / "recipe.yaml").write_text(out)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert (recipe.head, recipe.epochs, recipe.bias_correction) == ("cosine", 167, True)  # 501 steps
    assert set(yaml.safe_load(out)) == {
        "head",
        "stabilizers",
        "epochs",
        "learning_rate",
        "batch_size",
        "warmup_ratio",
        "bias_correction",
        "max_length",
    }
    text = " ".join(out.replace("\n# ", " ").split())
    assert (
        "the zero-shot cosine of the encoder has r = 0." in text and "[Gu et al. 2021]" in text and "judgement]" in text
    )
    assert "Zero-shot: the cosine similarity of this encoder scores train and dev" in text
    assert "your store (store): no runs on this kind of task with a similar encoder" in text
    assert "Collapsed runs: 0 of 5 of the most similar runs above (this study's: BIOSSES" in text
    assert "the paper: 75.5 to 93.5 on Table 2, BIOSSES" in text and "--seeds 10" in text

    code, out, _ = command("recommend", *custom_pairs, "--encoder", tiny_encoder, "--sentence-tuned", "--json")
    result = json.loads(out)
    assert code == 0 and result["recipe"]["head"] == "cosine" and result["seeds"] == 10
    assert result["zero_shot_cosine"]["n"] == 60 and result["situation"]["sentence_tuned"] is True
    assert set(result["evidence"][0]) == {
        "origin",
        "description",
        "low",
        "high",
        "runs",
        "seeds",
        "collapsed",
        "failed",
        "collapse_interval",
    }


def test_custom_tasks_use_the_recommended_recipe_and_their_runs_become_evidence(
    command, custom_pairs, tiny_encoder, tmp_path
):
    options = ["--encoder", tiny_encoder, "--device", "cpu"]
    run = ["finetune", *custom_pairs, *options, "--seeds", "1-2", "--store", "store", "--no-model", "--json"]
    code, out, errors = command(*run)
    assert code == 0, errors
    assert "recommended recipe: head cosine, stabilizers {}, epochs 167" in errors
    result = json.loads(out)
    assert result["trained"] == 2 and result["recipe"]["epochs"] == 167
    assert {split: score["n"] for split, score in result["zero_shot_cosine"].items()} == {"dev": 20, "test": 20}

    code, out, errors = command(*run)
    assert code == 0 and json.loads(out)["reused"] == 2
    _, out, _ = command("recommend", *custom_pairs, *options, "--store", "store", "--json")
    evidence = json.loads(out)["evidence"]
    assert (evidence[0]["origin"], evidence[0]["runs"], evidence[0]["seeds"]) == ("this task", 2, 2)
    low, high = evidence[0]["collapse_interval"]
    assert low <= evidence[0]["collapsed"] / 2 <= high
    assert evidence[0]["collapsed"] == sum(run["status"] in COLLAPSED for run in result["runs"])
    mean = 100 * result["summary"]["test"]["mean"]
    assert evidence[0]["low"] == pytest.approx(mean) == pytest.approx(evidence[0]["high"])

    code, _, errors = command(*run[:-1], "--recipe", "default", "--seeds", "1")
    assert code == 0 and "recommended recipe" not in errors
    code, _, errors = command(*run[:-1], "--recipe", "recomended")
    assert code == 2 and "recomended: cannot be read" in errors


def test_runs_below_zero_shot_have_a_warning(command, custom_pairs, tiny_encoder, tmp_path):
    (tmp_path / "pair.yaml").write_text("epochs: 1\nlearning_rate: 1.0e-5\nmax_length: 64\n")
    options = ["--encoder", tiny_encoder, "--device", "cpu", "--recipe", "pair.yaml", "--seeds", "1-2", "--no-model"]
    run = ["finetune", *custom_pairs, *options, "--store", "store"]
    code, out, errors = command(*run)
    assert code == 0, errors
    result = json.loads(command(*run, "--json")[1])
    assert result["summary"]["dev"]["mean"] < result["zero_shot_cosine"]["dev"]["score"]
    assert "on dev, the mean of these runs is below zero-shot" in out
