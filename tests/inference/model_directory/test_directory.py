"""Transformers and blurbstudy load the same model from a model directory; other directories are refused in one line."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
import transformers

from blurbstudy.errors import CheckpointError
from blurbstudy.inference.model_directory.directory import load_classifier, read_model_directory
from blurbstudy.inference.model_directory.heads import head_layout, missing_in_transformers
from blurbstudy.models import pack
from blurbstudy.tasks import CustomForm
from blurbstudy.tasks.features import tokenize
from blurbstudy.tasks.task import Example, head_labels
from blurbstudy.training.evaluation import pack_features, packed_targets
from tests.inference.conftest import PAIRS, TEXTS

# Models whose head has no class in transformers.
ENCODERS = [
    ("modernbert", "ner", {}),
    ("modernbert", "question", {}),
    ("distilbert", "relation", {}),
    ("electra", "relation", {"projected": True}),
    ("bert", "similarity", {"head": "cosine"}),
    ("roberta", "similarity", {"head": "cosine"}),
    ("modernbert", "similarity", {"head": "cosine"}),
]
CASES = [
    ("bert", "ner", {}),
    ("bert", "ner", {"tag_scheme": "io"}),
    ("bert", "pico", {}),
    ("bert", "relation", {}),
    ("bert", "relation", {"head": "gelu"}),
    ("bert", "document", {}),
    ("bert", "question", {}),
    ("bert", "question", {"segment_ids": "single"}),
    ("bert", "similarity", {}),
    ("electra", "ner", {"projected": True}),
    ("electra", "relation", {"head": "gelu", "projected": True}),
    ("electra", "document", {"head": "gelu"}),
    ("electra", "question", {}),
    ("electra", "similarity", {"head": "gelu", "projected": True}),
    ("roberta", "ner", {}),
    ("roberta", "pico", {}),
    ("roberta", "relation", {}),
    ("roberta", "question", {}),
    ("roberta", "document", {"head": "gelu"}),
    ("roberta", "similarity", {}),
    ("xlm-roberta", "ner", {}),
    ("xlm-roberta", "question", {}),
    ("deberta-v2", "ner", {}),
    ("deberta-v2", "question", {}),
    ("deberta-v2", "relation", {"head": "gelu"}),
    ("deberta", "pico", {}),
    ("deberta", "question", {}),
    ("distilbert", "ner", {}),
    ("mpnet", "ner", {}),
    ("mpnet", "similarity", {}),
    ("camembert", "ner", {}),
    ("camembert", "document", {}),
]


def examples_of(task):
    label = {
        "token_labels": "O",
        "single_label": task.labels[0] if task.labels else "",
        "multi_label": "",
        "score": 1.0,
    }[task.output]
    if task.output == "token_labels":
        words = [text.split() for text in TEXTS]
        return [Example(str(i), str(i), tuple(text), " ".join(["O"] * len(text))) for i, text in enumerate(words)]
    texts = PAIRS if task.task_type in ("question", "similarity") else [(text,) for text in TEXTS]
    return [Example(str(i), str(i), parts, label) for i, parts in enumerate(texts)]


@torch.no_grad()
def our_outputs(model, tokenizer, task, recipe):
    """(targets, outputs) of the examples in their order."""
    features = tokenize(examples_of(task), tokenizer, task, max_length=recipe.max_length, segment_ids=recipe.layout)
    everything = list(range(len(features)))
    packing = pack_features(features, [everything], n_heads=model.architecture.n_heads)
    outputs = torch.empty(len(features.targets), model.outputs)
    targets = packed_targets(features, everything, packing.order[0])
    outputs[targets] = model(packing)[0, : len(targets)]
    return outputs


@torch.no_grad()
def their_outputs(folder, task):
    """The same with transformers alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    words = task.output == "token_labels"
    kind = transformers.AutoModelForTokenClassification if words else transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(folder)
    texts = [example.texts for example in examples_of(task)]
    if words:
        inputs = tokenizer(
            [list(words) for words in texts], is_split_into_words=True, padding=True, return_tensors="pt"
        )
        logits = model(**inputs).logits
        rows = []
        for row, text in enumerate(texts):
            ids = inputs.word_ids(row)
            rows += [logits[row, ids.index(word)] for word in range(len(text))]
        return model, torch.stack(rows)
    inputs = tokenizer(*map(list, zip(*texts, strict=True)), padding=True, truncation=True, return_tensors="pt")
    return model, model(**inputs).logits


@pytest.mark.parametrize(("family", "kind", "recipe"), CASES)
def test_transformers_gives_our_outputs_under_our_labels(write_random, family, kind, recipe):
    folder, model, task, recipe = write_random(family, kind, **recipe)
    ours = our_outputs(model, read_model_directory(folder).checkpoint.tokenizer(), task, recipe)
    theirs, outputs = their_outputs(folder, task)
    assert ours.std() > 0.02  # outputs differ between texts
    torch.testing.assert_close(outputs, ours, rtol=1e-5, atol=1e-5)
    labels = head_labels(task, recipe.tag_scheme) or ("score",)
    assert [theirs.config.id2label[index] for index in range(theirs.config.num_labels)] == list(labels)


@pytest.mark.parametrize(("family", "kind", "recipe"), CASES + ENCODERS)
def test_a_model_that_is_read_again_is_unchanged(write_random, family, kind, recipe):
    folder, model, task, recipe = write_random(family, kind, **recipe)
    directory = read_model_directory(folder)
    loaded = load_classifier(directory)
    tokenizer = directory.checkpoint.tokenizer()
    difference = our_outputs(loaded, tokenizer, task, recipe) - our_outputs(model, tokenizer, task, recipe)
    assert difference.abs().max() == 0
    assert (directory.task.task_type, directory.labels) == (task.task_type, head_labels(task, recipe.tag_scheme))
    assert not directory.task.files


def test_the_kind_of_problem_is_in_the_configuration(write_random):
    folder, *_ = write_random("bert", "document")
    config = json.loads((folder / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert transformers.AutoTokenizer.from_pretrained(folder).model_max_length == 32


def test_pickled_weights_are_not_read(write_random, tmp_path):
    folder, *_ = write_random("bert", "ner")
    (folder / "model.safetensors").unlink()
    witness = tmp_path / "executed"

    class Code:
        def __reduce__(self):
            return (open, (str(witness), "w"))

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Code()}))
    with pytest.raises(CheckpointError, match="pickled and may contain code"):
        read_model_directory(folder)
    (folder / "blurbstudy.json").unlink()
    with pytest.raises(CheckpointError, match="pickled weights"):
        read_model_directory(folder)
    assert not witness.exists()


def broken(folder, name, change):
    path = folder / name
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "blurbstudy.json").unlink(), "BertForTokenClassification"),
        (lambda folder: (folder / "blurbstudy.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "blurbstudy.json").write_text("[1]"), "expected a JSON object, got list"),
        (lambda folder: broken(folder, "blurbstudy.json", lambda v: v.update(format=9)), "format 9"),
        (lambda folder: broken(folder, "blurbstudy.json", lambda v: v.pop("tag_scheme")), "'tag_scheme'"),
        (lambda folder: broken(folder, "blurbstudy.json", lambda v: v.update(threshold=1.5)), "threshold 1.5"),
        (lambda folder: broken(folder, "blurbstudy.json", lambda v: v.update(head="pooler")), "does not fit a ner"),
        (lambda folder: broken(folder, "blurbstudy.json", lambda v: v.update(tag_scheme="io")), "has the labels"),
        (
            lambda folder: broken(folder, "blurbstudy.json", lambda v: v.update(max_length=131)),
            "exceeds the 130",
        ),
        (lambda folder: broken(folder, "config.json", lambda v: v.update(architectures=["BertModel"])), "BertModel"),
        (lambda folder: broken(folder, "config.json", lambda v: v.update(num_hidden_layers=3)), "lack"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"torn"), "cannot be read as weights"),
    ],
)
def test_corrupt_directories_are_refused_in_one_line(write_random, change, message):
    folder, *_ = write_random("bert", "ner")
    change(folder)
    with pytest.raises(CheckpointError) as error:
        read_model_directory(folder)
    assert message in str(error.value)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_folders_of_other_kinds_are_named(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, message in (
        (tmp_path, "run store"),
        ("file", "is a file"),
        ("empty", "not a model"),
        ("none", "no such"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_model_directory(tmp_path / name)


@pytest.mark.parametrize(("family", "kind", "recipe"), ENCODERS)
def test_without_a_class_for_the_head_transformers_loads_the_encoder(write_random, family, kind, recipe):
    folder, model, task, recipe = write_random(family, kind, **recipe)
    layout = head_layout(model.architecture, read_model_directory(folder).settings.head)
    assert (
        missing_in_transformers(layout, recipe.head).startswith("transformers has no class") or recipe.head == "cosine"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = examples_of(task)[0].texts[-1]
    ids = tokenizer(text, truncation=True, return_tensors="pt")
    with torch.no_grad():
        theirs = transformers.AutoModel.from_pretrained(folder).eval()(**ids)[0][0]
        packing = pack([[(ids["input_ids"][0].numpy(), 0 * ids["input_ids"][0].numpy())]], n_heads=4)
        ours = model.encoder(packing)[0, : len(theirs)]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_cosine_head_equals_sentence_transformers_mean_pooling(write_random):
    folder, model, task, recipe = write_random("bert", "similarity", head="cosine")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = transformers.AutoModel.from_pretrained(folder).eval()
    assert json.loads((folder / "1_Pooling" / "config.json").read_text())["pooling_mode_mean_tokens"]
    assert json.loads((folder / "modules.json").read_text())[1]["path"] == "1_Pooling"
    means = []
    for side in (0, 1):
        inputs = tokenizer([pair[side] for pair in PAIRS], padding=True, truncation=True, return_tensors="pt")
        mask = inputs["attention_mask"].unsqueeze(-1)
        with torch.no_grad():
            means.append((encoder(**inputs)[0] * mask).sum(1) / mask.sum(1))
    expected = torch.nn.functional.cosine_similarity(*means).unsqueeze(-1)
    outputs = our_outputs(load_classifier(read_model_directory(folder)), tokenizer, task, recipe)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)


def test_a_head_trained_on_scaled_scores_is_saved_to_output_unscaled_scores(write_random):
    form = CustomForm(center=50.0, scale=20.0)
    folder, model, task, recipe = write_random("bert", "similarity", custom=form)
    ours = our_outputs(model, transformers.AutoTokenizer.from_pretrained(folder), task, recipe)
    torch.testing.assert_close(their_outputs(folder, task)[1], ours * 20 + 50, rtol=1e-5, atol=1e-3)
    assert read_model_directory(folder).task.custom == CustomForm()
