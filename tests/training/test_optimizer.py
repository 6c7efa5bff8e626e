"""AdamW per member against the design's equations and torch."""

import math

import pytest
import torch

from blurbstudy.models import DepthParameter
from blurbstudy.training.optimizer import MemberHyperparameters, PopulationAdamW

SETTINGS = [
    MemberHyperparameters(lr_scales=(1.0, 1.0), weight_decay=0.1, max_grad_norm=0.0, bias_correction=True),
    MemberHyperparameters(lr_scales=(1.0, 1.0), weight_decay=0.1, max_grad_norm=0.0, bias_correction=False),
    MemberHyperparameters(lr_scales=(0.0, 1.0), weight_decay=0.0, max_grad_norm=0.0, bias_correction=True),
    MemberHyperparameters(lr_scales=(0.25, 1.0), weight_decay=0.3, max_grad_norm=0.5, bias_correction=False),
]
B1, B2, EPS = 0.9, 0.999, 1e-6


def make_parameters():
    torch.manual_seed(0)
    shapes = [((3, 4), 0, True), ((5,), 0, False), ((2, 3), 1, True)]
    return [
        DepthParameter(f"p{i}", depth, decays, torch.nn.Parameter(torch.randn(len(SETTINGS), *shape)))
        for i, (shape, depth, decays) in enumerate(shapes)
    ]


@pytest.mark.parametrize("way", ["step", "step_batched"])
def test_every_member_follows_the_design_equations_for_thirty_steps(way):
    parameters = make_parameters()
    optimizer = PopulationAdamW(parameters, SETTINGS, beta1=B1, beta2=B2, eps=EPS)
    theta = [p.tensor.detach().double().clone() for p in parameters]
    m, v = ([torch.zeros_like(t) for t in theta] for _ in range(2))
    generator = torch.Generator().manual_seed(1)
    for t in range(1, 31):
        gradients = [torch.randn(p.tensor.shape, generator=generator) for p in parameters]
        for p, g in zip(parameters, gradients, strict=True):
            p.tensor.grad = g.clone()
        rates = [1e-2 * (1 + k) / t for k in range(len(SETTINGS))]
        norms = getattr(optimizer, way)(rates, [t] * len(SETTINGS)).tolist()
        for k, s in enumerate(SETTINGS):
            trained = [i for i, p in enumerate(parameters) if s.lr_scales[p.depth]]
            norm = math.sqrt(sum(float(gradients[i][k].double().square().sum()) for i in trained))
            assert norms[k] == pytest.approx(norm, rel=1e-5)
            shrink = min(1.0, s.max_grad_norm / (norm + 1e-6)) if s.max_grad_norm else 1.0
            for i in trained:
                g = gradients[i][k].double() * shrink
                m[i][k] = B1 * m[i][k] + (1 - B1) * g
                v[i][k] = B2 * v[i][k] + (1 - B2) * g * g
                mean, square = m[i][k], v[i][k]
                if s.bias_correction:
                    mean, square = mean / (1 - B1**t), square / (1 - B2**t)
                decay = s.weight_decay if parameters[i].decays else 0.0
                rate = rates[k] * s.lr_scales[parameters[i].depth]
                theta[i][k] = theta[i][k] - rate * (mean / (square.sqrt() + EPS) + decay * theta[i][k])
    for p, expected in zip(parameters, theta, strict=True):
        torch.testing.assert_close(p.tensor.data.double(), expected, rtol=1e-4, atol=1e-5)


def test_neighbours_of_equal_settings_that_move_together_move_as_each_alone():
    alike = [SETTINGS[0]] * 2 + [SETTINGS[2]] * 3
    moved = {}
    for way in ("step", "step_batched"):
        torch.manual_seed(3)
        parameters = [DepthParameter(f"p{d}", d, True, torch.nn.Parameter(torch.randn(5, 4, 3))) for d in (0, 1)]
        optimizer = PopulationAdamW(parameters, alike, beta1=B1, beta2=B2, eps=EPS)
        for t in (1, 2, 3):
            for p in parameters:
                p.tensor.grad = torch.randn(p.tensor.shape, generator=torch.Generator().manual_seed(t))
            if t == 2:
                parameters[0].tensor.grad[2] = math.nan  # of a member that is frozen there
            getattr(optimizer, way)([1e-2, 1e-2, 1e-2, 1e-2, 5e-3], [t, t, t, t + 1, t])
        moved[way] = [p.tensor.detach() for p in parameters]
    for first, other in zip(*moved.values(), strict=True):
        assert torch.isfinite(first).all()
        torch.testing.assert_close(first, other, rtol=1e-6, atol=1e-7)


def test_a_frozen_member_does_not_move_while_the_others_do():
    parameters = make_parameters()
    before = parameters[0].tensor.detach().clone()
    optimizer = PopulationAdamW(parameters, SETTINGS, beta1=B1, beta2=B2, eps=EPS)
    for p in parameters:
        p.tensor.grad = torch.ones_like(p.tensor)
    optimizer.step([0.1] * 4, [1] * 4)
    assert torch.equal(parameters[0].tensor[2], before[2])
    assert all((parameters[0].tensor[k] != before[k]).all() for k in (0, 1, 3))


def test_depths_that_nobody_trains_hold_no_state():
    parameters = make_parameters()
    frozen = [
        MemberHyperparameters(lr_scales=(0.0, 1.0), weight_decay=0.0, max_grad_norm=1.0, bias_correction=True)
    ] * len(SETTINGS)
    optimizer = PopulationAdamW(parameters, frozen, beta1=B1, beta2=B2, eps=EPS)
    assert [p.name for p in optimizer.parameters] == ["p2"]
    assert len(optimizer.exp_avg) == len(optimizer.exp_avg_sq) == 1
    assert not parameters[0].tensor.requires_grad
