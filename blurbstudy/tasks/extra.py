"""Datasets that are none of BLURB's: a new one is one entry here (docs/extending/dataset.md)."""

from __future__ import annotations

from .task import Task

OTHER_TASKS: tuple[Task, ...] = ()  # in no BLURB score, in no table of the paper
