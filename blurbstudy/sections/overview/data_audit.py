"""The data audit of a run: computed once per dataset and vocabulary, and stored as plain numbers.

A report needs only the store. What the store lacks is missing here, and the tables say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ...config import JsonObject
from ...engine.progress import Progress
from ...engine.sources.sources import EncoderSource, checkpoint_without_weights
from ...stats.references import Reference
from ...study.parameters import hub_id
from ...tasks import Task, read_task
from ...tasks.audit import (
    AUDIT_REVISION,
    Splits,
    audit_data,
    audit_vocabulary,
    fertility,
    running_words,
    tokenizer_fingerprint,
)
from .general_vocabulary import GENERATED, TRAINED, general_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ...study.study import Study
    from .grids import Parameters

AUDIT_METADATA = "audit"  # kind of metadata: counts of a dataset, or of a dataset with a vocabulary
VOCABULARY_METADATA = "vocabularies"  # kind of metadata: the vocabulary of an encoder
NO_VOCABULARY = "none"  # in place of a fingerprint
DATA, LENGTHS, WORDS = "data", "lengths", "words"  # counts without a vocabulary, with one, and with one for words only
COUNTS: Mapping[str, Callable[[Task, Splits, Any], JsonObject]] = {
    DATA: lambda task, splits, tokenizer: audit_data(task, splits),
    LENGTHS: audit_vocabulary,
    WORDS: lambda task, splits, tokenizer: {"words": fertility(running_words(splits), tokenizer)},
}
REMEDY = "not in this store: execute 00_overview with its data (blurbstudy run), then report"


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A tokenizer."""

    name: str  # display names of the encoders that have it, "general", or GENERATED
    fingerprint: str
    entries: int
    origin: str = ""  # of a general one


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The counts behind the tables of the audit."""

    tasks: tuple[Task, ...]
    data: Mapping[str, JsonObject]  # task -> see tasks.audit.audit_data
    with_vocabulary: Mapping[tuple[str, str], JsonObject]  # (task, vocabulary); of the general one `words`
    vocabularies: tuple[Vocabulary, ...]  # of the encoders, without duplicates
    general: Vocabulary | None
    general_missing: str  # why there is none, or ''
    references: Mapping[str, Reference]
    generated: bool  # data are generated
    provenance: str  # for captions

    def of(self, task: Task, vocabulary: Vocabulary) -> JsonObject | None:
        return self.with_vocabulary.get((task.name, vocabulary.fingerprint))

    @property
    def notes(self) -> list[str]:
        """Which tasks the store has no counts of."""
        missing = [task.name for task in self.tasks if task.name not in self.data]
        return [f"{', '.join(missing)}: {REMEDY}."] if missing else []

    @property
    def known(self) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks if task.name in self.data)


def prepare(study: Study[Parameters]) -> None:
    """Audit the datasets and vocabularies that the store has no counts of."""
    data_audit(study)


def data_audit(study: Study[Parameters]) -> Audit:
    """The audit of the study's tasks with the vocabularies of its encoders; a report only reads the store.

    Raises:
        ParameterError: general_vocabulary cannot be found.
        DataError: a dataset is missing or malformed.
    """
    load = _Tokenizers(study)
    vocabularies, general = load.of_encoders(), load.general()
    # Vocabulary -> what is counted with it. An encoder's vocabulary can also be the general one.
    counted = {NO_VOCABULARY: DATA} | ({general.fingerprint: WORDS} if general else {})
    counted |= {vocabulary.fingerprint: LENGTHS for vocabulary in vocabularies}
    keys = {
        (task.name, print_): _key(task.name, study.sources.fingerprints[task.name], vocabulary=print_, what=what)
        for task in study.tasks
        for print_, what in counted.items()
    }
    if study.trains:
        _compute_missing(study, keys, counted, load)
    stored = {pair: study.store.metadata(AUDIT_METADATA, key) for pair, key in keys.items()}
    counts = {pair: values for pair, values in stored.items() if values is not None}
    return Audit(
        tasks=study.tasks,
        data={task: values for (task, print_), values in counts.items() if print_ == NO_VOCABULARY},
        with_vocabulary={pair: values for pair, values in counts.items() if pair[1] != NO_VOCABULARY},
        vocabularies=tuple(vocabularies),
        general=general,
        general_missing=load.general_missing,
        references=study.references,
        generated=study.is_demo,
        provenance=study.provenance,
    )


def _key(task: str, data: str, *, vocabulary: str, what: str) -> str:
    return f"{task} {data} {what} vocabulary {vocabulary} revision {AUDIT_REVISION}"


def _compute_missing(
    study: Study[Parameters], keys: Mapping[tuple[str, str], str], counted: Mapping[str, str], load: _Tokenizers
) -> None:
    stored = study.store.all_metadata(AUDIT_METADATA)
    missing = {pair: key for pair, key in keys.items() if key not in stored}
    todo = [task for task in study.tasks if any(name == task.name for name, _ in missing)]
    if not todo:
        return
    with Progress("audit of the data", total=len(todo), runs=len(todo), unit="datasets", verb="read") as bar:
        for done, task in enumerate(todo, 1):
            splits = read_task(task, study.sources.data_folder or "")
            for (name, print_), key in missing.items():
                if name == task.name:
                    count = COUNTS[counted[print_]]
                    study.store.put_metadata(AUDIT_METADATA, key, count(task, splits, load.by_fingerprint(print_)))
            bar.update(done, runs_done=done)


class _Tokenizers:
    """The vocabularies of a study: from the store, or loaded if it has none of them (never in a report)."""

    def __init__(self, study: Study[Parameters]) -> None:
        self._study, self._store = study, study.store
        self._loaders: dict[str, Callable[[], LoadedTokenizer]] = {}  # by fingerprint
        self.general_missing = ""

    def of_encoders(self) -> list[Vocabulary]:
        """One per distinct vocabulary, named after the encoders that have it."""
        names: dict[str, list[str]] = {}
        entries: dict[str, int] = {}
        for name, source in self._study.sources.encoders.items():
            stored = self._metadata(source.fingerprint, lambda source=source: _encoder_tokenizer(source))
            if stored is not None:
                names.setdefault(stored["fingerprint"], []).append(name)
                entries[stored["fingerprint"]] = stored["entries"]
        return [
            Vocabulary(name=", ".join(encoders), fingerprint=print_, entries=entries[print_])
            for print_, encoders in names.items()
        ]

    def general(self) -> Vocabulary | None:
        """The vocabulary of parameter `general_vocabulary`; None with the reason in `general_missing`."""
        spec = hub_id(self._study.parameters.general_vocabulary)
        encoders = list(self._study.sources.encoders.values())
        size = encoders[0].architecture.vocab_size if encoders else 0
        if spec is None:
            self.general_missing = "general_vocabulary is null"
            return None
        if spec == TRAINED and not encoders:
            self.general_missing = "without an encoder its size is unknown"
            return None
        name = f"general {spec} {size if spec == TRAINED else ''}".strip()
        # A general vocabulary can change under the same name, so stored values serve only a report.
        stored = self._metadata(name, lambda: LoadedTokenizer(*general_tokenizer(spec, size=size)), reload=True)
        if stored is None:
            self.general_missing = REMEDY
            return None
        self.general_missing = stored["missing"]
        if stored["missing"]:
            return None
        name = GENERATED if spec == TRAINED else "general"
        return Vocabulary(
            name=name, fingerprint=stored["fingerprint"], entries=stored["entries"], origin=stored["origin"]
        )

    def by_fingerprint(self, fingerprint: str) -> Tokenizer | None:
        """A vocabulary returned before; None for NO_VOCABULARY."""
        return None if fingerprint == NO_VOCABULARY else self._loaders[fingerprint]().tokenizer

    def _metadata(self, name: str, load: Callable[[], LoadedTokenizer], *, reload: bool = False) -> JsonObject | None:
        """Metadata of a vocabulary: from the store, or by loading it and storing them."""
        load = cache(load)
        stale = reload and self._study.trains
        metadata = None if stale else self._store.metadata(VOCABULARY_METADATA, name)
        if metadata is None and self._study.trains:
            metadata = load().metadata
            self._store.put_metadata(VOCABULARY_METADATA, name, metadata)
        if metadata is not None:
            self._loaders.setdefault(metadata["fingerprint"], load)
        return metadata


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer, or why there is none."""

    tokenizer: Tokenizer | None
    origin: str = ""
    missing: str = ""  # the reason

    @property
    def metadata(self) -> JsonObject:
        return {
            "fingerprint": "" if self.tokenizer is None else tokenizer_fingerprint(self.tokenizer),
            "entries": 0 if self.tokenizer is None else self.tokenizer.get_vocab_size(),
            "origin": self.origin,
            "missing": self.missing,
        }


def _encoder_tokenizer(source: EncoderSource) -> LoadedTokenizer:
    return LoadedTokenizer(checkpoint_without_weights(source).tokenizer().backend_tokenizer)


def words_within_limit(audit: Audit, task: Task, *, limit: int, sentences: int) -> Sequence[int | None] | None:
    """Number of words of each test sentence that begin within a limit (None: all), with the first encoder's vocabulary;
    None if that is unknown or every sentence fits.
    """
    counts = audit.of(task, audit.vocabularies[0]) if audit.vocabularies else None
    truncated = counts["limits"]["test"][str(limit)].get("kept") if counts else None
    if not truncated:
        return None
    words = dict(truncated)
    return [words.get(i) for i in range(sentences)]
