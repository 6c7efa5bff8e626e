"""The model card states data, recipe, scores, failures and limitations, and escapes what users name."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from huggingface_hub import ModelCard

from blurbstudy.config import Recipe
from blurbstudy.inference.model_directory.card import model_card
from blurbstudy.inference.model_directory.heads import head_layout
from blurbstudy.inference.model_directory.settings import settings_of
from blurbstudy.models import Architecture
from blurbstudy.stats.status import NOT_TRAINED_RATIO
from blurbstudy.tasks import CustomForm, get_task

NUMBERS = {
    "n": 2,
    "n_scored": 2,
    "mean": 0.315,
    "runs": 2,
    "collapsed": 1,
    "collapse_interval": (0.0945, 0.9055),
    "trivial": 0.125,
    "n_noncollapsed": 1,
    "noncollapsed_mean": 0.625,
    "interval_over_seeds": None,
    "interval_over_seeds_by": "Student's t",
    "interval_over_examples": (0.5733, 0.6744),
    "interval_over_examples_by": "bootstrap over documents",
    "mixture_interval": None,
}
STABLE = NUMBERS | {
    "n_noncollapsed": 5,
    "n_scored": 5,
    "runs": 5,
    "collapsed": 0,
    "interval_over_seeds": (0.5139, 0.736),
}
SHOWN = {"status": "better than trivial", "status_reason": "", "loss_ratio": 0.123}
CONSTANT = {"status": "constant predictions", "status_reason": "", "loss_ratio": None}
RUN = {
    "id": "a" * 20,
    "seed": 1,
    "chosen": "the best by dev",
    "encoder": {"name": "tiny", "hub": "", "fingerprint": "f" * 20, "generated": False},
    "data": {"fingerprint": "d" * 20, "examples": {"train": 5134, "dev": 787, "test": 960}},
    "generated": False,
    "recipe": Recipe(learning_rate=3e-5, tag_scheme="io").to_dict(),
    "precision": "float32",
    "metric": "entity_f1",
    "scores": {"dev": 0.695, "test": 0.6162},
    "summary": {
        "dev": {"model": NUMBERS | {"mean": 0.695}, "seeds": NUMBERS},
        "test": {"model": NUMBERS | {"mean": 0.6162}, "seeds": NUMBERS},
    },
    "selection": {"seed": 1, "candidates": 2, "dev": 0.695, "dev_out_of_bag": 0.654, "dev_out_of_bag_reason": ""},
    "statuses": {
        "collapsed": 1,
        "no better than trivial": 0,
        "not judged": 0,
        "not shown better than trivial": 0,
        "better than trivial": 1,
    },
    "caveats": None,
    "undertrained": False,
    "all_failed": False,
    "seeds": [
        {"seed": 1, "dev": 0.695, "test": 0.6162, "id": "a" * 20} | SHOWN,
        {"seed": 2, "dev": 0.0, "test": None, "id": "b" * 20} | CONSTANT,
    ],
    "versions": {"torch": "2.13"},
}
ENCODER = Architecture(family="bert", vocab_size=50, n_layers=2, width=32, n_heads=4, intermediate=8)


def card(run=RUN, *, task="NCBI-disease", architecture=ENCODER, directory_name="my-model", **recipe):
    return rendered(get_task(task), run, architecture=architecture, directory_name=directory_name, **recipe)


def rendered(task, run=RUN, *, architecture=ENCODER, directory_name="my-model", **recipe):
    settings = settings_of(task, Recipe(**recipe))
    return model_card(task, settings, head_layout(architecture, settings.head), run, directory_name=directory_name)


def with_values(**values):
    return copy.deepcopy(RUN) | values


def test_the_card_has_scores_with_both_intervals_and_every_run():
    text = card()
    assert "| test, this model | 61.62 | [57.33, 67.44] |  |" in text
    assert "| test, mean of 1 seed without a collapsed run | 62.50 | [57.33, 67.44] | – |" in text
    assert "| 1 (this model) | 69.50 | 61.62 | 0.12 | better than trivial | aaaaaaaaaaaaaaaaaaaa |" in text
    assert "| 2 | 0.00 | – | – | constant predictions | bbbbbbbbbbbbbbbbbbbb |" in text
    assert (
        "Confidence intervals on test: bootstrap over documents (over examples); none below three runs that did not"
        in text
    )
    stable = card(with_values(summary={"test": {"model": STABLE | {"mean": 0.6162}, "seeds": STABLE}}))
    assert "| test, mean of 5 seeds | 62.50 | [57.33, 67.44] | [51.39, 73.60] |" in stable
    assert "bootstrap over documents (over examples); Student's t (over seeds)" in stable


def test_the_card_counts_statuses_and_says_what_they_mean():
    text = card()
    counts = (
        "1 collapsed / 0 no better than trivial / 0 not shown better than trivial / 1 better than trivial, of 2 runs"
    )
    assert (
        f"Status: {counts}; rate of collapse in %: 95% CI [9.45, 90.55]." in text
        and "not judged" not in text
        and "failed" not in text.split("## Runs")[0]
    )
    assert f"ends at {NOT_TRAINED_RATIO} times the loss" in text
    assert "All runs failed" not in text and "longer training" not in text and "last step's weights" not in text
    statuses = dict.fromkeys(RUN["statuses"], 0) | {"not judged": 2}
    one_document = with_values(statuses=statuses, undertrained=True)
    one_document["seeds"][0] |= {"status": "not judged", "status_reason": "dev is 1 document, too few for a bound"}
    text = card(one_document)
    assert "/ 2 not judged /" in text and "| not judged: dev is 1 document, too few for a bound |" in text
    assert "ended above half the loss of the best constant prediction" in text
    best_dev = RUN["recipe"] | {"checkpoint_selection": "best_dev"}
    assert "Status and loss ratio are those of the last step's weights" in card(with_values(recipe=best_dev))


def test_what_dev_decided_within_the_run_is_said_beside_its_scores():
    recipe = Recipe(checkpoint_selection="best_dev", early_stopping=2, threshold="dev", class_weights={"<b>": 2})
    text = card(
        with_values(recipe=recipe.to_dict(), threshold=0.35, stopped_at_step=1200, planned_steps=4000), task="HoC"
    )
    assert "Its threshold, 0.35, is the best on dev, for which nothing here corrects." in text
    assert "Training stopped early, after step 1,200 of 4,000" in text
    assert "| class weights | &lt;b> 2 |" in text and "| early stopping | 2 |" in text
    assert "threshold" not in card() and "stopped early" not in card() and "class weights" not in card()


def test_collapsed_runs_have_their_rate_and_the_mean_that_counts_them():
    seeds = STABLE | {"collapsed": 2, "n_noncollapsed": 3, "collapse_interval": (0.118, 0.769)}
    seeds |= {"mixture_interval": (0.12, 0.6)}
    text = card(with_values(summary={"test": {"model": STABLE, "seeds": seeds}}))
    assert "of 2 runs; rate of collapse in %: 95% CI [11.80, 76.90]." in text
    assert "Mean on test of all runs, collapsed ones included: 95% CI [12.00, 60.00]." in text
    gone = NUMBERS | {"n_noncollapsed": 0, "collapsed": 2, "noncollapsed_mean": None, "interval_over_examples": None}
    text = card(with_values(summary={"test": {"model": gone, "seeds": gone}}))
    assert "| test, mean of 2 seeds, all collapsed | 31.50 |" in text


def test_the_dev_score_of_the_selected_model_is_corrected():
    text = card()
    assert "| dev, this model, corrected for its selection | 65.40 |  |  |" in text
    assert "therefore too high. The better estimate is the test score. Corrected: in draws of dev's examples" in text
    untested = with_values(summary={"dev": RUN["summary"]["dev"]})
    text = card(untested)
    assert "The better estimate is the corrected one." in text
    assert [result.metric_value for result in ModelCard(text).data.eval_results] == [0.654]
    few = RUN["selection"] | {"dev_out_of_bag": None, "dev_out_of_bag_reason": "dev has 1 document"}
    text = card(untested | {"selection": few})
    assert "The better estimate is the mean over seeds. It is not corrected: dev has 1 document." in text
    assert [result.metric_value for result in ModelCard(text).data.eval_results] == [0.695]
    assert "selected by its dev score" not in card(with_values(selection=None))


def test_the_card_has_data_terms_recipe_limitations_and_citation():
    text = card()
    assert "train 5,134, dev 787, test 960" in text and get_task("NCBI-disease").terms in text
    assert "| learning rate | 3e-05 |" in text and "| tag scheme | io |" in text and "| head |" not in text
    assert "not intended for clinical decisions" in text and "were not calibrated" not in text
    assert "Tinn R" in text and "2021" in text


def test_the_hub_reads_the_front_matter_and_the_test_score():
    card_data = ModelCard(card()).data
    assert (card_data.pipeline_tag, card_data.language, card_data.library_name) == (
        "token-classification",
        "en",
        "transformers",
    )
    results = {result.dataset_split: result for result in card_data.eval_results}
    assert results["test"].metric_value == 0.6162 and results["dev"].metric_value == 0.695
    assert (results["test"].dataset_name, results["test"].metric_type) == ("NCBI-disease", "f1")
    generated = ModelCard(card(with_values(generated=True))).data.eval_results
    assert {result.dataset_name for result in generated} == {"NCBI-disease (synthetic)"}


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
def test_every_kind_of_task_has_usage_snippets(task, recipe, call):
    text = card(task=task, **recipe)
    assert call in text and "blurbstudy predict --model my-model" in text


def test_a_head_without_a_transformers_class_has_no_pipeline():
    projected = Architecture(
        family="electra", vocab_size=50, n_layers=1, width=32, n_heads=4, intermediate=8, embedding_width=16
    )
    text = card(task="GAD", architecture=projected)
    assert "Transformers has no class with the pooler head for ELECTRA encoders" in text
    assert "AutoModel.from_pretrained" in text and "import pipeline" not in text


def test_scores_on_synthetic_data_are_not_results():
    assert "are not results" in card(with_values(generated=True)) and "are not results" not in card()


def test_a_model_whose_runs_all_failed_has_a_warning():
    assert "**All runs failed; do not rely on this model.**" in card(with_values(all_failed=True))


def test_without_a_test_set_the_card_warns_that_no_score_is_independent():
    text = card(with_values(summary={"dev": RUN["summary"]["dev"]}))
    assert "There is no test set" in text and "| test, this model" not in text


def test_names_from_users_cannot_add_html_headings_or_metadata():
    name = "<script>alert(1)</script>\n# Title\n---\nlicense: mit {{ 7 + 7 }}"
    text = card(with_values(encoder=RUN["encoder"] | {"name": name}))
    body = text.split("\n---\n", 1)[1]
    assert "<script" not in body and "\n# Title" not in text and "{{ 7 + 7 }}" in body
    assert ModelCard(text).data.license is None


def test_names_from_users_cannot_add_links_images_or_code():
    name = "![seen](https://example.org/a.png) `x` *y* R&D [z]"
    body = card(with_values(encoder=RUN["encoder"] | {"name": name})).split("\n---\n", 1)[1]
    assert r"!\[seen\](https://example.org/a.png) \`x\` \*y\* R&amp;D \[z\]" in body and name not in body


def test_the_front_matter_claims_only_what_is_known():
    assert "library_name: sentence-transformers" in card(task="BIOSSES", head="cosine")
    assert "pipeline_tag: sentence-similarity" in card(task="BIOSSES", head="cosine")
    custom = rendered(dataclasses.replace(get_task("GAD"), custom=CustomForm()))
    assert "language:" not in custom and "biomedical" not in custom.split("\n---\n")[0]


def test_the_directory_name_is_quoted_in_commands():
    assert "blurbstudy predict --model 'my $(model)' FILE" in card(directory_name="my $(model)")
