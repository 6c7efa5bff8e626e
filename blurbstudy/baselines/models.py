"""scispaCy's two entity models that the paper compares with (Neumann et al. 2019), and which of their types count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..errors import ParameterError
from ..metrics import mentions
from ..tasks import Task

RELEASED = "released"  # where a model comes from: a package that is installed
RETRAINED = "retrained"  # or trained here by the published configuration


@dataclass(frozen=True, kw_only=True)
class BaselineModel:
    """One model: facts, no weights."""

    name: str  # as the paper's columns call it
    package: str  # of the released one, an ordinary spaCy package
    types: Mapping[str, str] = field(hash=False)  # task that it is retrained on -> the type of its mentions


MODELS: tuple[BaselineModel, ...] = (
    # The released model tells five types apart; BLURB's files have them collapsed.
    BaselineModel(name="jnlpba", package="en_ner_jnlpba_md", types={"JNLPBA": "ENTITY"}),
    BaselineModel(name="bc5cdr", package="en_ner_bc5cdr_md", types={"BC5-chem": "CHEMICAL", "BC5-disease": "DISEASE"}),
)
TYPES: Mapping[str, str] = {"BC5-chem": "CHEMICAL", "BC5-disease": "DISEASE", "NCBI-disease": "DISEASE"}  # by task


def get_model(name: str) -> BaselineModel:
    """The model of that name.

    Raises:
        ParameterError: there is none.
    """
    found = next((model for model in MODELS if model.name == name), None)
    if found is None:
        raise ParameterError(f"model={name!r} is unknown; use {' or '.join(model.name for model in MODELS)}")
    return found


def counted_type(task: Task, labels: Collection[str]) -> str | None:
    """The one type whose mentions count on a task, or None: every mention counts, of whatever type.

    The second where the model knows no such type, or where the task's mentions are of kinds that neither model tells
    from others: the paper's 3.60 (a gene model on chemicals) and 6.73 (chemicals and diseases on genes) are not 0.
    """
    wanted = TYPES.get(task.name)
    return wanted if wanted in labels else None


def counted_tags(tags: str, kind: str | None) -> str:
    """Bare tags of the mentions that count, from a sentence's typed ones ("O B-DISEASE I-DISEASE")."""
    words = tags.split()
    bare = ["O"] * len(words)
    for mention in mentions(words):
        if kind in (None, mention.type):
            bare[mention.start : mention.end] = ["B"] + ["I"] * (mention.end - mention.start - 1)
    return " ".join(bare)
