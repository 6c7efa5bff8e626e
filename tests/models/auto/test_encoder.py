"""transformers' own modules behind our parts by depth: against transformers itself, and BERT by both ways."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from blurbstudy.models import (
    Architecture,
    Checkpoint,
    Classifier,
    DropoutStream,
    export_checkpoint,
    load_checkpoint,
    pack,
)
from blurbstudy.models.architecture import auto_architecture
from blurbstudy.models.auto.encoder import from_transformers
from blurbstudy.models.auto.introspection import WORD_EMBEDDINGS
from blurbstudy.training.optimizer import MemberHyperparameters, PopulationAdamW

LENGTHS = (5, 9, 9, 2, 7)
WEIGHT = torch.linspace(-1, 1, len(LENGTHS) * 3).view(-1, 3)


def make_batch(seed: int = 0, lengths=LENGTHS):
    rng = np.random.default_rng(seed)
    return [(rng.integers(5, 60, n), np.repeat([0, 1], [n // 2, n - n // 2])) for n in lengths]


def padded(batch, checkpoint):
    """The batch as transformers' users write it."""
    architecture = checkpoint.architecture
    size = max(len(ids) for ids, _ in batch)
    ids = torch.full((len(batch), size), architecture.pad_id)
    segments, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, (item, kinds) in enumerate(batch):
        ids[row, : len(item)], segments[row, : len(item)] = torch.from_numpy(item), torch.from_numpy(kinds)
        mask[row, : len(item)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    return inputs | ({"token_type_ids": segments} if architecture.n_segments > 1 else {})


def make_classifier(checkpoint, *, members=1, rows=None, head="pooler", seeds=(1, 2, 3)) -> Classifier:
    model = Classifier(checkpoint.architecture, members=members, outputs=3, head=head, rows=rows)
    for member in range(members):
        model.load_member(member, checkpoint, seed=seeds[member])
    return model


def by_hand(model, ours, inputs, member=0):
    """transformers' encoder, then a pooler and a head as one would write them."""
    first = model(**inputs)[0][:, 0]
    pooled = torch.tanh(first @ ours.pooler.dense.weight[member].T + ours.pooler.dense.bias[member])
    return pooled @ ours.head.weight[member].T + ours.head.bias[member]


def as_auto(checkpoint) -> Checkpoint:
    """A checkpoint of one of our own families, seen as one that only transformers has."""
    config = json.loads((checkpoint.path / "config.json").read_text())
    architecture = auto_architecture(config, "here")
    weights, missing = from_transformers(load_file(checkpoint.path / "model.safetensors"), architecture)
    assert not missing
    return replace(checkpoint, architecture=architecture, weights=weights)


@pytest.fixture(params=["bert", "electra", "roberta"])
def both_ways(request, tmp_path, make_base):
    """(our checkpoint, the same for transformers' module)."""
    positions = {"roberta": dict(max_position_embeddings=34, pad_token_id=1, type_vocab_size=1)}
    extra = {"electra": dict(embedding_size=8)} | positions
    make_base(request.param, **extra.get(request.param, {})).save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path)
    assert not ours.architecture.config
    return ours, as_auto(ours)


@pytest.mark.parametrize("members", [1, 3])
def test_logits_and_gradients_equal_those_of_transformers(other, members):
    _, model, checkpoint = other
    batch = make_batch()
    ours = make_classifier(checkpoint, members=members)
    packing = pack([batch] * members, n_heads=4)
    outputs = ours(packing)
    (outputs * WEIGHT[packing.order[0]]).sum().backward()
    for member in range(members):
        model.zero_grad()
        expected = by_hand(model, ours, padded(batch, checkpoint), member)
        torch.testing.assert_close(outputs[member, : len(batch)], expected[packing.order[0]], rtol=1e-4, atol=1e-5)
        (expected * WEIGHT).sum().backward()
        theirs = {name: p.grad for name, p in model.named_parameters() if p.requires_grad and "pooler" not in name}
        mine = {p.name: p.tensor.grad[member] for p in ours.depth_parameters() if p.name.startswith("encoder.")}
        assert len(mine) == len(theirs)
        named = ours.encoder.named_weights()
        for name, gradient in theirs.items():
            item = named[WORD_EMBEDDINGS if name == ours.encoder.layout.word_embeddings else name].grad[member]
            if "embeddings" not in name:
                torch.testing.assert_close(item, gradient, rtol=2e-3, atol=2e-4, msg=lambda m, n=name: f"{n}: {m}")
            else:  # rows that padding alone reads have a gradient of nearly nothing in transformers
                assert (item - gradient).norm() <= 2e-3 * gradient.norm() + 1e-4, name


def test_words_are_read_where_they_lie(other):
    _, model, checkpoint = other
    batch = make_batch()
    ours = make_classifier(checkpoint, members=2, head="token")
    reads = [np.arange(1, len(ids), 2) for ids, _ in batch]
    packing = pack([batch, batch], n_heads=4, output_positions=[reads, reads])
    with torch.no_grad():
        hidden = model(**padded(batch, checkpoint))[0]
        outputs = ours(packing)
    target = torch.cat([hidden[i, torch.from_numpy(reads[i])] for i in packing.order[1]])
    expected = target @ ours.head.weight[1].T + ours.head.bias[1]
    torch.testing.assert_close(outputs[1, : len(expected)], expected, rtol=1e-4, atol=1e-5)


def test_five_adamw_steps_equal_those_of_a_plain_loop(other):
    _, model, checkpoint = other
    ours = make_classifier(checkpoint, members=2, seeds=(4, 5))
    pooler, head = (torch.nn.Linear(16, n) for n in (16, 3))
    for layer, item in ((pooler, ours.pooler.dense), (head, ours.head)):
        layer.weight.data.copy_(item.weight.data[1])
        layer.bias.data.copy_(item.bias.data[1])
    base = {name: p for name, p in model.named_parameters() if p.requires_grad and "pooler" not in name}
    everything = [*base.values(), *pooler.parameters(), *head.parameters()]
    theirs = torch.optim.AdamW(
        [
            {"params": [p for p in everything if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in everything if p.ndim == 1], "weight_decay": 0.0},  # biases and norms
        ],
        lr=1e-3,
        eps=1e-6,
    )
    settings = MemberHyperparameters(lr_scales=(1.0,) * 5, weight_decay=0.1, max_grad_norm=0.5, bias_correction=True)
    mine = PopulationAdamW(list(ours.depth_parameters()), [settings] * 2, beta1=0.9, beta2=0.999, eps=1e-6)
    before = {name: p.detach().clone() for name, p in base.items()}
    for step in range(1, 6):
        batch = make_batch(seed=step)
        labels = torch.arange(len(batch)) % 3
        theirs.zero_grad()
        logits = head(torch.tanh(pooler(model(**padded(batch, checkpoint))[0][:, 0])))
        torch.nn.functional.cross_entropy(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(everything, 0.5)
        theirs.step()
        packing = pack([make_batch(seed=99), batch], n_heads=4)
        outputs = ours(packing)
        losses = [
            torch.nn.functional.cross_entropy(outputs[m, :5], labels[torch.from_numpy(packing.order[m])])
            for m in range(2)
        ]
        sum(losses).backward()
        mine.step([1e-3] * 2, [step] * 2)
    named = ours.encoder.named_weights()
    for name, expected in base.items():
        if name.endswith(("key.bias", "k_lin.bias", "attn.k.bias")):
            continue  # its true gradient is 0, so Adam moves it by rounding alone
        item = named[WORD_EMBEDDINGS if name == ours.encoder.layout.word_embeddings else name].data[1]
        moved = (expected - before[name]).norm()
        assert moved > 1e-4 and (item - expected).norm() / moved < 0.02, name


@pytest.mark.parametrize("head", ["pooler", "token"])
def test_berts_family_by_transformers_module_equals_our_encoder(both_ways, head):
    fast, slow = (make_classifier(each, members=2, head=head) for each in both_ways)
    batch = make_batch()
    positions = [[np.arange(len(ids)) for ids, _ in batch]] * 2 if head == "token" else None
    packing = pack([batch, batch], n_heads=4, output_positions=positions)
    weight = torch.linspace(-1, 1, packing.output_rows.rows.numel() * 3).view(2, -1, 3) * packing.target_mask.unsqueeze(
        -1
    )
    ours, theirs = fast(packing), slow(packing)
    torch.testing.assert_close(ours[packing.target_mask], theirs[packing.target_mask], rtol=1e-4, atol=1e-5)
    for outputs in (ours, theirs):
        (outputs * weight).sum().backward()
    names = {
        "embeddings.word_embeddings": "embeddings.word_embeddings",
        "layers.1.up.weight": "encoder.layer.1.intermediate.dense.weight",
    }
    names |= {"layers.2.down.bias": "encoder.layer.2.output.dense.bias"}
    for item, other in names.items():
        mine, reference = fast.encoder.named_weights()[item].grad, slow.encoder.named_weights()[other].grad
        assert (mine - reference).norm() <= 1e-3 * reference.norm(), item
    torch.testing.assert_close(fast.head.weight.grad, slow.head.weight.grad, rtol=1e-3, atol=1e-5)
    counts = [sum(p.tensor.numel() for p in each.depth_parameters() if p.depth == 2) for each in (fast, slow)]
    assert counts[0] == counts[1]


def test_some_rows_of_the_word_table_do_what_the_whole_does(other):
    _, _, checkpoint = other
    batch = make_batch()
    rows = np.unique(np.concatenate([ids for ids, _ in batch]))
    few = [(np.searchsorted(rows, ids), segments) for ids, segments in batch]
    full, cut = make_classifier(checkpoint), make_classifier(checkpoint, rows=torch.from_numpy(rows))
    assert cut.encoder.named_weights()[WORD_EMBEDDINGS].shape == (1, len(rows), 16)
    outputs = [model(pack([item], n_heads=4)) for model, item in ((full, batch), (cut, few))]
    torch.testing.assert_close(outputs[0], outputs[1])
    for each in outputs:
        each.square().sum().backward()
    gradients = [model.encoder.named_weights()[WORD_EMBEDDINGS].grad[0] for model in (full, cut)]
    torch.testing.assert_close(gradients[0][rows], gradients[1])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_is_a_members_own_and_has_the_recipes_rate(other, rate):
    _, _, checkpoint = other
    batch, longer = make_batch(), make_batch(3, (12, 4, 4))
    model = make_classifier(checkpoint, members=2)

    def outputs(members, batches, seeds, dropout=True):
        stream = DropoutStream(seeds, rate) if dropout else None
        with torch.no_grad(), model.select_members(members) as item:
            return item(pack(batches, n_heads=4), dropout=stream)

    state = torch.random.get_rng_state()
    beside = outputs([0, 1], [longer, batch], [5, 6])
    alone = outputs([1], [batch], [6])
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's numbers are drawn from
    torch.testing.assert_close(beside[1, :5], alone[0, :5])
    assert not torch.allclose(alone, outputs([1], [batch], [7]))
    sites = [site for site, name in model.encoder._dropouts if name == "p"]
    assert sites and all(site.p == rate for site in sites)
    torch.testing.assert_close(outputs([1], [batch], [6], dropout=False), outputs([1], [batch], [9], dropout=False))


def test_parameters_are_counted_as_transformers_counts_them(other):
    _, model, checkpoint = other
    pooler = sum(p.numel() for name, p in model.named_parameters() if name.startswith("pooler."))
    shape = checkpoint.architecture
    assert shape.n_parameters == model.num_parameters() - pooler
    layer = sum(p.numel() for p in make_classifier(checkpoint).layers[2].parameters())
    assert shape.with_layers(2).n_parameters == shape.n_parameters - layer
    reloaded = Architecture(**json.loads(json.dumps(shape.to_dict())))  # as a run store's facts keep it
    assert reloaded == shape and reloaded.n_parameters == shape.n_parameters


def test_what_layers_share_is_below_them_and_what_follows_is_with_the_head(other):
    family, _, checkpoint = other
    model = make_classifier(checkpoint)
    depths = {p.name.replace("/", "."): p.depth for p in model.depth_parameters()}
    assert {depth for name, depth in depths.items() if "encoder.layers.1." in name} == {2}
    assert {depth for name, depth in depths.items() if "rel_embeddings" in name or "relative_att" in name} <= {0}
    last = [name for name, depth in depths.items() if depth == 4 and name.startswith("encoder.")]
    assert last == (["encoder.final_norm.final_norm.weight"] if family == "modernbert" else [])
    decaying = {p.name.replace("/", ".") for p in model.depth_parameters() if p.decays}
    assert not [name for name in decaying if name.lower().endswith(("bias", "norm.weight"))]
    assert len(decaying) >= 15


def test_upper_layers_are_cut_off_and_written_as_transformers_reads_them(other, tmp_path):
    family, model, checkpoint = other
    cut = checkpoint.with_layers(2)
    assert len(make_classifier(cut).layers) == 2
    ours = make_classifier(cut)
    folder = export_checkpoint(ours.member_weights(0), cut.architecture, folder=tmp_path / "cut")
    reloaded = transformers.AutoModel.from_pretrained(folder).eval()
    assert type(reloaded) is type(model) and reloaded.config.num_hidden_layers == 2
    batch = make_batch()
    packing = pack([batch], n_heads=4)
    with torch.no_grad():
        expected = by_hand(reloaded, ours, padded(batch, checkpoint))[packing.order[0]]
        torch.testing.assert_close(ours(packing)[0, :5], expected, rtol=1e-4, atol=1e-5)
    assert load_checkpoint(folder).architecture.n_layers == 2
    if family == "modernbert":
        assert reloaded.config.layer_types == model.config.layer_types[:2] == ["full_attention", "sliding_attention"]


def test_a_head_model_of_transformers_is_read_as_its_encoder(tmp_path, make_base):
    model = make_base("deberta-v2")
    full = transformers.DebertaV2ForSequenceClassification(model.config)
    full.deberta.load_state_dict(model.state_dict())
    full.save_pretrained(tmp_path)
    actual = load_checkpoint(tmp_path).weights
    assert torch.equal(actual[WORD_EMBEDDINGS], model.embeddings.word_embeddings.weight.data)
    assert not any(name.startswith(("classifier", "deberta")) for name in actual)


def test_a_pooler_that_the_checkpoint_holds_is_loaded(tmp_path, make_base):
    model = make_base("mpnet")
    model.save_pretrained(tmp_path)
    ours = make_classifier(load_checkpoint(tmp_path))
    assert torch.equal(ours.pooler.dense.weight.data[0], model.pooler.dense.weight.data)
