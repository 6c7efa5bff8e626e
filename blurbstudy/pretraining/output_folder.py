"""The output folder of a pretraining: what tells that it has an encoder, or an unfinished run; needs no torch."""

from __future__ import annotations

from pathlib import Path

from ..errors import ParameterError

CHECKPOINTS_FOLDER = "state"  # in the output folder; it exists while the run is unfinished
INTERMEDIATE_FOLDER = "ladder"  # in the output folder
RECORD_FILE = "pretraining.json"  # settings, corpus and learning curve


def is_published(folder: Path) -> bool:
    return (folder / RECORD_FILE).is_file()


def intermediate_folder(out: Path, tokens: int) -> Path:
    """Return the folder of the encoder exported after `tokens` tokens."""
    return out / INTERMEDIATE_FOLDER / f"tokens-{tokens}"


def check_intermediate(checkpoint_at: tuple[int, ...], *, total: int) -> None:
    """Check that every intermediate export will be reached.

    Args:
        checkpoint_at: numbers of tokens seen.
        total: approximate number of tokens of the run; 0: unknown.

    Raises:
        ParameterError: the largest number is not below the total.
    """
    if total and checkpoint_at and max(checkpoint_at) >= total:
        raise ParameterError(
            f"cannot export after {max(checkpoint_at):,} tokens, because the run sees only about {total:,}; "
            "use smaller numbers (the final encoder is always exported)"
        )
