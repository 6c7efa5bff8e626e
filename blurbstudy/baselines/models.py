"""The two entity models of scispaCy (Neumann et al. 2019) that the paper compares with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..errors import ParameterError, did_you_mean
from ..metrics import decode_tags
from ..tasks import Task

RELEASED = "released"  # the installed package
RETRAINED = "retrained"  # trained here with the published configuration


@dataclass(frozen=True, kw_only=True)
class BaselineModel:
    """Description of one model."""

    name: str  # in the paper's columns
    package: str  # spaCy package of the released model
    types: Mapping[str, str] = field(hash=False)  # training task -> type of its mentions


MODELS: tuple[BaselineModel, ...] = (
    # The released model has five types, which BLURB's files merge into one.
    BaselineModel(name="jnlpba", package="en_ner_jnlpba_md", types={"JNLPBA": "ENTITY"}),
    BaselineModel(name="bc5cdr", package="en_ner_bc5cdr_md", types={"BC5-chem": "CHEMICAL", "BC5-disease": "DISEASE"}),
)
EVALUATED_TYPES: Mapping[str, str] = {
    "BC5-chem": "CHEMICAL",
    "BC5-disease": "DISEASE",
    "NCBI-disease": "DISEASE",
}  # by task


def get_model(name: str) -> BaselineModel:
    """Return the model of that name. Raises ParameterError: the name is unknown."""
    baseline = next((model for model in MODELS if model.name == name), None)
    if baseline is None:
        raise ParameterError(f"model={name!r} is unknown; {did_you_mean(name, [model.name for model in MODELS])}")
    return baseline


def evaluated_type(task: Task, labels: Collection[str]) -> str | None:
    """Return the type whose mentions are evaluated on a task; None: mentions of every type.

    It is None if the model does not have the task's type. The paper's scores of 3.60 (a gene model on chemicals) and
    6.73 (a chemical and disease model on genes) show that mentions of other types are evaluated, too.
    `labels`: types of the model.
    """
    mention_type = EVALUATED_TYPES.get(task.name)
    return mention_type if mention_type in labels else None


def evaluated_tags(tags: str, mention_type: str | None) -> str:
    """Convert a sentence's typed tags ("O B-DISEASE I-DISEASE") to untyped ones ("O B I"), without other types."""
    words = tags.split()
    untyped = ["O"] * len(words)
    for mention in decode_tags(words):
        if mention_type in (None, mention.type):
            untyped[mention.start : mention.end] = ["B"] + ["I"] * (mention.end - mention.start - 1)
    return " ".join(untyped)
