"""AdamW with every setting per member (Kingma and Ba 2015; Loshchilov and Hutter 2019).

For member p, a parameter at depth k, step t = 1, 2, ...:

    m <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2
    corrected: m / (1 - b1^t), v / (1 - b2^t)            not corrected: m, v
    theta <- theta - rate_p(t) scale_p(k) (m / (sqrt(v) + eps) + decay_p theta)       no decay on biases and LayerNorm
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from ..models import DepthParameter

# Steps after which 1 - beta^t is 1 in float32: how an uncorrected member uses the corrected kernel.
WITHOUT_CORRECTION = 1e9


@dataclass(frozen=True, kw_only=True)
class MemberSettings:
    """What AdamW needs to know of one member."""

    scales: tuple[float, ...]  # factor on the rate, by depth
    weight_decay: float
    clip: float  # largest gradient norm; 0: none
    bias_correction: bool


class PopulationAdamW:
    """AdamW over stacked parameters.

    Args:
        parameters: (P, ...) each, with depth.
        settings: one per member.
    """

    def __init__(
        self,
        parameters: Sequence[DepthParameter],
        settings: Sequence[MemberSettings],
        *,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        self.settings = list(settings)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        # Depths that no member trains need no gradient, no moments, and no backward pass below them.
        for parameter in parameters:
            parameter.tensor.requires_grad_(any(s.scales[parameter.depth] for s in settings))
        self.parameters = [parameter for parameter in parameters if parameter.tensor.requires_grad]
        self.mean = [torch.zeros_like(parameter.tensor) for parameter in self.parameters]
        self.square = [torch.zeros_like(parameter.tensor) for parameter in self.parameters]

    def step(self, rates: Sequence[float], steps: Sequence[int]) -> list[float]:
        """One update of every member from the gradients in `.grad`, which are then dropped.

        Args:
            rates: per member, the scheduled rate of this step.
            steps: per member, t = 1, 2, ...

        Returns:
            each member's gradient norm before clipping, over the parameters that it trains.
        """
        norms = []
        for member, settings in enumerate(self.settings):
            own = [i for i, p in enumerate(self.parameters) if settings.scales[p.depth]]
            gradients = {i: self.parameters[i].tensor.grad[member] for i in own}
            norm = torch.nn.utils.get_total_norm(list(gradients.values()))
            if settings.clip:
                shrink = torch.clamp(settings.clip / (norm + 1e-6), max=1.0)
                torch._foreach_mul_(list(gradients.values()), shrink)
            norms.append(norm)
            self._update(member, gradients, rate=rates[member], step=steps[member])
        for parameter in self.parameters:
            parameter.tensor.grad = None
        return [float(norm) for norm in norms]

    def _update(self, member: int, gradients: dict[int, Tensor], *, rate: float, step: int) -> None:
        settings = self.settings[member]
        before = float(step - 1) if settings.bias_correction else WITHOUT_CORRECTION
        groups: dict[tuple[float, float], list[int]] = {}
        for i in gradients:
            parameter = self.parameters[i]
            decay = settings.weight_decay if parameter.decays else 0.0
            groups.setdefault((settings.scales[parameter.depth], decay), []).append(i)
        for (scale, decay), places in groups.items():
            device = self.parameters[places[0]].tensor.device
            adamw(
                [self.parameters[i].tensor.data[member] for i in places],
                [gradients[i] for i in places],
                [self.mean[i][member] for i in places],
                [self.square[i][member] for i in places],
                [],
                [torch.tensor(before, device=device) for _ in places],
                fused=True,
                amsgrad=False,
                beta1=self.beta1,
                beta2=self.beta2,
                lr=rate * scale,
                weight_decay=decay,
                eps=self.eps,
                maximize=False,
            )

    def keep(self, members: Sequence[int]) -> None:
        """Goes on with these members alone; the parameters themselves are cut by the model."""
        index = torch.tensor(members, device=self.parameters[0].tensor.device, dtype=torch.int64)
        self.settings = [self.settings[m] for m in members]
        self.mean = [moment.index_select(0, index) for moment in self.mean]
        self.square = [moment.index_select(0, index) for moment in self.square]
