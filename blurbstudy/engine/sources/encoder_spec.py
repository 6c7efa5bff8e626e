"""Specs of encoders that blurbstudy pretrains: pretrain:OBJECTIVE, optionally with configuration, corpus or length
(pretrain:bert?config=mini-large&corpus=general) and with a pretraining seed (pretrain:bert@1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import ParameterError, check_choice
from ...models import checkpoint_folder
from ...pretraining.config import OBJECTIVE_NAMES, pretraining_config

PRETRAIN = "pretrain:"  # prefix of the specs of encoders that are pretrained on demand, then cached
OPTIONS = ("config", "corpus", "tokens")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_SPEC = re.compile(r"(?P<objective>[^?@]*)(\?(?P<options>[^@]*))?(@(?P<seed>\d{1,9}))?")


@dataclass(frozen=True, kw_only=True)
class PretrainSpec:
    """A parsed spec; None where it leaves the choice to the study's pretraining plan."""

    objective: str
    config: str | None = None  # a name among pretraining's configurations, or a YAML file
    corpus: str | None = None  # a file, or 'general': generated general-domain text (mini_blurb.general_text)
    tokens: int | None = None  # to train on; 0: the configuration's steps
    seed: int = 0

    @property
    def description(self) -> str:
        """Objective, configuration and corpus in words."""
        corpus = "generated general-domain text" if self.corpus == "general" else self.corpus
        parts = [self.objective, f"configuration {self.config}" if self.config else None, corpus]
        return ", ".join(part for part in parts if part)


def read_pretrain_spec(name: str, spec: str) -> PretrainSpec:
    """Parse `pretrain:...`; `name` is the encoder's, for errors.

    Raises:
        ParameterError: no seed after @, or an unknown or repeated option.
    """
    match = _SPEC.fullmatch(spec.removeprefix(PRETRAIN))
    if match is None:
        raise ParameterError(f"encoder {name!r}: {spec} has no valid seed after @; use for example {PRETRAIN}bert@1")
    pairs = [option.partition("=") for option in (match["options"] or "").split("&") if option]
    options = {key: value for key, _, value in pairs}
    wrong = [key for key, _, value in pairs if key not in OPTIONS or not value]
    if wrong or len(options) < len(pairs) or not options.get("tokens", "0").isdecimal():
        raise ParameterError(
            f"encoder {name!r}: {spec} has invalid options; after ? use each of {', '.join(OPTIONS)} at most once, for "
            f"example {PRETRAIN}bert?config=mini-large&corpus=general"
        )
    tokens = int(options["tokens"]) if "tokens" in options else None
    return PretrainSpec(
        objective=match["objective"],
        config=options.get("config"),
        corpus=options.get("corpus"),
        tokens=tokens,
        seed=int(match["seed"] or 0),
    )


def check_encoder_spec(name: str, spec: str) -> None:
    """Check that an encoder may exist: it is a folder, looks like a Hub id, or is to be pretrained.

    Raises:
        ParameterError: it is none of these.
    """
    if spec.startswith(PRETRAIN):
        chosen = read_pretrain_spec(name, spec)
        check_choice("objective", chosen.objective, OBJECTIVE_NAMES)
        if chosen.config is not None:
            pretraining_config(chosen.config, chosen.objective)
    elif not (path := Path(spec).expanduser()).is_dir() and (path.exists() or not _HUB_ID.fullmatch(spec)):
        raise ParameterError(
            f"encoder {name!r}: {spec} is not a folder; use a checkpoint directory, a Hub id such as org/name, or "
            f"{PRETRAIN}bert"
        )


def resolve_checkpoint(name: str, spec: str) -> Path:
    """The checkpoint directory of an encoder given by path or Hub id, which is downloaded once.

    Raises:
        ParameterError: it cannot be an encoder.
        CheckpointError: there is no such encoder, or the Hub cannot be reached.
    """
    check_encoder_spec(name, spec)
    folder = Path(spec).expanduser()
    return checkpoint_folder(folder if folder.is_dir() else spec)


def find_encoder(name: str, spec: str) -> None:
    """Check that an encoder exists, without torch: a Hub id is downloaded, as it would be later.

    Raises:
        as `resolve_checkpoint`.
    """
    if spec.startswith(PRETRAIN):
        check_encoder_spec(name, spec)
    else:
        resolve_checkpoint(name, spec)
