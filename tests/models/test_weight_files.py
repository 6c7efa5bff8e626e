"""Weights in shards are the same encoder: for us, for transformers, and by fingerprint; an index is no authority."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from blurbstudy.errors import CheckpointError
from blurbstudy.models import (
    Architecture,
    checkpoint_fingerprint,
    export_checkpoint,
    load_checkpoint,
    random_checkpoint,
    read_architecture,
)
from blurbstudy.models.weight_files import weights_digests

SMALL = Architecture(family="bert", vocab_size=300, n_layers=3, width=16, n_heads=2, intermediate=24, max_positions=16)
SHARD = 25_000  # the largest tensor is the embeddings' 19,200 bytes
INDEX = "model.safetensors.index.json"


def export(folder, shard_bytes=0, architecture=SMALL):
    pooler = architecture.family != "electra"  # what is missing, transformers draws anew
    made = random_checkpoint(architecture, seed=3, pooler=pooler).weights
    return export_checkpoint(made, architecture, folder=folder, shard_bytes=shard_bytes)


@pytest.fixture
def full(tmp_path):
    return export(tmp_path / "whole")


@pytest.fixture
def sharded(tmp_path):
    return export(tmp_path / "sharded", SHARD)


def shards(folder):
    return sorted(path.name for path in folder.glob("model-*.safetensors"))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("family", ["bert", "electra", "roberta"])
def test_transformers_loads_the_same_model_from_shards_as_from_one_file(tmp_path, family):
    architecture = Architecture(**SMALL.to_dict() | {"family": family})
    each, many = export(tmp_path / "1", 0, architecture), export(tmp_path / "2", SHARD, architecture)
    assert len(shards(many)) > 1 and not (many / "model.safetensors").exists()
    a, b = (transformers.AutoModel.from_pretrained(folder) for folder in (each, many))
    assert same(a.state_dict(), b.state_dict())
    words = torch.arange(12).reshape(2, 6)
    with torch.no_grad():
        assert torch.equal(a.eval()(words).last_hidden_state, b.eval()(words).last_hidden_state)


def test_shards_load_as_one_file_does(full, sharded):
    assert same(load_checkpoint(sharded).weights, load_checkpoint(full).weights)
    assert read_architecture(sharded) == SMALL
    assert shards(sharded) == [f"model-{n:05d}-of-00002.safetensors" for n in (1, 2)]


@pytest.mark.parametrize("shard_bytes", [20_000, 22_222, 30_000, 35_000])
def test_the_bound_is_that_of_a_shards_tensors(tmp_path, shard_bytes):
    folder = export(tmp_path, shard_bytes)
    sizes = [sum(t.nbytes for t in load_file(folder / name).values()) for name in shards(folder)]
    assert len(sizes) > 1 and max(sizes) <= shard_bytes


def test_the_index_is_what_transformers_writes(tmp_path, sharded):
    transformers.AutoModel.from_pretrained(sharded).save_pretrained(tmp_path / "theirs", max_shard_size=SHARD)
    ours, theirs = (json.loads((folder / INDEX).read_text()) for folder in (sharded, tmp_path / "theirs"))
    assert ours["metadata"]["total_size"] == theirs["metadata"]["total_size"]
    assert ours["weight_map"].keys() == theirs["weight_map"].keys()
    assert same(load_checkpoint(tmp_path / "theirs").weights, load_checkpoint(sharded).weights)


def test_what_fits_into_one_shard_is_one_file_without_index(tmp_path, full):
    roomy = export(tmp_path / "roomy", 10**6)
    assert (roomy / "model.safetensors").read_bytes() == (full / "model.safetensors").read_bytes()
    assert not (roomy / INDEX).exists()


def test_a_tensor_larger_than_a_shard_gets_a_shard_of_its_own(tmp_path):
    folder = export(tmp_path, 15_000)
    table = "embeddings.word_embeddings.weight"
    index = json.loads((folder / INDEX).read_text())["weight_map"]
    assert [name for name, file in index.items() if file == index[table]] == [table]


def test_an_export_over_another_leaves_none_of_its_weights(tmp_path):
    folder = export(tmp_path, SHARD)
    export(folder, 20_000)
    assert 1 < len(shards(folder)) == int(shards(folder)[0].split("-of-")[1][:5])
    assert load_checkpoint(folder).fingerprint == checkpoint_fingerprint(folder)
    export(folder)
    assert shards(folder) == [] and not (folder / INDEX).exists() and (folder / "model.safetensors").exists()
    export(folder, SHARD)
    assert not (folder / "model.safetensors").exists()


# Fingerprints


@pytest.mark.parametrize("shard_bytes", [SHARD, 50_000, 10**6])
def test_a_fingerprint_does_not_depend_on_how_weights_are_divided(tmp_path, full, shard_bytes):
    assert checkpoint_fingerprint(export(tmp_path / "other", shard_bytes)) == checkpoint_fingerprint(full)


def test_the_fingerprint_follows_every_shard(sharded):
    seen = {checkpoint_fingerprint(sharded)}
    for name in shards(sharded):
        state = load_file(sharded / name)
        first = min(state)
        state[first].view(-1)[0] += 1
        save_file(state, sharded / name, metadata={"format": "pt"})
        seen.add(checkpoint_fingerprint(sharded))
    assert len(seen) == 1 + len(shards(sharded))


KINDS = (
    "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64 float8_e4m3fn float8_e5m2"
)


def test_shards_of_all_types_have_the_digest_of_one_file(tmp_path):
    state = {f"{i}.{kind}": torch.zeros(3, dtype=getattr(torch, kind)) for kind in KINDS.split() for i in ("b", "a")}
    state |= {"empty": torch.zeros(0, 2), "scalar": torch.tensor(1.5), 'odd "näme\n': torch.ones(1)}
    names = list(state)
    for number, item in enumerate((names[::2], names[1::2])):
        file = tmp_path / f"{number}.safetensors"
        save_file({name: state[name] for name in item}, file, metadata={"format": "pt"})
    index = {"weight_map": {name: f"{i % 2}.safetensors" for i, name in enumerate(names)}}
    (tmp_path / INDEX).write_text(json.dumps(index))
    (tmp_path / "one").mkdir()
    save_file(state, tmp_path / "one" / "model.safetensors")
    assert list(weights_digests(tmp_path)) == list(weights_digests(tmp_path / "one"))


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: {"b": tensor},
        lambda tensor: {"a": tensor.view(torch.int32)},
        lambda tensor: {"a": tensor.view(3, 2)},
        lambda tensor: {"a": tensor.view(2, 3) + torch.tensor([[0, 0, 0], [0, 0, 1]])},
    ],
    ids=["name", "type", "shape", "value"],
)
def test_the_digest_follows_name_type_shape_and_values(tmp_path, change):
    digests = []
    for number, state in enumerate(({"a": torch.ones(2, 3)}, change(torch.ones(2, 3)))):
        (tmp_path / str(number)).mkdir()
        save_file(state, tmp_path / str(number) / "model.safetensors")
        digests += [list(weights_digests(tmp_path / str(number)))]
    assert digests[0] != digests[1]


# Damage


def rewrite_index(folder, change):
    index = json.loads((folder / INDEX).read_text())
    change(index["weight_map"])
    (folder / INDEX).write_text(json.dumps(index))


def first_of(folder):
    return folder / shards(folder)[0]


def lose_a_tensor(folder):
    state = load_file(first_of(folder))
    del state[min(state)]
    save_file(state, first_of(folder), metadata={"format": "pt"})


def add_a_tensor(folder):
    save_file(load_file(first_of(folder)) | {"a.more": torch.zeros(1)}, first_of(folder), metadata={"format": "pt"})


def move_a_tensor(folder):
    last = shards(folder)[-1]
    rewrite_index(folder, lambda listed: listed.__setitem__(min(load_file(first_of(folder))), last))


DAMAGES = {
    "no shard": (lambda f: first_of(f).unlink(), r"shard 'model-00001-of-.*' is missing"),
    "outside": (lambda f: rewrite_index(f, lambda w: w.update(a="../whole/model.safetensors")), "is missing"),
    "a folder": (lambda f: rewrite_index(f, lambda w: w.update(a="..")), "shard '..' is missing"),
    "no name": (lambda f: rewrite_index(f, lambda w: w.update(a=3)), "shard '3' is missing"),
    "another's": (
        lambda f: save_file({"a": torch.zeros(1)}, f / "model-00009-of-00009.safetensors"),
        "'model-00009-of-00009.safetensors' is not in model.safetensors.index.json",
    ),
    "tensor lost": (lose_a_tensor, "lacks .* which is in the index"),
    "tensor more": (add_a_tensor, "contains 'a.more', which is not in the index"),
    "tensor moved": (move_a_tensor, "which is (not )?in the index"),
    "torn": (lambda f: first_of(f).write_bytes(first_of(f).read_bytes()[:200]), "cannot be read as weights"),
    "cut": (lambda f: first_of(f).write_bytes(first_of(f).read_bytes()[:-9]), "cannot be read as weights"),
    "text": (lambda f: first_of(f).write_text("no weights"), "cannot be read as weights"),
    "empty index": (lambda f: rewrite_index(f, dict.clear), "lists no tensor"),
    "index of text": (lambda f: (f / INDEX).write_text("{"), "not a weight index"),
    "index of a list": (lambda f: (f / INDEX).write_text("[]"), "not a weight index"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("read", [load_checkpoint, checkpoint_fingerprint])
def test_shards_that_are_not_what_the_index_says_are_one_clear_line(full, sharded, damage, read):
    spoil, message = DAMAGES[damage]
    spoil(sharded)
    with pytest.raises(CheckpointError, match=message) as caught:
        read(sharded)
    assert "\n" not in str(caught.value) and str(sharded) in str(caught.value)


def test_pickled_shards_are_held_to_their_index_too(full):
    state = load_file(full / "model.safetensors")
    names = sorted(state)
    for number, item in enumerate((names[::2], names[1::2])):
        torch.save({name: state[name] for name in item}, full / f"pytorch_model-{number}.bin")
    listed = {name: f"pytorch_model-{number % 2}.bin" for number, name in enumerate(names)}
    (full / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": listed}))
    expected = load_checkpoint(full).weights
    (full / "model.safetensors").unlink()
    assert same(load_checkpoint(full).weights, expected)
    listed.pop(names[0])
    (full / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(CheckpointError, match=f"contains '{names[0]}', which is not in the index"):
        load_checkpoint(full)
