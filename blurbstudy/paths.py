"""Every folder that the project reads or writes, in one place."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent  # the checkout, when the package is installed from one (editable)
NOTEBOOKS = PROJECT / "notebooks"
PARAMETERS = PROJECT / "parameters"
ENCODERS = PROJECT / "encoders"  # pretrained encoders that the repository ships

STORES = Path("runs")  # run stores, one folder each; relative to the working directory

MINI = "mini"  # stands for the folder of the generated datasets
DATA_ENV = "BLURBSTUDY_DATA"  # folder that holds the BLURB datasets, one sub-folder each
CACHE_ENV = "BLURBSTUDY_CACHE"  # folder for what can be made again
CACHE_HINT = f"name another cache folder by {CACHE_ENV}"  # where it cannot be written


def cache_folder() -> Path:
    """Folder for what can be made again: generated and tokenized datasets, pretrained mini encoders, spaCy models."""
    return Path(os.environ.get(CACHE_ENV, ".cache/blurbstudy"))


def data_folder() -> Path | None:
    """The BLURB folder named by the environment setting, or None where it is not set."""
    value = os.environ.get(DATA_ENV, "")
    return Path(value) if value else None


def store_folder(scale: str) -> Path:
    """Default run store of a scale."""
    return STORES / scale


def models_folder(store: Path) -> Path:
    """Where the models of a store's best runs lie: beside it."""
    return store.parent / f"{store.name}-models"


def report_folder(scale: str) -> Path:
    """Default report folder of a scale; index.html in it is the first page."""
    return Path("report") / scale
