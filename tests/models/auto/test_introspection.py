"""Which encoders of transformers can be fine-tuned by depth; others are one clear line, and no code of theirs runs."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from blurbstudy.errors import CheckpointError
from blurbstudy.models import checkpoint_fingerprint, load_checkpoint, read_architecture
from blurbstudy.models.auto.introspection import module_layout


def change(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


@pytest.fixture
def saved(make_base, tmp_path):
    def save(family, **changes):
        make_base(family, **changes).save_pretrained(tmp_path)
        return tmp_path

    return save


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("albert", dict(embedding_size=8), "has no list of layers (ALBERT's layers share their weights)"),
        ("fnet", {}, "reads its padding: a text's output would depend on its batch"),
        ("gpt2", {}, "'gpt2' is not supported, it is not a bidirectional text encoder"),
        ("luke", dict(entity_vocab_size=9), "no output depends on its parameter 'entity_embeddings."),
    ],
)
def test_an_encoder_that_cannot_be_fine_tuned_by_depth_is_one_line(saved, family, settings, message):
    folder = saved(family, **settings)
    with pytest.raises(CheckpointError) as caught:
        read_architecture(folder)
    assert message in str(caught.value) and str(caught.value).startswith(f"{folder}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(model_type="my-bert"), "model_type 'my-bert' is not supported, transformers does not have it"),
        (dict(model_type=["deberta"]), "model_type ['deberta'] is not supported"),
        (dict(is_decoder=True), "not a bidirectional text encoder"),
        (dict(num_hidden_layers=0), "num_hidden_layers=0 is not a size"),
        (dict(num_hidden_layers="3"), "config.json is not a valid deberta-v2 configuration"),
        (dict(hidden_size=17), "transformers cannot build its deberta-v2 module"),
        (dict(vocab_size=61), r"fit config.json (embeddings.word_embeddings.weight has shape (60, 16), not (61, 16))"),
        (dict(num_hidden_layers=4), "weights lack 'encoder.layer.3."),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_line(saved, changes, message):
    folder = saved("deberta-v2")
    change(folder, **changes)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_layers_are_found_in_whatever_lists_hold_them(saved):
    actual = module_layout(read_architecture(saved("xlm", use_lang_emb=False)).config)
    assert (
        actual.layer_lists == ("attentions", "layer_norm1", "ffns", "layer_norm2")
        and actual.after_layers == frozenset()
    )
    assert actual.depth("ffns.2.lin1.weight", 3) == 3 and actual.depth("embeddings.weight", 3) == 0


@pytest.mark.parametrize(("family", "most", "segments"), [("mpnet", 32, 1), ("camembert", 32, 1), ("ernie", 32, 2)])
def test_lengths_and_segments_are_those_of_the_model(saved, family, most, segments):
    shape = read_architecture(saved(family))
    assert (shape.max_positions, shape.n_segments) == (most, segments)


def test_a_shape_says_nothing_of_where_precision_and_kernels_are_set(saved):
    folder = saved("modernbert")
    plain = read_architecture(folder)
    change(folder, dtype="bfloat16", _attn_implementation="someone/kernel", auto_map={"AutoModel": "x--y.Z"})
    assert read_architecture(folder) == plain


def test_weights_of_half_precision_become_float32(make_base, tmp_path):
    model = make_base("modernbert")
    model.half().save_pretrained(tmp_path)
    actual = load_checkpoint(tmp_path).weights
    assert {tensor.dtype for tensor in actual.values()} == {torch.float32}
    assert torch.equal(actual["embeddings.word_embeddings"].half(), model.embeddings.tok_embeddings.weight.data)


EVIL = "from pathlib import Path\nPath({touched!r}).write_text('run')\n"


class Evil:
    """What touches a file when it is unpickled."""

    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return (exec, (EVIL.format(touched=self.touched),))


@pytest.mark.parametrize("family", ["modernbert", "my-bert"])
def test_code_that_lies_in_a_checkpoint_is_never_run(saved, tmp_path, family, monkeypatch):
    folder, touched = saved("modernbert"), tmp_path / "touched"
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    (folder / "evil.py").write_text(EVIL.format(touched=str(touched)))
    names = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    change(folder, model_type=family, auto_map=names, trust_remote_code=True)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": [None, "evil.Tokenizer"]}, "tokenizer_class": "EvilTokenizer"})
    )
    (folder / "tokenizer.json").write_text("{}")
    if family == "my-bert":
        with pytest.raises(
            CheckpointError, match=r"transformers does not have it; custom code \(auto_map\) is never run"
        ):
            load_checkpoint(folder)
    else:
        checkpoint = load_checkpoint(folder)  # transformers' own module, without the code
        with pytest.raises(CheckpointError, match="the tokenizer cannot be read"):
            checkpoint.tokenizer()
    assert not touched.exists()


@pytest.mark.parametrize("full", [True, False])
def test_pickled_weights_are_read_as_tensors_alone(saved, tmp_path, full):
    folder, touched = saved("deberta-v2"), tmp_path / "touched"
    expected = load_checkpoint(folder).weights
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if full:
        torch.save(state, folder / "pytorch_model.bin")
        actual = load_checkpoint(folder).weights
        assert actual.keys() == expected.keys() and all(torch.equal(actual[n], expected[n]) for n in actual)
    with (folder / "pytorch_model.bin").open("wb") as stream:
        pickle.dump({"embeddings": Evil(str(touched))}, stream)
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin: cannot be read as weights") as caught:
        load_checkpoint(folder)
    assert not touched.exists() and "\n" not in str(caught.value)
    pickle.loads((folder / "pytorch_model.bin").read_bytes())  # the file is what it is said to be
    assert touched.exists()


def test_a_tokenizer_that_sets_nothing_before_a_text_is_refused(saved):
    folder = saved("deberta-v2")
    words = Tokenizer(WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    with pytest.raises(CheckpointError, match=r"adds no special token such as \[CLS\]"):
        load_checkpoint(folder).tokenizer()
    words.post_processor = TemplateProcessing(single="[UNK] $A", special_tokens=[("[UNK]", 0)])
    words.save(str(folder / "tokenizer.json"))
    assert load_checkpoint(folder).tokenizer()("a")["input_ids"] == [0, 1]


def test_sentence_pieces_that_cannot_be_read_are_one_line_and_part_of_the_fingerprint(saved):
    folder = saved("deberta-v2")
    without = checkpoint_fingerprint(folder)
    with pytest.raises(CheckpointError, match=r"no tokenizer; put tokenizer.json"):
        load_checkpoint(folder).tokenizer()
    (folder / "spm.model").write_bytes(b"torn")
    assert checkpoint_fingerprint(folder) != without
    with pytest.raises(CheckpointError, match="tokenizer cannot be read|has no fast tokenizer") as caught:
        load_checkpoint(folder).tokenizer()
    assert "\n" not in str(caught.value)
