"""The audit of a custom task before training: facts, warnings, and errors if it cannot be trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from ...errors import count_of
from ..audit import sub_word_counts
from ..caveats import TRUNCATED, UNMATCHED, Caveat, find_caveats
from ..duplicates import named_documents, normalized
from ..formats.lines import MAX_QUOTED, clip, listed, raise_data_error
from ..formats.read_counts import skipped_sentences
from ..task import Task, example_size
from .audit_labels import (
    abbreviate,
    label_counts,
    left_out,
    missing_texts,
    odd_labels,
    quoted_texts,
)
from .columns import WITHOUT_COLUMNS
from .files import display_path, passed_over
from .locations import ExampleLocations, locate_examples
from .spans import DOCUMENTS, span_notes
from .tabular import skipped_records
from .tagged import entity_types

MIN_EXAMPLES = {"train": 8, "dev": 4, "test": 1}  # an error below these numbers of examples
LOW_TRAIN = 100  # a warning below this number of examples
MAX_UNSEEN = 10  # labels that train lacks, each with a warning
MAX_LABELS = 30  # labels listed with their counts
RARE_LABEL = 5  # a warning below this number of examples (mentions) of a label in train
IMBALANCE = 0.95  # a warning from this fraction of one label on
MAX_WORD_CHARS = 100  # longer words become [UNK] in WordPiece


@dataclass(frozen=True, kw_only=True)
class CustomTaskAudit:
    """The findings, as sentences."""

    facts: tuple[str, ...]
    warnings: tuple[str, ...]  # of caveats too
    caveats: tuple[Caveat, ...] = ()  # of the scores on dev and test


def check_trainable(task: Task) -> None:
    """Check that a task can be trained on: well-formed files, enough examples, more than one class."""
    lines = locate_examples(task)
    _refuse_too_few(lines)
    _refuse_one_class(lines)


def audit_custom_task(
    task: Task, tokenizer: Tokenizer, *, max_length: int, train_on_dev: bool = False
) -> CustomTaskAudit:
    """The audit of a task that passes `check_trainable`."""
    lines = locate_examples(task)
    counts = {split: sub_word_counts(task, examples, tokenizer) for split, examples in lines.splits.items()}
    caveats = find_caveats(task, lines.splits, tokenizer, max_length=max_length, train_on_dev=train_on_dev)
    warnings = (
        *_small_train(lines),
        *_unseen_labels(lines),
        *odd_labels(lines),
        *missing_texts(lines),
        *quoted_texts(lines),
        *_rare_labels(lines),
        *_span_notes(lines),
        *_duplicates_within(lines),
        *_over_limit(lines, counts, max_length),
        *_long_words(lines),
        *(caveat.text for caveat in caveats if caveat.kind not in (UNMATCHED, TRUNCATED)),  # which have a note above
    )
    return CustomTaskAudit(facts=tuple(_facts(lines, counts, max_length)), warnings=warnings, caveats=caveats)


def _refuse_too_few(lines: ExampleLocations) -> None:
    made = "dev" not in lines.task.files
    for split, examples in lines.splits.items():
        if len(examples) >= MIN_EXAMPLES[split]:
            continue
        least = f"at least {MIN_EXAMPLES[split]} in {split}"
        if not made or split == "test":
            raise_data_error(lines.file(split), count_of(len(examples), "example"), least, "add more")
        total = sum(len(lines.splits[split_name]) for split_name in ("train", "dev"))
        actual = f"{count_of(total, 'example')}, of which {len(lines.splits['dev'])} can be split off as dev"
        remedy = "add more, name a dev file, or raise dev_share (examples of one document or text stay together)"
        if total > 1 and len({example.unit for part in lines.splits.values() for example in part}) == 1:
            remedy = "name a dev file, or leave out the document's mark (-DOCSTART-, a column) if it is not one text"
            raise_data_error(lines.file(split), f"{actual}, all of one document", "several documents", remedy)
        least = f"at least {MIN_EXAMPLES['train']} in train and {MIN_EXAMPLES['dev']} in dev"
        raise_data_error(lines.file(split), actual, least, remedy)


def _refuse_one_class(lines: ExampleLocations) -> None:
    task, train = lines.task, lines.splits["train"]
    where, remedy = lines.file("train"), "check the column and the files"
    if task.output == "score" and len({example.label for example in train}) < 2:
        raise_data_error(where, f"the score {train[0].label:g} in all of train", "different scores", remedy)
    for split, examples in lines.splits.items() if task.output == "score" else ():
        if len(examples) > 1 and len({example.label for example in examples}) == 1:
            found = f"the score {examples[0].label:g} in all of {split}"
            raise_data_error(lines.file(split), found, "different scores, which a correlation needs", remedy)
    counts = label_counts(task, train)
    if task.output == "token_labels" and not counts:
        raise_data_error(where, "no mention in train", "tags other than O", remedy)
    if task.output == "multi_label" and not counts:
        raise_data_error(where, "no label in train", "documents with labels", remedy)
    if task.output == "single_label" and len(counts) < 2:
        raise_data_error(where, f"the label {next(iter(counts))!r} in all of train", "at least two labels", remedy)


def _small_train(lines: ExampleLocations) -> Iterator[str]:
    if (n := len(lines.splits["train"])) < LOW_TRAIN:
        yield f"train has {count_of(n, 'example')}: scores will vary widely over seeds"


def _unseen_labels(lines: ExampleLocations) -> Iterator[str]:
    known = set(label_counts(lines.task, lines.splits["train"]))
    for split in list(lines.splits)[1:]:
        counts = label_counts(lines.task, lines.splits[split])
        unseen = sorted(counts.keys() - known)
        for label in unseen[:MAX_UNSEEN]:
            first = next(e for e in lines.splits[split] if label in label_counts(lines.task, [e]))
            yield (
                f"label {clip(repr(label))} of {split} ({counts[label]} times, first in "
                f"{lines.location(split, first)}) is not in train: the model cannot predict it"
            )
        if len(unseen) > MAX_UNSEEN:
            yield f"{len(unseen) - MAX_UNSEEN} more labels of {split} are not in train"


def _rare_labels(lines: ExampleLocations) -> Iterator[str]:
    task = lines.task
    counts = label_counts(task, lines.splits["train"])
    labels = (
        [] if task.output == "score" else entity_types(task.labels) if task.output == "token_labels" else task.labels
    )
    rare = [f"{label} ({counts[label]})" for label in labels if counts[label] < RARE_LABEL]
    if rare:
        yield f"labels with fewer than {RARE_LABEL} examples in train are hard to learn: {abbreviate(rare)}"
    total = len(lines.splits["train"])
    for label, n in counts.items() if task.output == "single_label" else ():
        if n >= IMBALANCE * total:
            yield f"label {label!r} covers {n} of {total} training examples; a majority baseline scores as well"


def _span_notes(lines: ExampleLocations) -> Iterator[str]:
    """Notes on records left out, and on the conversion of entities at character offsets."""
    for split, file in lines.task.files.items():
        form = lines.task.of_split(split)
        if form.reader in DOCUMENTS:
            yield from (f"{split}: {sentence}" for sentence in span_notes(display_path(file), form))
        elif form.reader != "own_conll":
            skipped = skipped_records(display_path(file), form)
            yield from (f"{split}: {sentence}" for sentence in skipped_sentences(skipped))


def _duplicates_within(lines: ExampleLocations) -> Iterator[str]:
    for split, examples in lines.splits.items():
        same = defaultdict(list)
        for example in examples:
            same[normalized(example)].append(example)
        doubled = [group for group in same.values() if len(group) > 1]
        if doubled:
            differ = [group for group in doubled if len({example.label for example in group}) > 1]
            named = lines.location_of_pair(split, *(differ or doubled)[0][:2])
            more = f"; with different labels: {len(differ)}" if differ else ""
            n = sum(len(group) - 1 for group in doubled)
            yield f"{split} repeats {count_of(n, 'text')} (as in {named}){more}"


def _over_limit(lines: ExampleLocations, counts: Mapping[str, Sequence[int]], limit: int) -> Iterator[str]:
    fate = "they are split into several sequences" if lines.task.output == "token_labels" else "the rest is cut off"
    for split, lengths in counts.items():
        longer = [i for i, n in enumerate(lengths) if n > limit]
        if longer:
            longest = max(longer, key=lengths.__getitem__)
            yield (
                f"{len(longer)} of {len(lengths)} examples of {split} exceed {limit} sub-words: {fate} (the "
                f"longest, {lengths[longest]}: {lines.location(split, lines.splits[split][longest])})"
            )


def _long_words(lines: ExampleLocations) -> Iterator[str]:
    if lines.task.output != "token_labels":
        return
    for split, examples in lines.splits.items():
        affected = [example for example in examples if max(map(len, example.texts)) > MAX_WORD_CHARS]
        if affected:
            first = lines.location(split, affected[0])
            yield (
                f"{count_of(len(affected), 'sentence')} of {split} with a word of more than {MAX_WORD_CHARS} "
                f"characters, which encoders treat as unknown (the first starts in {first})"
            )


def _facts(lines: ExampleLocations, counts: Mapping[str, Sequence[int]], limit: int) -> Iterator[str]:
    task, custom = lines.task, lines.task.form
    alias = task.form.task_type_alias or task.task_type
    yield f"{task.name}: kind {alias}, scored by {task.metric}{_counted_classes(task)}"
    for split, examples in lines.splits.items():
        size = sum(example_size(task, example.label) for example in examples)
        more = f", {size} {task.size_unit}" if task.output == "token_labels" else ""
        origin = f"from {lines.file(split)}"
        if split not in task.files:
            origin = (
                f"split off train ({custom.dev_share:.0%}, stratified by label, grouped by document, seed "
                f"{custom.split_seed})"
            )
        documents = named_documents(examples)
        within = f", of {count_of(len(documents), 'document')}" if documents else ""
        yield f"{split}: {count_of(len(examples), _unit_name(task))}{more}{within}, {origin}"
    if "test" not in lines.splits:
        yield "test: none; scores are reported on dev only"
    yield f"read: {_describe_format(task)}"
    for split in task.form.split_overrides:
        yield f"read, {split}: {_describe_format(task.of_split(split))}"
    if others := passed_over(task.files):
        yield f"files: {others}"
    for split, file in task.files.items():
        yield from (f"{split}: {sentence}" for sentence in left_out(display_path(file), task.of_split(split)))
    if task.output == "score":
        scores = [float(example.label) for example in lines.splits["train"]]
        scaled = "; standardized for training" if custom.scale != 1 else ""
        yield f"scores of train: {min(scores):g} to {max(scores):g}, mean {np.mean(scores):.2f}{scaled}"
    else:
        label_sizes = label_counts(task, lines.splits["train"])
        ordered = sorted(label_sizes, key=lambda label: (-label_sizes[label], label))
        counted = [f"{clip(label, length=MAX_QUOTED)} {label_sizes[label]}" for label in ordered]
        yield f"labels of train: {abbreviate(counted, most=MAX_LABELS)}"
    every = [n for own_counts in counts.values() for n in own_counts]
    middle, most = (int(np.percentile(every, q, method="inverted_cdf")) for q in (50, 95))
    yield f"sub-words: median {middle}, 95th percentile {most}, maximum {max(every)}; limit {limit}"


def _describe_format(task: Task) -> str:
    custom, form = task.form, task.reader.removeprefix("own_").replace("_", " ")
    if form in WITHOUT_COLUMNS:
        return f"{form}; text is split into sentences and words"
    if task.output == "token_labels" and custom.scheme:
        where = "columns" if form == "conll" else "keys"
        spelling = f", tags written {custom.tag_spelling}" if custom.tag_spelling else ""
        return (
            f"{form}, {where} {task.columns[0]} (words) and {task.columns[1]} (tags), scheme {custom.scheme}{spelling}"
        )
    roles = [*zip(("text", "text2"), task.columns[1:-1], strict=False), ("label", task.columns[-1])]
    if task.output == "token_labels":
        roles = [("text", task.columns[0]), ("type" if custom.start else "entities", task.columns[1])]
    if custom.one_hot:
        roles[-1] = ("labels", listed(custom.one_hot, "+"))
    if custom.marks:
        roles[-1] = ("labels", f"{task.columns[-1]} (1 or 0 for {listed(custom.marks)})")
    more = ("id", "document", "start", "end", "mention")
    roles += [(role, name) for role in more if (name := getattr(custom, role))]
    divided = "; text is split into sentences and words" if task.output == "token_labels" else ""
    return f"{form}, " + ", ".join(f"{role} = {name}" for role, name in roles) + divided


def _counted_classes(task: Task) -> str:
    if task.metric != "micro_f1" or len(task.positive_labels) == len(task.labels):
        return ""
    return f" of all labels except {next(label for label in task.labels if label not in task.positive_labels)}"


def _unit_name(task: Task) -> str:
    return "sentence" if task.output == "token_labels" else "document" if task.task_type == "document" else "example"
