"""Predictions of a baseline model for tokenized sentences, so that all systems read the same tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Token

REQUIRED_PIPES = ("tok2vec", "ner")  # the tagger, parser and lemmatizer of a released model do not affect mentions


def released_version(package: str) -> str | None:
    """Return the version of an installed model package, or None; this imports and downloads nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def load_model(source: Path | str) -> Language:
    """Load a model from its folder (Path) or package (name), with only the REQUIRED_PIPES."""
    import spacy

    nlp = spacy.load(source)
    for name in nlp.pipe_names:
        if name not in REQUIRED_PIPES:
            nlp.remove_pipe(name)
    return nlp


def entity_types(nlp: Language) -> list[str]:
    return sorted(nlp.get_pipe("ner").labels)


def predicted_tags(nlp: Language, sentences: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the typed tags of each sentence, such as "O B-DISEASE I-DISEASE". `sentences`: words of each sentence."""
    from spacy.tokens import Doc

    docs = (Doc(nlp.vocab, words=list(words)) for words in sentences)
    yield from (" ".join(map(_tag, doc)) for doc in nlp.pipe(docs))


def _tag(token: Token) -> str:
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
