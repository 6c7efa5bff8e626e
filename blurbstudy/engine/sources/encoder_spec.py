"""How an encoder of our own pretraining is named: pretrain:OBJECTIVE, with a configuration, a text or a length of its
own (pretrain:bert?config=mini-large&corpus=general), and with another pretraining seed (pretrain:bert@1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import ParameterError

PRETRAIN = "pretrain:"  # begins the specs of encoders that are pretrained on the spot, then cached
OPTIONS = ("config", "corpus", "tokens")
_SPEC = re.compile(r"(?P<objective>[^?@]*)(\?(?P<options>[^@]*))?(@(?P<seed>\d{1,9}))?")


@dataclass(frozen=True, kw_only=True)
class PretrainSpec:
    """What a spec says; None where it leaves it to the study's own plan."""

    objective: str
    config: str | None = None  # a name among pretraining's configurations, or a YAML file
    corpus: str | None = None  # a file, or 'general': generated general-domain text (mini_blurb.general_text)
    tokens: int | None = None  # to be seen; 0: the configuration's steps
    seed: int = 0

    @property
    def in_words(self) -> str:
        """For people."""
        text = {"general": "generated general-domain text", None: ""}.get(self.corpus, self.corpus)
        return ", ".join(
            part for part in (self.objective, f"configuration {self.config}" if self.config else "", text) if part
        )


def read_pretrain_spec(name: str, spec: str) -> PretrainSpec:
    """What `pretrain:...` asks for; `name` is the encoder's, for errors.

    Raises:
        ParameterError: no seed after @, or an option that there is not.
    """
    found = _SPEC.fullmatch(spec.removeprefix(PRETRAIN))
    if found is None:
        raise ParameterError(f"encoder {name!r}: {spec} names no seed; use such as {PRETRAIN}bert@1")
    pairs = [option.partition("=") for option in (found["options"] or "").split("&") if option]
    options = {key: value for key, _, value in pairs}
    wrong = [key for key, _, value in pairs if key not in OPTIONS or not value]
    if wrong or len(options) < len(pairs) or not options.get("tokens", "0").isdecimal():
        raise ParameterError(
            f"encoder {name!r}: {spec} is no pretraining; after ? give each of {', '.join(OPTIONS)} at most once, such "
            f"as {PRETRAIN}bert?config=mini-large&corpus=general"
        )
    tokens = int(options["tokens"]) if "tokens" in options else None
    return PretrainSpec(
        objective=found["objective"], config=options.get("config"), corpus=options.get("corpus"), tokens=tokens,
        seed=int(found["seed"] or 0),
    )  # fmt: skip
