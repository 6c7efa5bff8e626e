"""The data audit of a run: made once per dataset and vocabulary, kept in the run store as plain numbers.

A report needs the store alone; what the store lacks is None here, and the tables say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ...engine.progress import Progress
from ...engine.sources.sources import EncoderSource, checkpoint_without_weights
from ...stats.collapse import GoldReference
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

FACT = "audit"  # kind of fact: numbers of a dataset, or of a dataset under a vocabulary
VOCABULARY_FACT = "vocabularies"  # kind of fact: what an encoder's fingerprint means for its vocabulary
NO_VOCABULARY = "none"  # in place of a fingerprint
DATA, LENGTHS, WORDS = "data", "lengths", "words"  # what is counted: what needs no vocabulary, all else, or words alone
COUNTS: Mapping[str, Callable[[Task, Splits, Any], dict[str, Any]]] = {
    DATA: lambda task, splits, tokenizer: audit_data(task, splits),
    LENGTHS: audit_vocabulary,
    WORDS: lambda task, splits, tokenizer: {"words": fertility(running_words(splits), tokenizer)},
}
REMEDY = "not in this store: execute 00_overview with its data (blurbstudy run), then report"


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A tokenizer, as tables name it."""

    name: str  # display names of the encoders that have it, "general", or GENERATED
    fingerprint: str
    entries: int
    origin: str = ""  # of a general one: where it comes from


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the tables of the audit are made from."""

    tasks: tuple[Task, ...]
    data: Mapping[str, dict[str, Any] | None]  # task -> see tasks.audit.audit_data
    under: Mapping[tuple[str, str], dict[str, Any] | None]  # (task, vocabulary) -> audit_vocabulary's; general: `words`
    vocabularies: tuple[Vocabulary, ...]  # of the run's encoders, each once
    general: Vocabulary | None
    general_missing: str  # why there is no general one, or ''
    references: Mapping[str, GoldReference]
    generated: bool  # numbers of an invented world
    origin: str  # for captions

    def of(self, task: Task, vocabulary: Vocabulary) -> dict[str, Any] | None:
        """A task's numbers under a vocabulary."""
        return self.under.get((task.name, vocabulary.fingerprint))

    @property
    def notes(self) -> list[str]:
        """Which tasks the store has no numbers of."""
        missing = [task.name for task in self.tasks if self.data[task.name] is None]
        return [f"{', '.join(missing)}: {REMEDY}."] if missing else []

    @property
    def known(self) -> tuple[Task, ...]:
        """The tasks that there are numbers of."""
        return tuple(task for task in self.tasks if self.data[task.name] is not None)


def prepare(study: Study[Parameters]) -> None:
    """Audit the datasets and vocabularies that the store has no numbers of."""
    data_audit(study)


def data_audit(study: Study[Parameters]) -> Audit:
    """The audit of the study's tasks with the vocabularies of its encoders; in a report from the store alone.

    Raises:
        ParameterError: general_vocabulary cannot be found.
        DataError: a dataset is missing or malformed.
    """
    load = _Tokenizers(study)
    vocabularies, general = load.of_encoders(), load.general()
    # Vocabulary -> what is counted with it; one of an encoder that serves as the general one too is read once.
    counted = {NO_VOCABULARY: DATA} | ({general.fingerprint: WORDS} if general else {})
    counted |= {vocabulary.fingerprint: LENGTHS for vocabulary in vocabularies}
    keys = {
        (task.name, print_): _key(task.name, study.sources.fingerprints[task.name], vocabulary=print_, what=what)
        for task in study.tasks
        for print_, what in counted.items()
    }
    if study.trains:
        _make_missing(study, keys, counted, load)
    facts = {place: study.store.metadata(FACT, key) for place, key in keys.items()}
    return Audit(
        tasks=study.tasks,
        data={task.name: facts[task.name, NO_VOCABULARY] for task in study.tasks},
        under={place: values for place, values in facts.items() if place[1] != NO_VOCABULARY},
        vocabularies=tuple(vocabularies),
        general=general,
        general_missing=load.general_missing,
        references=study.references,
        generated=study.is_demo,
        origin=study.provenance,
    )


def _key(task: str, data: str, *, vocabulary: str, what: str) -> str:
    return f"{task} {data} {what} vocabulary {vocabulary} revision {AUDIT_REVISION}"


def _make_missing(
    study: Study, keys: Mapping[tuple[str, str], str], counted: Mapping[str, str], load: _Tokenizers
) -> None:
    """Audit what the store has no numbers of, dataset by dataset."""
    kept = study.store.all_metadata(FACT)
    missing = {place: key for place, key in keys.items() if key not in kept}
    todo = [task for task in study.tasks if any(name == task.name for name, _ in missing)]
    if not todo:
        return
    with Progress("audit of the data", total=len(todo), runs=len(todo)) as bar:
        for done, task in enumerate(todo, 1):
            splits = read_task(task, study.sources.data_folder)
            for (name, print_), key in missing.items():
                if name == task.name:
                    count = COUNTS[counted[print_]]
                    study.store.put_metadata(FACT, key, count(task, splits, load.by_fingerprint(print_)))
            bar.update(done, runs_done=done)


class _Tokenizers:
    """The vocabularies of a study: as the store remembers them, or loaded where it does not (never in a report)."""

    def __init__(self, study: Study) -> None:
        self._study, self._store = study, study.store
        self._loaders: dict[str, Callable[[], _Loaded]] = {}  # fingerprint -> how to load it
        self.general_missing = ""

    def of_encoders(self) -> list[Vocabulary]:
        """One per distinct vocabulary, named after the encoders that have it."""
        names: dict[str, list[str]] = {}
        entries: dict[str, int] = {}
        for name, source in self._study.sources.encoders.items():
            fact = self._fact(source.fingerprint, lambda source=source: _encoder_tokenizer(source))
            if fact is not None:
                names.setdefault(fact["fingerprint"], []).append(name)
                entries[fact["fingerprint"]] = fact["entries"]
        return [Vocabulary(name=", ".join(own), fingerprint=f, entries=entries[f]) for f, own in names.items()]

    def general(self) -> Vocabulary | None:
        """The one of parameter `general_vocabulary`; None with the reason in `general_missing`."""
        spec = hub_id(self._study.parameters.general_vocabulary)
        encoders = list(self._study.sources.encoders.values())
        size = encoders[0].architecture.vocab_size if encoders else 0
        if spec is None:
            self.general_missing = "general_vocabulary is null"
            return None
        if spec == TRAINED and not encoders:
            self.general_missing = "no encoder says how large it should be"
            return None
        name = f"general {spec} {size if spec == TRAINED else ''}".strip()
        fact = self._fact(name, lambda: _general(spec, size), fresh=True)  # its name does not fix what it holds
        if fact is None:
            self.general_missing = REMEDY
            return None
        self.general_missing = fact["missing"]
        if fact["missing"]:
            return None
        name = GENERATED if spec == TRAINED else "general"
        return Vocabulary(name=name, fingerprint=fact["fingerprint"], entries=fact["entries"], origin=fact["origin"])

    def by_fingerprint(self, fingerprint: str) -> Tokenizer | None:
        """A vocabulary that was asked for before; None for what needs none."""
        return None if fingerprint == NO_VOCABULARY else self._loaders[fingerprint]().tokenizer

    def _fact(self, name: str, load: Callable[[], _Loaded], *, fresh: bool = False) -> dict[str, Any] | None:
        """Fingerprint and entries of a vocabulary: kept in the store, or found by loading it; with `fresh`, what the
        store has serves a report alone.
        """
        load = cache(load)
        stale = fresh and self._study.trains
        fact = None if stale else self._store.metadata(VOCABULARY_FACT, name)
        if fact is None and self._study.trains:
            fact = load().fact
            self._store.put_metadata(VOCABULARY_FACT, name, fact)
        if fact is not None:
            self._loaders.setdefault(fact["fingerprint"], load)
        return fact


@dataclass(frozen=True)
class _Loaded:
    tokenizer: Tokenizer | None
    origin: str = ""
    missing: str = ""  # why there is none

    @property
    def fact(self) -> dict[str, Any]:
        there = self.tokenizer is not None
        return {
            "fingerprint": tokenizer_fingerprint(self.tokenizer) if there else "",
            "entries": self.tokenizer.get_vocab_size() if there else 0,
            "origin": self.origin,
            "missing": self.missing,
        }


def _encoder_tokenizer(source: EncoderSource) -> _Loaded:
    return _Loaded(checkpoint_without_weights(source).tokenizer().backend_tokenizer)


def _general(spec: str, size: int) -> _Loaded:
    return _Loaded(*general_tokenizer(spec, size=size))


def kept_words(audit: Audit, task: Task, *, limit: int, sentences: int) -> Sequence[int | None] | None:
    """How many words of each test sentence begin within a limit (None: all), under the first encoder's vocabulary;
    None where that is not known or every sentence fits.
    """
    found = audit.of(task, audit.vocabularies[0]) if audit.vocabularies else None
    longer = found["limits"]["test"][str(limit)].get("kept") if found else None
    if not longer:
        return None
    cut = dict(longer)
    return [cut.get(i) for i in range(sentences)]
