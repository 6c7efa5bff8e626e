"""Checkpoints in and out, and every way in which one can be wrong."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from blurbstudy.errors import CheckpointError
from blurbstudy.models import (
    Architecture,
    Classifier,
    checkpoint,
    checkpoint_fingerprint,
    export_checkpoint,
    load_checkpoint,
    random_checkpoint,
    read_architecture,
)

SMALL = Architecture(family="bert", vocab_size=30, n_layers=2, width=8, n_heads=2, intermediate=12, max_positions=16)


@pytest.fixture
def folder(tmp_path):
    checkpoint = random_checkpoint(SMALL)
    return export_checkpoint(checkpoint.weights, SMALL, folder=tmp_path / "encoder")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_what_is_exported_loads_again_bit_for_bit(folder):
    reloaded = load_checkpoint(folder)
    assert reloaded.architecture == SMALL
    assert same(reloaded.weights, random_checkpoint(SMALL).weights)


def test_pickled_weights_load_as_safetensors_do(folder):
    expected = load_checkpoint(folder).weights
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert same(load_checkpoint(folder).weights, expected)


def test_sharded_weights_load_whole(folder):
    state = load_file(folder / "model.safetensors")
    expected = load_checkpoint(folder).weights
    names = sorted(state)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, item in shards.items():
        save_file({name: state[name] for name in item}, folder / shard)
    index = {"weight_map": {name: shard for shard, item in shards.items() for name in item}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    assert same(load_checkpoint(folder).weights, expected)
    (folder / "b.safetensors").rename(folder.parent / "b.safetensors")
    index["weight_map"] = {name: "../b.safetensors" for name in state}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"shard '../b.safetensors' is missing"):
        load_checkpoint(folder)
    index["weight_map"] = {name: shard for shard, item in shards.items() for name in item}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"shard 'b.safetensors' is missing"):
        load_checkpoint(folder)


def test_prefixes_and_tensorflow_names_are_understood(folder):
    state = load_file(folder / "model.safetensors")
    expected = load_checkpoint(folder).weights
    renamed = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
        for name, t in state.items()
    }
    save_file(renamed | {"cls.predictions.bias": torch.zeros(30)}, folder / "model.safetensors")
    assert same(load_checkpoint(folder).weights, expected)


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.bert.", "model.", "model.encoder.", "encoder.",
     "encoder.bert.", "module.encoder.model."],
)  # fmt: skip
def test_the_prefixes_of_wrappers_are_taken_off(folder, prefix):
    expected = load_checkpoint(folder).weights
    state = load_file(folder / "model.safetensors")
    save_file({prefix + name: tensor for name, tensor in state.items()}, folder / "model.safetensors")
    assert same(load_checkpoint(folder).weights, expected)


def damage_a_weight(folder, value):
    state = load_file(folder / "model.safetensors")
    state["encoder.layer.1.output.dense.weight"][3, 5] = value
    save_file(state, folder / "model.safetensors")


def replace_weights(folder, name, text=b""):
    (folder / "model.safetensors").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text)


def move_into(folder, name):
    (folder / name).mkdir()
    for file in ("config.json", "model.safetensors"):
        (folder / file).rename(folder / name / file)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 438\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: damage_a_weight(f, float("nan")),
            r"NaN or infinity in 1 of \d+ weights \(first layers.1.down.weight",
        ),
        (lambda f: damage_a_weight(f, float("-inf")), "NaN or infinity in 1 of"),
        (
            lambda f: (f / "model.safetensors").write_bytes(POINTER),
            "a Git LFS pointer instead of the weights.*git lfs pull",
        ),
        (lambda f: replace_weights(f, "pytorch_model.bin", POINTER), "a Git LFS pointer instead of the weights"),
        (lambda f: replace_weights(f, "tf_model.h5"), "TensorFlow weights alone"),
        (lambda f: replace_weights(f, "tf_model-00001-of-00002.h5"), "TensorFlow weights alone"),
        (lambda f: replace_weights(f, "model.ckpt.index"), "a TensorFlow checkpoint alone"),
        (lambda f: replace_weights(f, "flax_model.msgpack"), "Flax weights alone"),
        (lambda f: replace_weights(f, "model.onnx"), "an ONNX model alone"),
        (
            lambda f: replace_weights(f, "adapter_config.json"),
            "an adapter .PEFT. without the weights of its base model",
        ),
        (
            lambda f: replace_weights(f, "adapter_config.json") or (f / "config.json").unlink(),
            "an adapter .PEFT. without the weights of its base model",
        ),
        (
            lambda f: move_into(f, "0_Transformer"),
            "old sentence-transformers; name the folder of its encoder.*0_Transf",
        ),
    ],
)
def test_a_folder_that_holds_something_else_is_named_for_what_it_is(folder, damage, message):
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_a_masked_lm_of_transformers_loads_without_pooler(tmp_path):
    config = transformers.BertConfig(**{k: v for k, v in SMALL.to_config().items() if k != "architectures"})
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    assert not any(name.startswith("pooler") for name in load_checkpoint(tmp_path).weights)


ROBERTA = Architecture(
    family="roberta",
    vocab_size=30,
    n_layers=2,
    width=8,
    n_heads=2,
    intermediate=12,
    max_positions=16,
    n_segments=1,
    norm_eps=1e-5,
    pad_id=1,
)


def roberta_config(**changes):
    settings = {k: v for k, v in ROBERTA.to_config().items() if k != "architectures"}
    return transformers.RobertaConfig(**settings | changes)


def test_a_roberta_of_transformers_loads_with_the_positions_that_its_tokens_read(tmp_path):
    model = transformers.RobertaForMaskedLM(roberta_config())
    model.save_pretrained(tmp_path)
    actual = load_checkpoint(tmp_path)
    assert actual.architecture == ROBERTA  # 16 tokens at most: two of its 18 positions are for padding
    rows = model.roberta.embeddings.position_embeddings.weight.data
    assert rows.shape == (18, 8) and torch.equal(actual.weights["embeddings.position_embeddings"], rows[2:])
    assert not any(name.startswith("pooler") for name in actual.weights)


def test_what_a_roberta_config_leaves_unsaid_is_what_transformers_takes(tmp_path):
    model = transformers.RobertaModel(
        transformers.RobertaConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, vocab_size=30
        )
    )
    model.save_pretrained(tmp_path)
    left = ("hidden_act", "layer_norm_eps", "max_position_embeddings", "pad_token_id", "type_vocab_size")
    break_config(tmp_path, **dict.fromkeys(left))
    theirs, ours = transformers.AutoConfig.from_pretrained(tmp_path), load_checkpoint(tmp_path).architecture
    assert ours.pad_id == theirs.pad_token_id and ours.norm_eps == theirs.layer_norm_eps
    assert ours.max_positions + 2 == theirs.max_position_embeddings and ours.n_segments == theirs.type_vocab_size


def test_a_pooler_is_loaded_where_the_checkpoint_has_one_and_else_fresh_by_seed(tmp_path):
    """RoBERTa predicts no next sentence: what pooler a checkpoint has, others have trained, and most have none."""
    transformers.RobertaModel(roberta_config(hidden_size=64, num_hidden_layers=1)).save_pretrained(tmp_path)
    full = load_checkpoint(tmp_path)
    bare = replace(full, weights={n: t for n, t in full.weights.items() if not n.startswith("pooler")})

    def pooler(checkpoint, seed):
        model = Classifier(checkpoint.architecture, members=1, outputs=1, head="pooler")
        model.load_member(0, checkpoint, seed=seed)
        return model.pooler.dense.weight[0], model.pooler.dense.bias[0]

    assert torch.equal(pooler(full, 1)[0], full.weights["pooler.dense.weight"])
    (each, bias), (same_seed, _), (other, _) = (pooler(bare, seed) for seed in (1, 1, 2))
    assert torch.equal(each, same_seed) and not torch.equal(each, other)
    assert each.std().item() == pytest.approx(0.02, rel=0.1) and not bias.any()


def test_half_precision_weights_become_float32(folder):
    state = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(state, folder / "model.safetensors")
    assert {tensor.dtype for tensor in load_checkpoint(folder).weights.values()} == {torch.float32}


@pytest.mark.parametrize("architecture", [SMALL, ROBERTA], ids=lambda each: each.family)
def test_parameters_are_counted_as_transformers_counts_them(architecture, tmp_path):
    folder = export_checkpoint(random_checkpoint(architecture).weights, architecture, folder=tmp_path)
    model = transformers.AutoModel.from_pretrained(folder)
    pooler = sum(p.numel() for p in model.pooler.parameters())
    for_padding = architecture.padding_positions * architecture.width
    assert read_architecture(folder).n_parameters == model.num_parameters() - pooler - for_padding


def test_the_fingerprint_follows_weights_configuration_and_tokenizer(folder):
    first = checkpoint_fingerprint(folder)
    assert checkpoint_fingerprint(folder) == first
    (folder / "vocab.txt").write_text("[PAD]\n")
    second = checkpoint_fingerprint(folder)
    state = load_file(folder / "model.safetensors")
    state["pooler.dense.bias"][0] = 1
    save_file(state, folder / "model.safetensors")
    assert len({first, second, checkpoint_fingerprint(folder)}) == 3


def break_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: break_config(f, model_type="gpt2"),
            "model_type 'gpt2' is not supported, it is not a bidirectional text encoder",
        ),
        (lambda f: break_config(f, position_embedding_type="relative_key"), "only absolute position embeddings"),
        (lambda f: break_config(f, hidden_act="swish"), "activation 'swish' is not supported"),
        (lambda f: break_config(f, hidden_size=None), "config.json lacks 'hidden_size'"),
        (lambda f: break_config(f, num_hidden_layers=3), "weights lack 'encoder.layer.2"),
        (
            lambda f: break_config(f, vocab_size=31),
            r"embeddings.word_embeddings has shape \(30, 8\), config.json says \(31, 8\)",
        ),
        (lambda f: break_config(f, num_attention_heads=0), "n_heads=0 is not a size"),
        (lambda f: break_config(f, num_hidden_layers="2"), "n_layers='2' is not a size"),
        (lambda f: break_config(f, num_hidden_layers=-1), "n_layers=-1 is not a size"),
        (lambda f: break_config(f, layer_norm_eps="x"), "norm_eps='x' is out of bounds"),
        (lambda f: break_config(f, max_position_embeddings="16"), "max_positions='16' is not a size"),
        (
            lambda f: break_config(f, model_type="roberta", max_position_embeddings="16"),
            "max_positions='16' is not a size",
        ),
        (lambda f: break_config(f, model_type="roberta", max_position_embeddings=1), "max_positions=0 is not a size"),
        (lambda f: break_config(f, model_type="roberta", pad_token_id="1"), "pad_id='1' is not a token id"),
        (lambda f: break_config(f, pad_token_id=-1), "pad_id=-1 is not a token id"),
        (
            lambda f: torch.save({3: torch.zeros(1)}, f / "pytorch_model.bin") or (f / "model.safetensors").unlink(),
            "expected a dictionary of named tensors",
        ),
        (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights; put model.safetensors or pytorch_model.bin"),
        (lambda f: (f / "model.safetensors").write_bytes(b"torn"), "cannot be read as weights"),
    ],
)
def test_a_wrong_checkpoint_is_one_clear_line(folder, damage, message):
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


class Evil:
    def __reduce__(self):
        import os

        return os.mkdir, ("evil",)


def test_code_in_a_pickle_is_not_run(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"a": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_checkpoint(folder)
    assert not (tmp_path / "evil").exists()


def test_tokenizers_of_byte_level_bpe_are_read_from_either_form_and_are_part_of_the_fingerprint(tiny_roberta, tmp_path):
    folder = shutil.copytree(tiny_roberta, tmp_path / "files")
    first = load_checkpoint(folder)
    text = ("A drug of 5 μM.", " and a pair")
    assert not (folder / "tokenizer.json").exists()
    reloaded = export_checkpoint(
        first.weights, first.architecture, folder=tmp_path / "again", tokenizer=first.tokenizer()
    )
    assert (reloaded / "tokenizer.json").exists()
    expected = transformers.AutoTokenizer.from_pretrained(tiny_roberta)(*text)["input_ids"]
    for each in (first, load_checkpoint(reloaded)):
        assert each.tokenizer()(*text)["input_ids"] == expected
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    (folder / "merges.txt").write_text("\n".join(merges[:-1]) + "\n", encoding="utf-8")
    assert load_checkpoint(folder).fingerprint != first.fingerprint
    assert load_checkpoint(folder).tokenizer_digest() != load_checkpoint(tiny_roberta).tokenizer_digest()
    (folder / "merges.txt").unlink()
    with pytest.raises(CheckpointError, match=r"no tokenizer; .*RoBERTa: vocab.json and merges.txt"):
        load_checkpoint(folder).tokenizer()


def test_a_missing_folder_and_an_unreachable_hub_id_are_told_apart():
    with pytest.raises(CheckpointError, match="no such directory"):
        load_checkpoint("./no/such/folder/here")
    with pytest.raises(CheckpointError, match="neither a local directory nor downloadable"):
        load_checkpoint("nobody/no-such-encoder")


def test_a_checkpoint_without_tokenizer_says_so(folder):
    with pytest.raises(CheckpointError, match="no tokenizer; put tokenizer.json or vocab.txt"):
        load_checkpoint(folder).tokenizer()


SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"]
CASED = [*SPECIAL, "the", "The", "p", "P", "##53", "gene", "é"]
UNCASED = [*SPECIAL, "the", "p", "##53", "gene", "e"]


def bare(folder, entries):
    """A checkpoint with a vocab.txt alone for a tokenizer, as several on the Hub."""
    (folder / "vocab.txt").write_text("\n".join(entries) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("entries", "expected"),
    [(CASED, ["The", "P", "##53", "gene", "é"]), (UNCASED, ["the", "p", "##53", "gene", "e"])],
    ids=["cased", "uncased"],
)
def test_a_bare_vocabulary_is_cased_where_its_entries_are(folder, entries, expected):
    """Transformers lower-cases both, so that a cased BERT such as BioBERT never sees a capital."""
    assert load_checkpoint(bare(folder, entries)).tokenizer().tokenize("The P53 gene é") == expected


def test_what_the_files_say_of_case_stands(folder):
    bare(folder, CASED)
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    assert load_checkpoint(folder).tokenizer().tokenize("The gene") == ["the", "gene"]


def test_reading_a_vocabulary_as_cased_is_part_of_the_fingerprint(folder, monkeypatch):
    """Runs and features made when such a tokenizer was lower-cased are not taken for those of today."""
    cased = load_checkpoint(bare(folder, CASED))
    digest = cased.tokenizer_digest()
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    explicit = load_checkpoint(folder)
    assert (digest, cased.fingerprint) != (explicit.tokenizer_digest(), explicit.fingerprint)
    (folder / "tokenizer_config.json").unlink()
    monkeypatch.setattr(checkpoint, "is_cased_by_vocabulary", lambda _: False)  # as it was before
    before = load_checkpoint(folder)
    assert digest != before.tokenizer_digest() and cased.fingerprint != before.fingerprint


def test_an_encoder_older_than_model_type_is_berts(folder):
    bare(folder, UNCASED)
    expected = load_checkpoint(folder).weights
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"], config["architectures"]
    (folder / "config.json").write_text(json.dumps(config))
    reloaded = load_checkpoint(folder)
    assert reloaded.architecture == SMALL and same(reloaded.weights, expected)
    assert reloaded.tokenizer().tokenize("The gene") == ["the", "gene"]
    (folder / "config.json").write_text(json.dumps(config | {"embedding_size": 4}))
    with pytest.raises(CheckpointError, match="model_type None is not supported"):
        read_architecture(folder)
