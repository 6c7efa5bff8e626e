"""Whether a data folder holds BLURB: every file read, its examples counted, its bytes compared with the known ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from .. import READERS, SPLITS, TASKS, Example, Task, example_size, split_file
from ..duplicates import named_documents
from ..formats.lines import shown
from .manifest import DataFile, DatasetSource, public_sources, sha256_of

if TYPE_CHECKING:
    import pandas

GENERATED = "Mini-BLURB"  # how the README.md of a generated folder begins
NAMED = 3  # ids that a message names

EXACT, OTHER_BYTES, UNKNOWN, ABSENT = "exact", "other bytes", "not compared", "-"
OK, KNOWN, OTHER_TEXT, DAMAGED, COUNTED = "ok", "known difference", "other text", "DAMAGED", "counted"
LINE_ENDS = (b"", b"\n", b"\n\n")  # that a file may end in: readers see no difference


@dataclass(frozen=True, kw_only=True)
class SplitCheck:
    """One split of one dataset."""

    split: str
    file: str | None  # its name; None where there is none
    size: int | None  # what Task.counted counts; None where the file cannot be read
    examples: int | None  # sentences, where words are tagged; None where the file cannot be read
    published: int | None  # of what Task.counted counts; None where nothing is compared
    known: int | None  # the size of the public files, where it is not the published one
    bytes: str  # exact | other bytes | not compared | -


@dataclass(frozen=True, kw_only=True)
class TaskCheck:
    """One dataset."""

    task: str
    counted: str
    splits: tuple[SplitCheck, ...]
    flag: str  # ok | known difference | other text (all else fits) | DAMAGED | counted (nothing was compared)
    differences: tuple[str, ...]  # known ones, in words
    remarks: tuple[str, ...]  # what is worth knowing and no damage
    problems: tuple[str, ...]  # damage and, unless it is allowed, other text; one line each

    @property
    def bytes(self) -> str:
        """The worst that holds of any of its files."""
        return max((split.bytes for split in self.splits), key=(EXACT, UNKNOWN, OTHER_BYTES, ABSENT).index)


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What a data folder holds."""

    folder: str
    generated: bool  # a mini-BLURB: its sizes are its own
    tasks: tuple[TaskCheck, ...]

    @property
    def problems(self) -> list[str]:
        """Of all datasets, one line each."""
        return [f"{check.task}: {problem}" for check in self.tasks for problem in check.problems]

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"problems": self.problems}

    def to_frame(self) -> pandas.DataFrame:
        """One row a dataset, for a notebook."""
        import pandas

        return pandas.DataFrame(
            [
                {"dataset": check.task, "counted": check.counted}
                | {split.split: size_text(split) for split in check.splits}
                | {"bytes": check.bytes, "flag": check.flag}
                for check in self.tasks
            ]
        ).set_index("dataset")


def size_text(split: SplitCheck) -> str:
    """The size of a split; the published one in brackets where it differs."""
    if split.published in (None, split.size):
        return "-" if split.size is None else str(split.size)
    return f"{'-' if split.size is None else split.size} ({split.published})"


def check_data(
    folder: Path | str,
    tasks: Sequence[Task] = TASKS,
    *,
    sources: Mapping[str, DatasetSource] | None = None,
    allow_other_text: bool = False,
) -> DataCheck:
    """Read and compare these datasets; damage is told in the result, not raised.

    Args:
        sources: the known bytes (default: those of files.yaml).
        allow_other_text: a file that reads, has the known sizes and is not the known text is another edition on
            purpose: a remark, no problem.

    Raises:
        DataError: there is no such folder.
    """
    folder, known = Path(folder), public_sources() if sources is None else sources
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the one that holds the BLURB datasets with --data")
    generated = is_generated(folder)
    checks = tuple(
        _check(
            task, folder, None if generated else known.get(task.name), generated=generated, allow_other=allow_other_text
        )
        for task in tasks
    )
    return DataCheck(folder=str(folder), generated=generated, tasks=checks)


def is_generated(folder: Path) -> bool:
    """Whether a data folder is a mini-BLURB."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as about:
            return about.read(len(GENERATED)) == GENERATED
    except OSError:
        return False


def _check(task: Task, folder: Path, source: DatasetSource | None, *, generated: bool, allow_other: bool) -> TaskCheck:
    splits: list[SplitCheck] = []
    read: dict[str, list[Example]] = {}
    problems: list[str] = []
    remarks: list[str] = []
    other_text: list[str] = []
    for split in SPLITS:
        path, size, verdict, same_text = None, None, ABSENT, True
        try:
            path = split_file(task, folder, split=split)
            verdict = UNKNOWN
            read[split] = READERS[task.reader](path, task)
            size = sum(example_size(task, example.label) for example in read[split])
            if source:
                verdict, remark, same_text = _compared(path, source)
                remarks += [remark] if remark else []
        except DataError as error:
            problems += [str(error)] if str(error) not in problems else []  # a missing folder is one problem
        checked = SplitCheck(
            split=split,
            file=path.name if path else None,
            size=size,
            examples=len(read[split]) if split in read else None,
            published=None if generated else task.sizes[split],
            known=None if generated else _known_size(task, split, path),
            bytes=verdict,
        )
        splits.append(checked)
        wrong = _wrong_size(task, checked, path)
        if not wrong and verdict != EXACT:
            known = source.files.get(checked.file) if source and checked.file else None
            wrong = _wrong_number(task, checked, path, known)
        problems += wrong
        if not same_text and not wrong:
            other_text.append(_other_text(task, path, allowed=allow_other))
    remarks += other_text if allow_other else []
    shared, common = _shared(read)
    differences = () if generated else tuple(_known_differences(task, splits))
    flags = {
        DAMAGED: problems or shared,  # before other text, which is then the lesser trouble
        COUNTED: generated,
        OTHER_TEXT: other_text,
        KNOWN: differences,
        OK: True,
    }
    return TaskCheck(
        task=task.name,
        counted=task.size_unit,
        splits=tuple(splits),
        flag=next(flag for flag, holds in flags.items() if holds),
        differences=differences,
        remarks=(*remarks, *common),
        problems=(*problems, *shared, *(() if allow_other else other_text)),
    )


def _known_size(task: Task, split: str, path: Path | None) -> int | None:
    """Of the public file: where the split has a substitute, that one's, and no size of the file it stands for."""
    if path is not None and path.name != task.fallback_files.get(split, path.name):
        return None
    return task.known_sizes.get(split)


def _wrong_size(task: Task, split: SplitCheck, path: Path | None) -> list[str]:
    if split.size is None or split.published is None or split.size in (split.published, split.known):
        return []
    known = f" or {split.known} (public files)" if split.known is not None else ""
    return [
        f"{path}: found {split.size} {task.size_unit}; expected {split.published} (published){known}; the file is cut "
        f"short, edited or another version: {_get_again(task)}"
    ]


def _wrong_number(task: Task, split: SplitCheck, path: Path | None, known: DataFile | None) -> list[str]:
    """Of examples, where the size fits: sentences without mentions add nothing to it."""
    if known is None or known.examples is None or split.examples in (None, known.examples):
        return []
    what = "sentences" if task.output == "token_labels" else "examples"
    return [
        f"{path}: found {split.examples} {what}; expected the {known.examples} of the public file; the file is cut "
        f"short, edited or another version: {_get_again(task)}"
    ]


def _other_text(task: Task, path: Path | None, *, allowed: bool) -> str:
    found = f"{path}: found a text that is not that of the public file, though its sizes fit"
    if allowed:
        return f"{found}; allowed as another edition: a score on it is not comparable"
    return (
        f"{found}; a score on it is not comparable: {_get_again(task)}, or say --allow-other-text if it is another "
        f"edition on purpose"
    )


def _get_again(task: Task) -> str:
    return f"move it away and get it again (blurbstudy data download --task '{task.name}')"


def _known_differences(task: Task, splits: Sequence[SplitCheck]) -> list[str]:
    return [
        f"{split.split}: {task.known_differences.get(split.split, f'{split.size}, published {split.published}')}"
        for split in splits
        if split.size is not None and split.size != split.published and split.size == split.known
    ]


def _compared(path: Path, source: DatasetSource) -> tuple[str, str, bool]:
    """The verdict on a file's bytes, a remark where there is one to make, and whether it may hold the known text."""
    file = source.files.get(path.name)
    if file is None:
        return UNKNOWN, f"{path.name}: no sum of this file is known, its size alone is compared", True
    if sha256_of(path) == file.sha256:
        return EXACT, "", True
    if file.sha256 in _sums_of_the_same_text(path):
        return OTHER_BYTES, f"{path.name}: the known text with other line ends or layout, read the same", True
    return OTHER_BYTES, "", False


def _sums_of_the_same_text(path: Path) -> set[str]:
    """SHA-256 of what reads the same: without byte-order mark, lines ended by a line feed, JSON indented by 4."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if path.suffix == ".json":
        try:
            data = json.dumps(json.loads(data), indent=4).encode()
        except RecursionError:  # deeper than anything that is known
            return set()
    return {hashlib.sha256(data.rstrip(b"\n") + end).hexdigest() for end in LINE_ENDS}


def _shared(read: Mapping[str, Sequence[Example]]) -> tuple[list[str], list[str]]:
    """Examples that stand in two splits (damage), and documents that do (a remark: JNLPBA has some)."""
    problems, remarks = [], []
    for one, other in combinations(read, 2):
        ids = {e.id for e in read[one]} & {e.id for e in read[other]}
        if ids and not (_is_count(read[one]) and _is_count(read[other])):
            remedy = "an example may stand in one split only: get the files again"
            problems.append(f"{one} and {other} share {_named(ids, 'id')}; {remedy}")
        elif units := named_documents(read[one]) & named_documents(read[other]):
            remarks.append(f"{one} and {other} share {_named(units, 'document')}")
    return problems, remarks


def _is_count(examples: Sequence[Example]) -> bool:
    """Whether ids just count the examples, and say nothing about another split."""
    return any([e.id for e in examples] == [str(i) for i in range(n, n + len(examples))] for n in (0, 1))


def _named(names: set[str], what: str) -> str:
    first = ", ".join(shown(name) for name in sorted(names)[:NAMED])
    return f"{len(names)} {what}{'s' * (len(names) > 1)} ({first}{', ...' if len(names) > NAMED else ''})"
