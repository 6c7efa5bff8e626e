"""blurbstudy recommend, and finetune by what it recommends: on files of one's own, and on similarity."""

import json

import pytest
import yaml

from blurbstudy.config import load_recipe


@pytest.fixture
def own_pairs(tmp_path):
    """Two files of pairs whose score is the share of words that they have in common."""
    words = ["cell", "gene", "drug", "lung", "heart", "flu", "dose", "trial", "pain", "skin"]

    def rows(n, start):
        for i in range(start, start + n):
            first = [words[(i + k) % 10] for k in range(4)]
            second = [words[(i + k * (1 + i % 3)) % 10] for k in range(4)]
            yield f"{' '.join(first)} {i}\t{' '.join(second)} {i}\t{len(set(first) & set(second))}"

    for name, n, start in (("train.tsv", 40, 0), ("dev.tsv", 20, 100), ("test.tsv", 20, 200)):
        (tmp_path / name).write_text("\n".join(["text\ttext2\tlabel", *rows(n, start)]) + "\n")
    return ["--task", "similarity", "--data", "."]


def test_what_is_printed_is_a_recipe_file_with_its_reasons(command, own_pairs, tiny_encoder, tmp_path):
    code, out, errors = command("recommend", *own_pairs, "--encoder", tiny_encoder, "--store", "store")
    assert code == 0, errors
    (tmp_path / "recipe.yaml").write_text(out)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert (recipe.head, recipe.epochs, recipe.bias_correction) == ("cosine", 40, True)
    assert set(yaml.safe_load(out)) == {"head", "stabilizers", "epochs", "learning_rate", "batch_size", "warmup",
                                        "bias_correction", "max_length"}  # fmt: skip
    said = " ".join(out.replace("\n# ", " ").split())
    assert "the encoder's plain cosine has r = 0." in said and "[Gu et al. 2021]" in said and "judgement]" in said
    assert "Nothing trained: the plain cosine of this encoder scores train and dev" in said
    assert "your store (store): no run of this kind with such an encoder" in said
    assert "Failure: 0 of 5 of the nearest runs above failed (those of this study: BIOSSES" in said
    assert "the paper: 75.5 to 93.5 on Table 2, BIOSSES" in said and "--seeds 1-10" in said

    code, out, _ = command("recommend", *own_pairs, "--encoder", tiny_encoder, "--sentence-tuned", "--json")
    found = json.loads(out)
    assert code == 0 and found["recipe"]["head"] == "cosine" and found["seeds"] == 10
    assert found["plain_cosine"]["n"] == 60 and found["situation"]["sentence_tuned"] is True


def test_own_tasks_are_fine_tuned_by_the_recommended_recipe_whose_runs_are_evidence_then(
    command, own_pairs, tiny_encoder, tmp_path
):
    told = ["--encoder", tiny_encoder, "--device", "cpu"]
    run = ["finetune", *own_pairs, *told, "--seeds", "1-2", "--out", "store", "--no-model", "--json"]
    code, out, errors = command(*run)
    assert code == 0, errors
    assert "recommended recipe: head cosine, stabilizers {}, epochs 40" in errors
    found = json.loads(out)
    assert found["trained"] == 2 and found["recipe"]["epochs"] == 40
    assert {split: own["n"] for split, own in found["plain_cosine"].items()} == {"dev": 20, "test": 20}

    code, out, errors = command(*run)
    assert code == 0 and json.loads(out)["reused"] == 2
    _, out, _ = command("recommend", *own_pairs, *told, "--store", "store", "--json")
    evidence = json.loads(out)["evidence"]
    assert (evidence[0]["origin"], evidence[0]["runs"], evidence[0]["seeds"]) == ("this task", 2, 2)
    low, high = evidence[0]["failed_interval"]
    assert low <= evidence[0]["failed"] / 2 <= high
    mean = 100 * found["summary"]["test"]["mean"]
    assert evidence[0]["low"] == pytest.approx(mean) == pytest.approx(evidence[0]["high"])

    code, _, errors = command(*run[:-1], "--recipe", "default", "--seeds", "1")
    assert code == 0 and "recommended recipe" not in errors
    code, _, errors = command(*run[:-1], "--recipe", "recomended")
    assert code == 2 and "recomended: cannot be read" in errors


def test_runs_below_the_plain_cosine_are_called_so(command, own_pairs, tiny_encoder, tmp_path):
    (tmp_path / "pair.yaml").write_text("epochs: 1\nlearning_rate: 1.0e-5\nmax_length: 64\n")
    told = ["--encoder", tiny_encoder, "--device", "cpu", "--recipe", "pair.yaml", "--seeds", "1-2", "--no-model"]
    run = ["finetune", *own_pairs, *told, "--out", "store"]
    code, out, errors = command(*run)
    assert code == 0, errors
    found = json.loads(command(*run, "--json")[1])
    assert found["summary"]["dev"]["mean"] < found["plain_cosine"]["dev"]["score"]
    assert "by dev these runs are worse than that: take the encoder as it is" in out
