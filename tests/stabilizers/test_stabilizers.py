"""Each technique: exactly which parameters it touches, at which rate; switched off, nothing."""

import pytest
import torch

from blurbstudy.config import Recipe
from blurbstudy.errors import ParameterError
from blurbstudy.models import Architecture, Checkpoint, Classifier, random_checkpoint
from blurbstudy.stabilizers import (
    STABILIZERS,
    BiasCorrection,
    Freeze,
    LayerwiseDecay,
    LongerTraining,
    Reinitialize,
    RemoveLayers,
    canonical,
    check_recipe,
    depth_plan,
    stabilize,
    stabilizers_of,
)
from blurbstudy.training.population import apply_to_member

LAYERS = 4
ARCHITECTURE = Architecture(
    family="electra",
    vocab_size=20,
    n_layers=LAYERS,
    width=8,
    n_heads=2,
    intermediate=8,
    max_positions=8,
    embedding_width=4,
)
CHECKPOINT = random_checkpoint(ARCHITECTURE, pooler=True)
ROBERTA = Architecture(
    family="roberta",
    vocab_size=20,
    n_layers=LAYERS,
    width=8,
    n_heads=2,
    intermediate=8,
    max_positions=8,
    n_segments=1,
    norm_eps=1e-5,
    pad_id=1,
)


def make_model(recipe: Recipe, seed: int = 5, checkpoint: Checkpoint = CHECKPOINT) -> Classifier:
    plan = depth_plan(recipe, checkpoint.architecture.n_layers)
    cut = checkpoint.with_layers(plan.n_layers)
    model = Classifier(cut.architecture, members=2, outputs=1, head="pooler")
    for member in range(2):
        model.load_member(member, cut, seed=seed)
    apply_to_member(recipe, model, 1, seed=seed)
    return model


def changed_depths(model: Classifier) -> set[int]:
    """Depths at which member 1 differs from member 0, which no technique touched."""
    return {p.depth for p in model.depth_parameters() if not torch.equal(p.tensor[0], p.tensor[1])}


IDLE = [
    Freeze(0),
    LayerwiseDecay(1.0),
    LayerwiseDecay(1.0, "electra"),
    Reinitialize(0, pooler=False),
    RemoveLayers(0),
    BiasCorrection(True),
    LongerTraining(20),
]


@pytest.mark.parametrize("stabilizer", IDLE, ids=lambda s: s.name)
def test_switched_off_a_technique_changes_nothing(stabilizer):
    recipe = stabilize(Recipe(), stabilizer)
    assert recipe == Recipe()
    assert changed_depths(make_model(recipe)) == set()
    assert set(depth_plan(recipe, LAYERS).lr_scales) == {1.0}


def test_every_technique_names_itself_and_its_source():
    names = [cls.name for cls in STABILIZERS]
    assert len(set(names)) == len(names) == 6
    assert all(cls.title and cls.source for cls in STABILIZERS)


@pytest.mark.parametrize(
    ("layers", "scales"),
    [
        ("embeddings", [0, 1, 1, 1, 1, 1]),
        (1, [0, 0, 1, 1, 1, 1]),
        (3, [0, 0, 0, 0, 1, 1]),
        (4, [0, 0, 0, 0, 0, 1]),
    ],
)
def test_freezing_stops_embeddings_and_the_lowest_layers(layers, scales):
    recipe = stabilize(Recipe(), Freeze(layers))
    assert list(depth_plan(recipe, LAYERS).lr_scales) == scales
    assert changed_depths(make_model(recipe)) == set()


def test_freezing_takes_electras_projection_with_the_embeddings():
    model = make_model(Recipe())
    assert {p.depth for p in model.depth_parameters() if "projection" in p.name} == {0}


def test_decay_gives_the_top_layer_one_power_and_the_embeddings_most():
    plan = depth_plan(stabilize(Recipe(), LayerwiseDecay(0.5)), LAYERS)
    assert list(plan.lr_scales) == [0.5**5, 0.5**4, 0.5**3, 0.5**2, 0.5, 1.0]


def test_electras_own_convention_has_one_power_more_below_the_head():
    plan = depth_plan(stabilize(Recipe(), LayerwiseDecay(0.5, "electra")), LAYERS)
    assert list(plan.lr_scales) == [0.5**6, 0.5**5, 0.5**4, 0.5**3, 0.5**2, 1.0]


@pytest.mark.parametrize(
    ("layers", "pooler", "fresh"), [(1, True, {4, 5}), (2, False, {3, 4}), (0, True, {5}), (4, True, {1, 2, 3, 4, 5})]
)
def test_reinitialization_touches_the_top_layers_and_the_pooler_alone(layers, pooler, fresh):
    recipe = stabilize(Recipe(), Reinitialize(layers, pooler))
    model = make_model(recipe)
    assert changed_depths(model) == fresh
    assert depth_plan(recipe, LAYERS).reinitialized == fresh
    assert torch.equal(model.head.weight[0], model.head.weight[1])  # always fresh, and the same by seed


@pytest.mark.parametrize(
    ("techniques", "fresh", "layers"),
    [
        ([Reinitialize(1)], {4, 5}, 4),
        ([Reinitialize(2, pooler=False)], {3, 4}, 4),
        ([RemoveLayers(3)], set(), 1),
        ([RemoveLayers(2), Reinitialize(1), Freeze(1)], {2, 3}, 2),
        ([Freeze(3), LayerwiseDecay(0.5)], set(), 4),
    ],
)
def test_roberta_has_the_depths_of_the_others(techniques, fresh, layers):
    recipe, roberta = stabilize(Recipe(), *techniques), random_checkpoint(ROBERTA)
    model = make_model(recipe, checkpoint=roberta)
    assert len(model.layers) == layers and changed_depths(model) == fresh
    mine, others = ({(p.name, p.depth) for p in first.depth_parameters()} for first in (model, make_model(recipe)))
    assert mine == {(name, depth) for name, depth in others if "projection" not in name}
    for depth in set(range(1, layers + 1)) - fresh:
        name = f"layers.{depth - 1}.up.weight"
        assert torch.equal(model.layers[depth - 1].up.weight[1], roberta.weights[name])


@pytest.mark.parametrize(
    ("techniques", "fresh", "layers"),
    [
        ([Reinitialize(1)], {3, 4}, 3),
        ([Reinitialize(2, pooler=False)], {2, 3}, 3),
        ([RemoveLayers(2)], set(), 1),
        ([RemoveLayers(1), Reinitialize(1), Freeze(1)], {2, 3}, 2),
        ([Freeze(3), LayerwiseDecay(0.5)], set(), 3),
    ],
)
def test_encoders_of_transformers_own_have_the_depths_of_the_others(other, techniques, fresh, layers):
    family, theirs, checkpoint = other
    recipe = stabilize(Recipe(), *techniques)
    model = make_model(recipe, checkpoint=checkpoint)
    assert len(model.layers) == layers and changed_depths(model) == fresh
    assert {p.depth for p in model.depth_parameters()} == set(range(layers + 2))
    table = theirs.get_input_embeddings().weight.data
    assert torch.equal(model.encoder.named_weights()["embeddings.word_embeddings"].data[1], table)
    weights = dict(theirs.named_parameters())
    for depth in set(range(1, layers + 1)) - fresh:
        for name, weight in model.layers[depth - 1].weights():
            assert torch.equal(weight.data[1], weights[name].data)


def test_fresh_layers_of_encoders_of_transformers_own_are_drawn_as_berts_are(other):
    model = make_model(stabilize(Recipe(), Reinitialize(3)), checkpoint=other[2])
    parameters = [weight for layer in model.layers for _, weight in layer.weights()]
    matrices = torch.cat([weight.data[1].flatten() for weight in parameters if weight.ndim > 2])
    assert matrices.std().item() == pytest.approx(0.02, rel=0.1)
    for layer in model.layers:
        for name, weight in layer.weights():
            if weight.ndim == 2:
                assert (weight.data[1] == (0 if name.endswith("bias") else 1)).all(), name


def test_fresh_layers_are_drawn_as_bert_draws_them():
    model = make_model(stabilize(Recipe(), Reinitialize(LAYERS)))
    weights = torch.cat([layer.up.weight[1].flatten() for layer in model.layers])
    assert weights.std().item() == pytest.approx(0.02, rel=0.2)
    layer = model.layers[0]
    assert (layer.output_norm.weight[1] == 1).all() and (layer.output_norm.bias[1] == 0).all()
    assert (layer.attention.qkv.bias[1] == 0).all()


def test_fresh_layers_depend_on_the_seed():
    recipe = stabilize(Recipe(), Reinitialize(1))
    first, same, other = (make_model(recipe, seed=seed).layers[-1].up.weight[1] for seed in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_removal_takes_layers_from_the_top():
    recipe = stabilize(Recipe(), RemoveLayers(3))
    model = make_model(recipe)
    assert len(model.layers) == 1
    assert torch.equal(model.layers[0].up.weight[1], CHECKPOINT.weights["layers.0.up.weight"])
    assert depth_plan(recipe, LAYERS).removed == 3


def test_bias_correction_and_longer_training_are_fields_of_the_recipe():
    recipe = stabilize(Recipe(), BiasCorrection(False), LongerTraining(100))
    assert recipe == Recipe(bias_correction=False, epochs=100)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ({"reinitialize": {"layers": 1}}, {"reinitialize": {"layers": 1, "pooler": True}}),
        ({"layerwise_decay": {"factor": 1}}, {}),
        ({"layerwise_decay": {"factor": 0.9}}, {"layerwise_decay": {"factor": 0.9, "convention": "paper"}}),
        ({"freeze": {"layers": 0}}, {}),
    ],
)
def test_settings_left_out_and_idle_techniques_make_no_other_run(short, full):
    assert canonical(Recipe(stabilizers=short)) == Recipe(stabilizers=full)


def test_techniques_compose_in_one_order_however_they_are_named():
    parts = [RemoveLayers(1), Reinitialize(1), Freeze(1), LayerwiseDecay(0.5)]
    forwards, backwards = stabilize(Recipe(), *parts), stabilize(Recipe(), *reversed(parts))
    assert forwards == backwards
    assert [type(s) for s in stabilizers_of(backwards)] == [RemoveLayers, Reinitialize, Freeze, LayerwiseDecay]
    plan = depth_plan(backwards, LAYERS)
    assert list(plan.lr_scales) == [0, 0, 0.25, 0.5, 1.0] and plan.reinitialized == {3, 4}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([Freeze(14)], "freeze=14 exceeds the encoder's 4 layers; use 0 to 4"),
        ([Reinitialize(5)], "reinitialize=5 exceeds the encoder's 4 layers; use 0 to 4"),
        ([RemoveLayers(4)], "remove_layers=4 leaves nothing of the encoder's 4 layers; use 0 to 3"),
        ([RemoveLayers(2), Freeze(3)], "freeze=3 exceeds the encoder's 2 layers"),
        ([Freeze(3), Reinitialize(2)], "layer 3 is both frozen and re-initialized.*freeze at most 2 layers"),
    ],
)
def test_what_does_not_fit_the_encoder_is_one_clear_line(parts, message):
    with pytest.raises(ParameterError, match=message):
        check_recipe(stabilize(Recipe(), *parts), LAYERS)


@pytest.mark.parametrize(
    ("stabilizers", "message"),
    [
        ({"freeze": {"layers": "top"}}, "freeze='top' is unknown"),
        ({"freeze": {"layers": -1}}, "freeze=-1 must be a whole number of layers"),
        ({"freeze": {"layer": 1}}, "freeze: unknown setting 'layer'; did you mean 'layers'"),
        ({"freeze": {}}, "freeze: .*layers"),
        ({"layerwise_decay": {"factor": 0.0}}, "layerwise_decay=0.0 is out of bounds"),
        ({"layerwise_decay": {"factor": 0.9, "convention": "own"}}, "convention='own' is unknown"),
        ({"reinitialize": {"layers": True}}, "reinitialize=True must be a whole number"),
        ({"mixout": {"p": 0.9}}, "unknown stabilizer 'mixout'; use remove_layers, reinitialize"),
    ],
)
def test_wrong_settings_are_one_clear_line(stabilizers, message):
    with pytest.raises(ParameterError, match=message):
        check_recipe(Recipe(stabilizers=stabilizers), LAYERS)
