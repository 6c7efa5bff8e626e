"""Similarities that an encoder gives as it is, nothing trained: the cosine of the means of two texts' sub-words."""

from __future__ import annotations

import numpy as np
import torch

from ..models import Checkpoint, Classifier
from ..tasks import Task
from ..tasks.features import Features
from .circumstances import pick_device
from .evaluation import decode, evaluation_batches, predict


def plain_cosines(features: Features, *, task: Task, checkpoint: Checkpoint, device: str = "auto") -> list[float]:
    """One prediction per pair, on the scale of the task's scores.

    Args:
        features: of texts that stand apart.
    """
    place = pick_device(device)
    rows = np.unique(features.ids)
    architecture = checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=1, head="cosine", rows=torch.from_numpy(rows))
    model.load_member(0, checkpoint, seed=0)  # no part of it is drawn
    numbered = features.with_ids(np.searchsorted(rows, features.ids))
    batches = evaluation_batches(numbered, members=1, n_heads=architecture.n_heads)
    (outputs,) = predict(model.to(place), batches, device=place, autocast=False)
    return decode(outputs, numbered, task, tagging="bio")
