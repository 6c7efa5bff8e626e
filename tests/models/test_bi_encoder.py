"""The cosine of two texts encoded apart, against AutoModel with mean pooling by hand, as sentence-transformers does."""

import numpy as np
import pytest
import torch
import transformers

from blurbstudy.models import Classifier, load_checkpoint, pack

VOCABULARY = 60
PAD = {"roberta": 1}
CONFIGS = {"bert": "BertConfig", "electra": "ElectraConfig", "roberta": "RobertaConfig"}
FAMILIES = ["bert", "electra", "roberta"]
LENGTHS = [((5, 9), (2, 7), (9, 3)), ((4, 4),), ((6, 11), (3, 3), (8, 2), (7, 7))]  # per member, of its pairs' texts


@pytest.fixture(params=FAMILIES)
def reference(request, tmp_path):
    """A family, transformers' encoder without pooler, and our checkpoint of it."""
    torch.manual_seed(5)
    shape = dict(
        vocab_size=VOCABULARY,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    item = {"electra": {"embedding_size": 8}, "roberta": {"type_vocab_size": 1, "pad_token_id": PAD["roberta"]}}
    config = getattr(transformers, CONFIGS[request.param])(**shape | item.get(request.param, {}))
    model = transformers.AutoModel.from_config(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, 1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.2)
    model.save_pretrained(tmp_path)
    return request.param, model.eval(), load_checkpoint(tmp_path)


def make_pairs(lengths, *, seed: int):
    """Both texts of each pair one after another: (ids, segments) each."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(2, VOCABULARY, n), np.zeros(n, np.int64)) for pair in lengths for n in pair]


def pooled_by_hand(model, texts, *, family):
    """(texts, width): means over real tokens of a padded batch."""
    size = max(len(ids) for ids, _ in texts)
    ids = torch.full((len(texts), size), PAD.get(family, 0))
    mask = torch.zeros(len(texts), size, dtype=torch.long)
    for row, (item, _) in enumerate(texts):
        ids[row, : len(item)] = torch.from_numpy(item)
        mask[row, : len(item)] = 1
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def cosines_by_hand(model, texts, *, family):
    means = pooled_by_hand(model, texts, family=family)
    return torch.cosine_similarity(means[0::2], means[1::2])


def ours_of(checkpoint, members: int) -> Classifier:
    model = Classifier(checkpoint.architecture, members=members, outputs=1, head="cosine")
    for member in range(members):
        model.load_member(member, checkpoint, seed=0)
    return model


def test_cosines_of_members_with_unequal_batches_equal_mean_pooling_by_hand(reference):
    family, model, checkpoint = reference
    batches = [make_pairs(lengths, seed=index) for index, lengths in enumerate(LENGTHS)]
    packing = pack(batches, n_heads=4, paired=True)
    with torch.no_grad():
        actual = ours_of(checkpoint, 3)(packing)
        assert actual.shape == (3, 4, 1) and packing.target_mask.sum(1).tolist() == [3, 1, 4]
        for member, texts in enumerate(batches):
            expected = cosines_by_hand(model, texts, family=family)
            torch.testing.assert_close(actual[member, : len(expected), 0], expected, rtol=1e-4, atol=1e-5)
            alone = ours_of(checkpoint, 1)(pack([texts], n_heads=4, paired=True))
            torch.testing.assert_close(actual[member, : len(expected)], alone[0], rtol=1e-4, atol=1e-5)


def test_gradients_of_its_squared_error_equal_those_of_torch(reference):
    family, model, checkpoint = reference
    texts = make_pairs(LENGTHS[2], seed=3)
    gold = torch.tensor([0.1, 0.9, 0.4, 0.7])
    (cosines_by_hand(model, texts, family=family) - gold).square().mean().backward()
    ours = ours_of(checkpoint, 2)
    actual = ours(pack([texts] * 2, n_heads=4, paired=True))[..., 0]
    (actual - gold).square().mean(1).sum().backward()
    pairs = [("words", ours.embeddings.word_embeddings, model.embeddings.word_embeddings.weight)]
    for i, (item, other) in enumerate(zip(ours.layers, model.encoder.layer, strict=True)):
        pairs += [(f"layer {i} up", item.up.weight, other.intermediate.dense.weight)]
        pairs += [(f"layer {i} norm", item.output_norm.weight, other.output.LayerNorm.weight)]
    for name, mine, theirs in pairs:
        assert theirs.grad.abs().max() > 1e-5, name
        for member in range(2):
            torch.testing.assert_close(
                mine.grad[member], theirs.grad, rtol=2e-3, atol=1e-5, msg=lambda m, n=name: n + m
            )


def test_a_cosine_head_has_no_weights_and_its_depth_is_empty(reference):
    ours = ours_of(reference[2], 1)
    assert ours.depths()[-1] == [] and len(ours.depths()) == 5
    assert {parameter.depth for parameter in ours.depth_parameters()} == {0, 1, 2, 3}
    assert set(dict(ours.named_parameters())) == {f"encoder.{n}" for n, _ in ours.encoder.named_parameters()}
