"""The model card tells data, recipe, scores, failures and limits; what was generated is never a finding."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from blurbstudy.config import Recipe
from blurbstudy.inference.model_directory.card import model_card
from blurbstudy.inference.model_directory.heads import head_form
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.models import Architecture
from blurbstudy.tasks import CustomForm, get_task

NUMBERS = {
    "n": 2, "scored": 2, "mean": 0.625, "sd": 0.01, "worst": 0.61, "failed": 1, "failed_rate": 0.5, "trivial": 0.125,
    "interval_over_seeds": (0.5139, 0.736), "interval_over_examples": (0.5733, 0.6744),
    "interval_over_examples_by": "bootstrap over documents", "seeds_by": "Student's t",
}  # fmt: skip
RUN = {
    "id": "a" * 20,
    "seed": 1,
    "chosen": "the best by dev",
    "encoder": {"name": "tiny", "hub": "", "fingerprint": "f" * 20, "generated": False},
    "data": {"fingerprint": "d" * 20, "examples": {"train": 5134, "dev": 787, "test": 960}},
    "generated": False,
    "recipe": Recipe(learning_rate=3e-5, tagging="io").to_dict(),
    "precision": "float32",
    "metric": "entity_f1",
    "scores": {"dev": 0.695, "test": 0.6162},
    "summary": {
        "dev": {"model": NUMBERS | {"mean": 0.695, "interval_over_seeds": None}, "seeds": NUMBERS},
        "test": {"model": NUMBERS | {"mean": 0.6162, "interval_over_seeds": None}, "seeds": NUMBERS},
    },
    "seeds": [
        {"seed": 1, "dev": 0.695, "test": 0.6162, "failed": None, "id": "a" * 20},
        {"seed": 2, "dev": 0.0, "test": None, "failed": "constant predictions", "id": "b" * 20},
    ],
    "versions": {"torch": "2.13"},
}
ENCODER = Architecture(family="bert", vocab_size=50, n_layers=2, width=32, n_heads=4, intermediate=8)


def card(run=RUN, *, task="NCBI-disease", architecture=ENCODER, place="my-model", **recipe):
    known = get_task(task)
    settings = settings_of(known, Recipe(**recipe))
    return model_card(known, settings, head_form(architecture, settings.head), run, place=place)


def with_values(**values):
    return copy.deepcopy(RUN) | values


def test_scores_with_both_intervals_and_every_run_stand_in_the_card():
    text = card()
    assert "| test, this model | 61.62 | [57.33, 67.44] |  |" in text
    assert "| test, mean of 2 seeds | 62.50 | [57.33, 67.44] | [51.39, 73.60] |" in text
    assert "| 2 | 0.00 | – | constant predictions | bbbbbbbbbbbbbbbbbbbb |" in text
    assert "1 of 2 runs failed." in text and "All of them did" not in text
    assert "bootstrap over documents" in text and "Student's t" in text


def test_data_terms_recipe_limits_and_citation_stand_in_the_card():
    text = card()
    assert "train 5,134, dev 787, test 960" in text and get_task("NCBI-disease").terms in text
    assert "| learning rate | 3e-05 |" in text and "| tagging | io |" in text and "| head |" not in text
    assert "not meant for clinical decisions" in text and "were not tested" in text
    assert "Tinn R" in text and "2021" in text


@pytest.mark.parametrize(
    ("task", "recipe", "call"),
    [
        ("NCBI-disease", {}, 'pipeline("token-classification", model="my-model"'),
        ("HoC", {}, "top_k=None"),
        ("BioASQ", {}, '"text_pair"'),
        ("BIOSSES", {}, 'function_to_apply="none"'),
        ("BIOSSES", {"head": "cosine"}, "SentenceTransformer"),
    ],
)
def test_every_kind_says_how_it_is_used(task, recipe, call):
    text = card(task=task, **recipe)
    assert call in text and "blurbstudy predict --model my-model" in text


def test_a_head_that_no_class_has_is_no_pipeline():
    projected = Architecture(
        family="electra", vocab_size=50, n_layers=1, width=32, n_heads=4, intermediate=8, embedding_width=16
    )
    text = card(task="GAD", architecture=projected)
    assert "Transformers has no class with the pooler head over this ELECTRA encoder" in text
    assert "AutoModel.from_pretrained" in text and "import pipeline" not in text


def test_generated_data_are_no_finding():
    assert "no finding" in card(with_values(generated=True)) and "no finding" not in card()


def test_a_model_of_failed_runs_says_so():
    seeds = [one | {"failed": "not above the trivial score"} for one in RUN["seeds"]]
    assert "do not rely on it" in card(with_values(seeds=seeds))


def test_without_a_test_set_no_score_is_of_unseen_text():
    text = card(with_values(summary={"dev": RUN["summary"]["dev"]}))
    assert "There is no test set" in text and "| test, this model" not in text


def test_what_a_user_named_makes_no_html_and_no_second_table_cell():
    encoder = RUN["encoder"] | {"name": "<script>alert(1)</script>\n# Title"}
    text = card(with_values(encoder=encoder))
    assert "<script" not in text and "\n# Title" not in text


def test_what_a_user_named_makes_no_link_image_or_code():
    named = "![seen](https://example.org/a.png) `x` *y* R&D [z]"
    text = card(with_values(encoder=RUN["encoder"] | {"name": named}))
    assert r"!\[seen\](https://example.org/a.png) \`x\` \*y\* R&amp;D \[z\]" in text and named not in text


def test_the_front_says_what_the_model_is_and_nothing_that_nobody_knows():
    assert "pipeline_tag: token-classification" in card() and "language: en" in card()
    cosine = card(task="BIOSSES", head="cosine")
    assert "library_name: sentence-transformers\npipeline_tag: sentence-similarity" in cosine
    task = dataclasses.replace(get_task("GAD"), custom=CustomForm())
    settings = settings_of(task, Recipe())
    own = model_card(task, settings, head_form(ENCODER, settings.head), RUN, place="my-model")
    assert "language:" not in own and "biomedical," not in own


def test_a_directory_s_name_is_one_word_of_a_command():
    assert "blurbstudy predict --model 'my $(model)' FILE" in card(place="my $(model)")
