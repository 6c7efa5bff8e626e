"""A baseline model's mentions in sentences of ours: both systems read the same tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Token

NEEDED = ("tok2vec", "ner")  # parts of a released model; its tagger, parser and lemmatizer do nothing for mentions


def released_version(package: str) -> str | None:
    """The version of a released model that is installed, or None; spaCy is not imported for it, nothing downloaded."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def load_model(where: Path | str) -> Language:
    """A model from its folder (Path) or by the name of its package, reduced to what finds mentions."""
    import spacy

    nlp = spacy.load(where)
    for name in nlp.pipe_names:
        if name not in NEEDED:
            nlp.remove_pipe(name)
    return nlp


def entity_types(nlp: Language) -> list[str]:
    """The types that a model knows, sorted."""
    return sorted(nlp.get_pipe("ner").labels)


def predicted_tags(nlp: Language, sentences: Iterable[Sequence[str]]) -> Iterator[str]:
    """Typed tags of each sentence, given as words: "O B-DISEASE I-DISEASE"."""
    from spacy.tokens import Doc

    docs = (Doc(nlp.vocab, words=list(words)) for words in sentences)
    yield from (" ".join(map(_tag, doc)) for doc in nlp.pipe(docs))


def _tag(token: Token) -> str:
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
