"""AdamW with every setting per member (Kingma and Ba 2015; Loshchilov and Hutter 2019).

For member p, a parameter at depth k, step t = 1, 2, ...:

    m <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2
    corrected: m / (1 - b1^t), v / (1 - b2^t)            not corrected: m, v
    theta <- theta - rate_p(t) scale_p(k) (m / (sqrt(v) + eps) + decay_p theta)       no decay on biases and LayerNorm
"""

from __future__ import annotations

import math
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

    def step(self, rates: Sequence[float], steps: Sequence[int]) -> Tensor:
        """One update of every member from the gradients in `.grad`, which are then dropped.

        Args:
            rates: per member, the scheduled rate of this step.
            steps: per member, t = 1, 2, ...

        Returns:
            (P,) each member's gradient norm before clipping, over the parameters that it trains; on the device, which
            need not be waited for.
        """
        if self.parameters and self.parameters[0].tensor.device.type != "cpu":
            return self.step_together(rates, steps)
        norms = []
        for member, settings in enumerate(self.settings):
            own = [i for i, p in enumerate(self.parameters) if settings.scales[p.depth]]
            gradients = {i: self.parameters[i].tensor.grad[member] for i in own}
            norm = torch.nn.utils.get_total_norm(list(gradients.values()))
            if settings.clip:
                shrink = torch.clamp(settings.clip / (norm + 1e-6), max=1.0)
                torch._foreach_mul_(list(gradients.values()), shrink)
            norms.append(norm)
            self._update(member, rate=rates[member], step=steps[member])
        for parameter in self.parameters:
            parameter.tensor.grad = None
        return torch.stack(norms)

    def step_together(self, rates: Sequence[float], steps: Sequence[int]) -> Tensor:
        """As `step`, in calls that take all members, or neighbours of equal settings, at once: for a device on which a
        call costs more than the member's share of its work.
        """
        device = self.parameters[0].tensor.device
        trained = [[s.scales[p.depth] != 0 for s in self.settings] for p in self.parameters]
        own = torch.stack([torch.linalg.vector_norm(p.tensor.grad.flatten(1), dim=1) for p in self.parameters])
        norms = torch.linalg.vector_norm(torch.where(torch.tensor(trained, device=device), own, 0.0), dim=0)  # (P,)
        clips = torch.tensor([s.clip or math.inf for s in self.settings], device=device)
        shrink = torch.clamp(clips / (norms + 1e-6), max=1.0)
        for p in self.parameters:
            p.tensor.grad.mul_(shrink.view(-1, *(1,) * (p.tensor.ndim - 1)))
        alike = list(zip(self.settings, rates, steps, strict=True))
        begin = 0
        for end in range(1, len(alike) + 1):
            if end == len(alike) or alike[end] != alike[begin]:
                self._update(slice(begin, end), rate=rates[begin], step=steps[begin])
                begin = end
        for p in self.parameters:
            p.tensor.grad = None
        return norms

    def _update(self, which: int | slice, *, rate: float, step: int) -> None:
        """AdamW of one member, or of neighbours with equal settings, rate and step."""
        settings = self.settings[which if isinstance(which, int) else which.start]
        before = float(step - 1) if settings.bias_correction else WITHOUT_CORRECTION
        groups: dict[tuple[float, float], list[int]] = {}
        for i, parameter in enumerate(self.parameters):
            decay = settings.weight_decay if parameter.decays else 0.0
            if scale := settings.scales[parameter.depth]:
                groups.setdefault((scale, decay), []).append(i)
        for (scale, decay), places in groups.items():
            device = self.parameters[places[0]].tensor.device
            adamw(
                [self.parameters[i].tensor.data[which] for i in places],
                [self.parameters[i].tensor.grad[which] for i in places],
                [self.mean[i][which] for i in places],
                [self.square[i][which] for i in places],
                [],
                list(torch.full((len(places),), before, device=device).unbind(0)),
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
