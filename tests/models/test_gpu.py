"""A population on a GPU computes what one member computes on a CPU: outputs, and gradients at every depth."""

import numpy as np
import pytest
import torch

from blurbstudy.models import Architecture, Checkpoint, Classifier, pack, random_checkpoint

LENGTHS = (5, 17, 9, 2, 30)
HEADS = {"pooler": "bert", "gelu": "electra", "token": "bert"}


def checkpoint_of(family: str) -> Checkpoint:
    """Weights of 0.1 on average, so that a wrong term anywhere is seen."""
    projected = {"embedding_width": 16} if family == "electra" else {}
    architecture = Architecture(
        family=family, vocab_size=70, n_layers=3, width=32, n_heads=4, intermediate=64, max_positions=32, **projected
    )
    made = random_checkpoint(architecture, seed=3)
    for name, weight in made.weights.items():
        weight.mul_(1.0 if name.endswith("norm.weight") else 5.0)
    return made


def batch_of(seed: int):
    rng = np.random.default_rng(seed)
    return [(rng.integers(1, 70, n), (np.arange(n) > n // 2).astype(np.int64)) for n in LENGTHS]


def computed(checkpoint, batches, *, head: str, seeds, device: str):
    """(outputs, gradients by name) of the sum of weighted outputs, on the CPU again."""
    model = Classifier(checkpoint.architecture, members=len(seeds), outputs=3, head=head)
    for member, seed in enumerate(seeds):
        model.load_member(member, checkpoint, seed=seed)
    model.to(device)
    reads = [[np.arange(0, len(ids), 2) for ids, _ in batch] for batch in batches] if head == "token" else None
    outputs = model(pack(batches, n_heads=4, output_positions=reads).to(torch.device(device)))
    (outputs * torch.linspace(-1, 1, outputs[0].numel(), device=device).view(outputs[0].shape)).sum().backward()
    gradients = {
        name: parameter.grad.cpu() for name, parameter in model.named_parameters() if parameter.grad is not None
    }
    return outputs.detach().cpu(), gradients


@pytest.mark.parametrize("head", HEADS)
def test_three_members_give_the_outputs_and_gradients_of_each_alone_on_the_cpu(device, head):
    checkpoint = checkpoint_of(HEADS[head])
    batches, seeds = [batch_of(seed) for seed in range(3)], (11, 12, 13)
    outputs, gradients = computed(checkpoint, batches, head=head, seeds=seeds, device=device)
    for member, seed in enumerate(seeds):
        alone, item = computed(checkpoint, [batches[member]], head=head, seeds=[seed], device="cpu")
        torch.testing.assert_close(outputs[member], alone[0], rtol=1e-4, atol=1e-5)
        assert item.keys() == gradients.keys()
        for name, gradient in item.items():
            scale = float(gradient.abs().max())
            torch.testing.assert_close(
                gradients[name][member],
                gradient[0],
                rtol=1e-3,
                atol=1e-4 * scale + 1e-6,
                msg=lambda m, n=name: f"{n}: {m}",
            )


def test_bfloat16_stays_near_float32(device):
    checkpoint, batch = checkpoint_of("bert"), [batch_of(0)]
    exact, _ = computed(checkpoint, batch, head="pooler", seeds=[1], device="cpu")
    with torch.autocast(device, torch.bfloat16):
        rounded, _ = computed(checkpoint, batch, head="pooler", seeds=[1], device=device)
    error = (rounded - exact).norm() / exact.norm()
    assert 1e-5 < error < 0.05  # bfloat16 was in use, and did no harm
