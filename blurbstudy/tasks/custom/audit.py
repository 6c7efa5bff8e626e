"""The audit of a task of one's own, before anything is trained: what it holds, what one should know of it, and a
refusal where nothing can be learned.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ..audit import sub_word_counts
from ..duplicates import duplicates, named_documents, normalized
from ..formats.lines import fail
from ..task import OUTSIDE, Example, Task, example_size, split_labels, split_tags
from .columns import WITHOUT_COLUMNS
from .dev_split import divided
from .files import near
from .formats import FOLDERS, LOCATED
from .spans import DOCUMENTS, span_counts
from .tabular import Located
from .tagged import entity_types

LEAST = {"train": 8, "dev": 4, "test": 1}  # examples below which nothing can be learned, or told
FEW = {"train": 100, "dev": 50, "test": 50}  # examples below which scores are little more than noise
SEPARATORS = ";|/+"  # that tables have between labels besides the comma
RARE = 5  # examples (mentions) of train below which a label is hardly learned
ONE_SIDED = 0.95  # share of one label from which accuracy says little
LONG_WORD = 100  # characters of a word that WordPiece still reads; a longer one is [UNK]
NAMED = 4  # labels and lines that a sentence names


@dataclass(frozen=True, kw_only=True)
class OwnAudit:
    """What was found, in sentences."""

    facts: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Lines:
    """The examples of each split, and where they stand."""

    task: Task
    splits: Mapping[str, list[Example]]
    numbers: Mapping[str, Mapping[str, int]]  # split -> id -> line

    def file(self, split: str) -> str:
        """The file that a split is of."""
        return str(near(self.task.files.get(split, self.task.files["train"])))

    def both(self, split: str, first: Example, second: Example) -> str:
        """Where two examples of a split stand, in words."""
        if self.task.of_split(split).reader in FOLDERS:
            return " and ".join(dict.fromkeys((self.place(split, first), self.place(split, second))))
        numbers = self.numbers[split]
        return f"{self.file(split)}, lines {numbers[first.id]} and {numbers[second.id]}"

    def place(self, split: str, example: Example) -> str:
        """Where an example stands, in words."""
        if self.task.of_split(split).reader in FOLDERS:
            return str(Path(self.file(split)) / f"{example.unit}.txt")
        return f"{self.file(split)}, line {self.numbers[split][example.id]}"


def check_learnable(task: Task) -> None:
    """Refuse files from which nothing can be learned: malformed, too few examples, one class.

    Raises:
        DataError: names file, line where there is one, and remedy.
    """
    lines = _lines(task)
    _refuse_too_few(lines)
    _refuse_one_class(lines)


def audit_own(task: Task, tokenizer: Tokenizer, *, max_length: int) -> OwnAudit:
    """The audit of a task's files, which are learnable.

    Raises:
        DataError: a file is missing or malformed; names file, line and remedy.
    """
    lines = _lines(task)
    counts = {split: sub_word_counts(task, examples, tokenizer) for split, examples in lines.splits.items()}
    warnings = (
        *_few(lines),
        *_unseen_labels(lines),
        *_joined_labels(lines),
        *_rare_labels(lines),
        *_spans(lines),
        *_within(lines),
        *_across(lines),
        *_long(lines, counts, max_length),
        *_long_words(lines),
    )
    return OwnAudit(facts=tuple(_facts(lines, counts, max_length)), warnings=warnings)


def _lines(task: Task) -> Lines:
    found: dict[str, list[Located]] = {
        split: LOCATED[task.of_split(split).reader](near(task.files[split]), task.of_split(split))
        for split in task.splits
        if split in task.files
    }
    numbers = {split: {example.id: line for line, example in own} for split, own in found.items()}
    splits = {split: [example for _, example in own] for split, own in found.items()}
    if "dev" not in splits:
        splits["train"], splits["dev"] = divided(task, splits["train"])
        numbers["dev"] = numbers["train"]
    return Lines(task, {split: splits[split] for split in task.splits}, numbers)


def _refuse_too_few(lines: Lines) -> None:
    made = "dev" not in lines.task.files
    for split, examples in lines.splits.items():
        if len(examples) >= LEAST[split]:
            continue
        least = f"at least {LEAST[split]} in {split}"
        if not made or split == "test":
            fail(lines.file(split), _n(len(examples), "example"), least, "add some: so few tell nothing")
        total = sum(len(lines.splits[own]) for own in ("train", "dev"))
        found = f"{_n(total, 'example')}, of which {len(lines.splits['dev'])} could be split off as a dev set"
        remedy = "add some, name a dev file, or raise dev_share (what is of one document or text stays together)"
        fail(lines.file(split), found, f"at least {LEAST['train']} in train and {LEAST['dev']} in dev", remedy)


def _refuse_one_class(lines: Lines) -> None:
    task, train = lines.task, lines.splits["train"]
    where, remedy = lines.file("train"), "nothing can be learned from that: check the column and the files"
    if task.output == "score" and len({example.label for example in train}) < 2:
        fail(where, f"the score {train[0].label:g} in all of train", "scores that differ", remedy)
    counts = _label_counts(task, train)
    if task.output == "token_labels" and not counts:
        fail(where, "no mention in train", "words with other tags than O", remedy)
    if task.output == "multi_label" and not counts:
        fail(where, "no label at all in train", "documents with labels", remedy)
    if task.output == "single_label" and len(counts) < 2:
        fail(where, f"the label {next(iter(counts))!r} in all of train", "two labels or more", remedy)


def _few(lines: Lines) -> Iterator[str]:
    for split, examples in lines.splits.items():
        if len(examples) < FEW[split]:
            why = "a score over seeds will vary much" if split == "train" else "its scores have wide intervals"
            yield f"{split} has {_n(len(examples), 'example')}: {why}"


def _unseen_labels(lines: Lines) -> Iterator[str]:
    known = set(_label_counts(lines.task, lines.splits["train"]))
    for split in list(lines.splits)[1:]:
        own = _label_counts(lines.task, lines.splits[split])
        for label in sorted(own.keys() - known):
            first = next(e for e in lines.splits[split] if label in _label_counts(lines.task, [e]))
            yield (
                f"label {label!r} of {split} ({own[label]} times, first in {lines.place(split, first)}) is not in "
                "train: it cannot be learned, and counts as missed"
            )


def _joined_labels(lines: Lines) -> Iterator[str]:
    """Sets of labels that another separator divides, so that each combination would be a label of its own."""
    labels = lines.task.labels if lines.task.output == "multi_label" and not lines.task.custom.one_hot else ()
    for separator in SEPARATORS:
        parts = {label: [part.strip() for part in label.split(separator)] for label in labels}
        known = Counter(part for own in parts.values() for part in own)
        joined = [label for label, own in parts.items() if len(own) > 1 and max(known[part] for part in own) > 1]
        if joined:
            yield (
                f"label {joined[0]!r} is read as one: where {separator!r} stands between labels, write separator: "
                f"'{separator}' in a task's YAML file"
            )


def _rare_labels(lines: Lines) -> Iterator[str]:
    task = lines.task
    counts = _label_counts(task, lines.splits["train"])
    labels = (
        [] if task.output == "score" else entity_types(task.labels) if task.output == "token_labels" else task.labels
    )
    rare = [f"{label} ({counts[label]})" for label in labels if counts[label] < RARE]
    if rare:
        yield f"labels with fewer than {RARE} examples in train are hardly learned: {_some(rare)}"
    total = len(lines.splits["train"])
    for label, n in counts.items() if task.output == "single_label" else ():
        if n >= ONE_SIDED * total:
            yield f"{n} of {total} examples of train have the label {label!r}: who always says it is right as often"


def _spans(lines: Lines) -> Iterator[str]:
    """What became of entities at character offsets."""
    for split, file in lines.task.files.items():
        form = lines.task.of_split(split)
        if form.reader in DOCUMENTS:
            yield from (f"{split}: {said}" for said in span_counts(near(file), form).sentences())


def _within(lines: Lines) -> Iterator[str]:
    for split, examples in lines.splits.items():
        same = defaultdict(list)
        for example in examples:
            same[normalized(example)].append(example)
        doubled = [own for own in same.values() if len(own) > 1]
        if doubled:
            differ = [own for own in doubled if len({example.label for example in own}) > 1]
            named = lines.both(split, *(differ or doubled)[0][:2])
            more = f"; with different labels: {len(differ)}" if differ else ""
            n = sum(len(own) - 1 for own in doubled)
            yield f"{split} repeats {_n(n, 'text')} (as in {named}){more}"


def _across(lines: Lines) -> Iterator[str]:
    others = {split: examples for split, examples in lines.splits.items() if split != "train"}
    for split, found in duplicates(lines.task, lines.splits["train"], others).items():
        if found["near"]:
            yield (
                f"{found['near']} of {found['examples']} examples of {split} stand in train too ({found['exact']} word "
                f"for word, {found['other_label'] or 'none'} with another label): its score is too good by them"
            )
    train = named_documents(lines.splits["train"])
    for split, examples in others.items():
        if shared := train & named_documents(examples):
            yield f"train and {split} share {_n(len(shared), 'document')} ({_some(sorted(shared))})"


def _long(lines: Lines, counts: Mapping[str, Sequence[int]], limit: int) -> Iterator[str]:
    fate = "they are split into several sequences" if lines.task.output == "token_labels" else "what follows is lost"
    for split, own in counts.items():
        longer = [i for i, n in enumerate(own) if n > limit]
        if longer:
            longest = max(longer, key=own.__getitem__)
            yield (
                f"{len(longer)} of {len(own)} examples of {split} exceed {limit} sub-words: {fate} (the "
                f"longest, {own[longest]}: {lines.place(split, lines.splits[split][longest])})"
            )


def _long_words(lines: Lines) -> Iterator[str]:
    if lines.task.output != "token_labels":
        return
    for split, examples in lines.splits.items():
        found = [example for example in examples if max(map(len, example.texts)) > LONG_WORD]
        if found:
            yield (
                f"{_n(len(found), 'sentence')} of {split} with a word of more than {LONG_WORD} characters, which an "
                f"encoder does not read (the first begins in {lines.place(split, found[0])})"
            )


def _facts(lines: Lines, counts: Mapping[str, Sequence[int]], limit: int) -> Iterator[str]:
    task, own = lines.task, lines.task.custom
    alias = task.custom.task_type_alias or task.task_type
    yield f"{task.name}: kind {alias}, scored by {task.metric}{_counted_classes(task)}"
    for split, examples in lines.splits.items():
        size = sum(example_size(task, example.label) for example in examples)
        more = f", {size} {task.size_unit}" if task.output == "token_labels" else ""
        origin = f"from {lines.file(split)}"
        if split not in task.files:
            origin = (
                f"split off train ({own.dev_share:.0%}, stratified by label, grouped by document, seed "
                f"{own.split_seed}); no dev file was named"
            )
        documents = named_documents(examples)
        within = f", of {_n(len(documents), 'document')}" if documents else ""
        yield f"{split}: {_n(len(examples), _what(task))}{more}{within}, {origin}"
    if "test" not in lines.splits:
        yield "test: none; the scores are of dev alone"
    yield f"read: {_reading(task)}"
    for split in task.custom.split_overrides:
        yield f"read, {split}: {_reading(task.of_split(split))}"
    if task.output == "score":
        scores = [float(example.label) for example in lines.splits["train"]]
        scaled = "; trained as distances from their mean in standard deviations" if own.scale != 1 else ""
        yield f"scores of train: {min(scores):g} to {max(scores):g}, mean {np.mean(scores):.2f}{scaled}"
    else:
        found = _label_counts(task, lines.splits["train"])
        ordered = sorted(found, key=lambda label: (-found[label], label))
        yield "labels of train: " + ", ".join(f"{label} {found[label]}" for label in ordered)
    every = [n for own_counts in counts.values() for n in own_counts]
    middle, most = (int(np.percentile(every, q, method="inverted_cdf")) for q in (50, 95))
    yield f"sub-words: half have at most {middle}, 95% at most {most}, the longest {max(every)}; limit {limit}"


def _reading(task: Task) -> str:
    own, form = task.custom, task.reader.removeprefix("own_").replace("_", " ")
    if form in WITHOUT_COLUMNS:
        return f"{form}; text is divided into sentences and words"
    if task.output == "token_labels" and own.scheme:
        where = "columns" if form == "conll" else "keys"
        return f"{form}, {where} {task.columns[0]} (words) and {task.columns[1]} (tags), scheme {own.scheme}"
    roles = [*zip(("text", "text2"), task.columns[1:-1], strict=False), ("label", task.columns[-1])]
    if task.output == "token_labels":
        roles = [("text", task.columns[0]), ("type" if own.start else "entities", task.columns[1])]
    if own.one_hot:
        roles[-1] = ("labels", "+".join(own.one_hot))
    more = ("id", "document", "start", "end", "mention")
    roles += [(role, name) for role in more if (name := getattr(own, role))]
    divided = "; text is divided into sentences and words" if task.output == "token_labels" else ""
    return f"{form}, " + ", ".join(f"{role} = {name}" for role, name in roles) + divided


def _counted_classes(task: Task) -> str:
    if task.metric != "micro_f1" or len(task.positive_labels) == len(task.labels):
        return ""
    return f" of all labels but {next(label for label in task.labels if label not in task.positive_labels)}"


def _what(task: Task) -> str:
    return "sentence" if task.output == "token_labels" else "document" if task.task_type == "document" else "example"


def _label_counts(task: Task, examples: Sequence[Example]) -> Counter[str]:
    """Label -> examples; entity type -> mentions (PICO: words); none of scores."""
    if task.output == "score":
        return Counter()
    if task.output == "token_labels":
        begins = "I" if task.task_type == "pico" else "B"
        tags = (tag for e in examples for tag in split_tags(str(e.label)) if tag != OUTSIDE and tag.startswith(begins))
        return Counter(tag[2:] or "mentions" for tag in tags)
    if task.output == "multi_label":
        return Counter(label for example in examples for label in split_labels(str(example.label)))
    return Counter(str(example.label) for example in examples)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _n(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
