"""AdamW with hyperparameters per member (Kingma and Ba 2015; Loshchilov and Hutter 2019).

For member p, a parameter at depth k, step t = 1, 2, ...:

    m <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2
    corrected: m / (1 - b1^t), v / (1 - b2^t)            not corrected: m, v
    theta <- theta - lr_p(t) scale_p(k) (m / (sqrt(v) + eps) + decay_p theta)       no decay on biases and LayerNorm
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from ..models import DepthParameter

# A step at which 1 - beta^t is 1 in float32: passed to torch's bias-corrected kernel, it switches the correction off.
UNCORRECTED_STEP = 1e9


@dataclass(frozen=True, kw_only=True)
class MemberHyperparameters:
    """AdamW's hyperparameters of one member."""

    lr_scales: tuple[float, ...]  # factor on the learning rate, by depth
    weight_decay: float
    max_grad_norm: float  # 0: no clipping
    bias_correction: bool


class PopulationAdamW:
    """AdamW over stacked parameters.

    Args:
        parameters: (P, ...) each, with depth.
        hyperparameters: one per member.
    """

    def __init__(
        self,
        parameters: Sequence[DepthParameter],
        hyperparameters: Sequence[MemberHyperparameters],
        *,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        self.hyperparameters = list(hyperparameters)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        # Depths that no member trains need no gradients, no moments, and no backward pass below them.
        for parameter in parameters:
            parameter.tensor.requires_grad_(any(h.lr_scales[parameter.depth] for h in hyperparameters))
        self.parameters = [parameter for parameter in parameters if parameter.tensor.requires_grad]
        self.exp_avg = [torch.zeros_like(parameter.tensor) for parameter in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(parameter.tensor) for parameter in self.parameters]

    def step(self, learning_rates: Sequence[float], steps: Sequence[int]) -> Tensor:
        """One update of every member from the gradients in `.grad`, which are then dropped.

        Args:
            learning_rates: per member, the scheduled learning rate of this step.
            steps: per member, t = 1, 2, ...

        Returns:
            (P,) each member's gradient norm before clipping, over the parameters that it trains; on the device, without
            synchronizing.
        """
        if self.parameters and self.parameters[0].tensor.device.type != "cpu":
            return self.step_batched(learning_rates, steps)
        norms = []
        for member, settings in enumerate(self.hyperparameters):
            trained = [p.tensor for p in self.parameters if settings.lr_scales[p.depth]]
            gradients = [_grad(tensor)[member] for tensor in trained]
            norm = torch.nn.utils.get_total_norm(gradients)
            if settings.max_grad_norm:
                factor = torch.clamp(settings.max_grad_norm / (norm + 1e-6), max=1.0)
                torch._foreach_mul_(gradients, factor)  # pyright: ignore[reportPrivateImportUsage]
            norms.append(norm)
            self._update(member, learning_rate=learning_rates[member], step=steps[member])
        for parameter in self.parameters:
            parameter.tensor.grad = None
        return torch.stack(norms)

    def step_batched(self, learning_rates: Sequence[float], steps: Sequence[int]) -> Tensor:
        """As `step`, with calls for all members, or for neighbors with equal hyperparameters, at once: for devices on
        which a call costs more than one member's work.
        """
        device = self.parameters[0].tensor.device
        trained = [[h.lr_scales[p.depth] != 0 for h in self.hyperparameters] for p in self.parameters]
        by_parameter = torch.stack(
            [torch.linalg.vector_norm(_grad(p.tensor).flatten(1), dim=1) for p in self.parameters]
        )
        by_parameter = torch.where(torch.tensor(trained, device=device), by_parameter, 0.0)
        norms = torch.linalg.vector_norm(by_parameter, dim=0)  # (P,)
        max_norms = torch.tensor([h.max_grad_norm or math.inf for h in self.hyperparameters], device=device)
        factors = torch.clamp(max_norms / (norms + 1e-6), max=1.0)
        for p in self.parameters:
            _grad(p.tensor).mul_(factors.view(-1, *(1,) * (p.tensor.ndim - 1)))
        settings = list(zip(self.hyperparameters, learning_rates, steps, strict=True))
        first = 0
        for end in range(1, len(settings) + 1):
            if end == len(settings) or settings[end] != settings[first]:
                self._update(slice(first, end), learning_rate=learning_rates[first], step=steps[first])
                first = end
        for p in self.parameters:
            p.tensor.grad = None
        return norms

    def _update(self, members: int | slice, *, learning_rate: float, step: int) -> None:
        """AdamW of one member, or of neighbors with equal hyperparameters, learning rate and step."""
        settings = self.hyperparameters[members if isinstance(members, int) else members.start]
        steps_before = float(step - 1) if settings.bias_correction else UNCORRECTED_STEP
        groups: dict[tuple[float, float], list[int]] = {}
        for i, parameter in enumerate(self.parameters):
            decay = settings.weight_decay if parameter.decays else 0.0
            if scale := settings.lr_scales[parameter.depth]:
                groups.setdefault((scale, decay), []).append(i)
        for (scale, decay), indices in groups.items():
            device = self.parameters[indices[0]].tensor.device
            adamw(
                [self.parameters[i].tensor.data[members] for i in indices],
                [_grad(self.parameters[i].tensor)[members] for i in indices],
                [self.exp_avg[i][members] for i in indices],
                [self.exp_avg_sq[i][members] for i in indices],
                [],
                list(torch.full((len(indices),), steps_before, device=device).unbind(0)),
                fused=True,
                amsgrad=False,
                beta1=self.beta1,
                beta2=self.beta2,
                lr=learning_rate * scale,
                weight_decay=decay,
                eps=self.eps,
                maximize=False,
            )

    def keep(self, members: Sequence[int]) -> None:
        """Keeps only these members' state; the model drops the others' parameters itself."""
        index = torch.tensor(members, device=self.parameters[0].tensor.device, dtype=torch.int64)
        self.hyperparameters = [self.hyperparameters[m] for m in members]
        self.exp_avg = [moment.index_select(0, index) for moment in self.exp_avg]
        self.exp_avg_sq = [moment.index_select(0, index) for moment in self.exp_avg_sq]


def _grad(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad
