"""Verification of a data folder: reads every file, counts its examples and compares its bytes with the public file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import JsonObject
from ...errors import DataError
from .. import READERS, SPLITS, TASKS, Example, Task, dataset_folder, example_size, split_file
from ..duplicates import named_documents
from ..formats.lines import quote
from .manifest import DataFile, DatasetSource, load_manifest, sha256_of

if TYPE_CHECKING:
    import pandas

MINI_BLURB_TITLE = "Mini-BLURB"  # first words of README.md in a generated folder
MAX_NAMED = 3  # ids listed in a message

EXACT, DIFFERENT_BYTES, UNKNOWN, MISSING = "exact", "different bytes", "not compared", "-"
OK, KNOWN, DIFFERENT_TEXT, DAMAGED, GENERATED_DATA = "ok", "known difference", "different text", "DAMAGED", "generated"
LINE_ENDS = (b"", b"\n", b"\n\n")  # ends of a file that readers treat alike


@dataclass(frozen=True, kw_only=True)
class SplitCheck:
    """One split of one dataset."""

    split: str
    file: str | None  # its name; None if missing
    size: int | None  # in Task.size_unit; None if the file cannot be read
    examples: int | None  # or tagged sentences; None if the file cannot be read
    published: int | None  # in Task.size_unit; None if nothing is compared
    known: int | None  # size of the public files, if different
    bytes: str  # exact | different bytes | not compared | -


@dataclass(frozen=True, kw_only=True)
class TaskCheck:
    """One dataset."""

    task: str
    size_unit: str
    splits: tuple[SplitCheck, ...]
    status: str  # ok | known difference | different text (of equal size) | DAMAGED | generated (not compared)
    differences: tuple[str, ...]  # known differences, as sentences
    notes: tuple[str, ...]  # remarks that are not problems
    problems: tuple[str, ...]  # damage and, unless allowed, different text; one line each

    @property
    def bytes(self) -> str:
        """The worst result of its files."""
        return max((split.bytes for split in self.splits), key=(EXACT, UNKNOWN, DIFFERENT_BYTES, MISSING).index)


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """The result for a data folder."""

    folder: str
    generated: bool  # mini-BLURB, which is not compared
    tasks: tuple[TaskCheck, ...]  # those that are in the folder
    absent: tuple[str, ...]  # names of those that are not

    @property
    def problems(self) -> list[str]:
        """The problems of all datasets, one line each, and one line for those that are absent."""
        problems = [f"{check.task}: {problem}" for check in self.tasks for problem in check.problems]
        if self.absent:
            get = f"blurbstudy data download --to {self.folder}"
            problems.append(f"not in {self.folder}: {', '.join(self.absent)}; get them ({get})")
        return problems

    def to_dict(self) -> JsonObject:
        """The result as plain values."""
        return asdict(self) | {"problems": self.problems}

    def to_frame(self) -> pandas.DataFrame:
        """One row per dataset, for a notebook."""
        import pandas

        return pandas.DataFrame(
            [
                {"dataset": check.task, "counted": check.size_unit}
                | {split.split: size_text(split) for split in check.splits}
                | {"bytes": check.bytes, "flag": check.status}
                for check in self.tasks
            ]
        ).set_index("dataset")


def size_text(split: SplitCheck) -> str:
    """The size of a split, with the published one in brackets if different."""
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
    """Read and verify datasets; problems are part of the result.

    Args:
        sources: expected files (default: the manifest).
        allow_other_text: a readable file of the expected size whose text differs from the public file is a note, not a
            problem.

    Raises:
        DataError: there is no such folder, or none of the datasets is in it.
    """
    folder, known = Path(folder), load_manifest() if sources is None else sources
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the folder of the BLURB datasets with --data")
    present = [task for task in tasks if dataset_folder(task, folder).is_dir()]
    if not present:
        raise DataError(
            f"no BLURB dataset in {folder}; expected folders {', '.join(task.folder for task in tasks)}, or one of them"
        )
    generated = is_generated(folder)
    checks = tuple(
        _check(
            task, folder, None if generated else known.get(task.name), generated=generated, allow_other=allow_other_text
        )
        for task in present
    )
    absent = tuple(task.name for task in tasks if task not in present)
    return DataCheck(folder=str(folder), generated=generated, tasks=checks, absent=absent)


def is_generated(folder: Path) -> bool:
    """Whether a data folder is a mini-BLURB."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as about:
            return about.read(len(MINI_BLURB_TITLE)) == MINI_BLURB_TITLE
    except OSError:
        return False


def _check(task: Task, folder: Path, source: DatasetSource | None, *, generated: bool, allow_other: bool) -> TaskCheck:
    splits: list[SplitCheck] = []
    read: dict[str, list[Example]] = {}
    problems: list[str] = []
    notes: list[str] = []
    different_text: list[str] = []
    for split in SPLITS:
        path, size, verdict, same_text = None, None, MISSING, True
        try:
            path = split_file(task, folder, split=split)
            verdict = UNKNOWN
            read[split] = READERS[task.reader](path, task)
            size = sum(example_size(task, example.label) for example in read[split])
            if source:
                verdict, note, same_text = _compared(path, source)
                notes += [note] if note else []
        except DataError as error:
            problems += [str(error)] if str(error) not in problems else []  # report a missing folder once
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
            different_text.append(_different_text(task, path, allowed=allow_other))
    notes += different_text if allow_other else []
    shared, common = _shared(read)
    differences = () if generated else tuple(_known_differences(task, splits))
    flags = {
        DAMAGED: problems or shared,  # takes precedence over different text
        GENERATED_DATA: generated,
        DIFFERENT_TEXT: different_text,
        KNOWN: differences,
        OK: True,
    }
    return TaskCheck(
        task=task.name,
        size_unit=task.size_unit,
        splits=tuple(splits),
        status=next(flag for flag, holds in flags.items() if holds),
        differences=differences,
        notes=(*notes, *common),
        problems=(*problems, *shared, *(() if allow_other else different_text)),
    )


def _known_size(task: Task, split: str, path: Path | None) -> int | None:
    """The size of the public file; if the split has a fallback file, that file's."""
    if path is not None and path.name != task.fallback_files.get(split, path.name):
        return None
    return task.known_sizes.get(split)


def _wrong_size(task: Task, split: SplitCheck, path: Path | None) -> list[str]:
    if split.size is None or split.published is None or split.size in (split.published, split.known):
        return []
    known = f" or {split.known} (public files)" if split.known is not None else ""
    return [
        f"{path}: found {split.size} {task.size_unit}; expected {split.published} (published){known}; the file is "
        f"truncated, edited or another version: {_get_again(task)}"
    ]


def _wrong_number(task: Task, split: SplitCheck, path: Path | None, known: DataFile | None) -> list[str]:
    """A problem if the number of examples differs: sentences without mentions do not change the size."""
    if known is None or known.examples is None or split.examples in (None, known.examples):
        return []
    what = "sentences" if task.output == "token_labels" else "examples"
    return [
        f"{path}: found {split.examples} {what}; expected the {known.examples} of the public file; the file is "
        f"truncated, edited or another version: {_get_again(task)}"
    ]


def _different_text(task: Task, path: Path | None, *, allowed: bool) -> str:
    actual = f"{path}: its text differs from the public file, though the sizes are equal"
    if allowed:
        return f"{actual}; accepted (--allow-other-text); scores on it are not comparable"
    return (
        f"{actual}; scores on it are not comparable; {_get_again(task)}, or accept another version with "
        f"--allow-other-text"
    )


def _get_again(task: Task) -> str:
    return f"move it and download it again (blurbstudy data download --task '{task.name}')"


def _known_differences(task: Task, splits: Sequence[SplitCheck]) -> list[str]:
    return [
        f"{split.split}: {task.known_differences.get(split.split, f'{split.size}, published {split.published}')}"
        for split in splits
        if split.size is not None and split.size != split.published and split.size == split.known
    ]


def _compared(path: Path, source: DatasetSource) -> tuple[str, str, bool]:
    """The result for a file's bytes, a note or "", and whether its text may be the public one."""
    file = source.files.get(path.name)
    if file is None:
        return UNKNOWN, f"{path.name}: no checksum is known for this file; only its size is compared", True
    if sha256_of(path) == file.sha256:
        return EXACT, "", True
    if file.sha256 in _normalized_hashes(path):
        return DIFFERENT_BYTES, f"{path.name}: same text with different line ends or layout", True
    return DIFFERENT_BYTES, "", False


def _normalized_hashes(path: Path) -> set[str]:
    """SHA-256 of the normalized contents: without byte-order mark, LF line ends, JSON indented by 4."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if path.suffix == ".json":
        try:
            data = json.dumps(json.loads(data), indent=4).encode()
        except RecursionError:  # nested deeper than any public file
            return set()
    return {hashlib.sha256(data.rstrip(b"\n") + end).hexdigest() for end in LINE_ENDS}


def _shared(read: Mapping[str, Sequence[Example]]) -> tuple[list[str], list[str]]:
    """Problems: examples in two splits. Notes: documents in two splits, as in JNLPBA."""
    problems, notes = [], []
    for first, second in combinations(read, 2):
        ids = {e.id for e in read[first]} & {e.id for e in read[second]}
        if ids and not (_is_count(read[first]) and _is_count(read[second])):
            remedy = "every example must be in one split only; download the files again"
            problems.append(f"{first} and {second} share {_named(ids, 'id')}; {remedy}")
        elif units := named_documents(read[first]) & named_documents(read[second]):
            notes.append(f"{first} and {second} share {_named(units, 'document')}")
    return problems, notes


def _is_count(examples: Sequence[Example]) -> bool:
    """Whether ids only count the examples, so equal ids of two splits mean nothing."""
    return any([e.id for e in examples] == [str(i) for i in range(n, n + len(examples))] for n in (0, 1))


def _named(names: set[str], what: str) -> str:
    first = ", ".join(quote(name) for name in sorted(names)[:MAX_NAMED])
    return f"{len(names)} {what}{'s' * (len(names) > 1)} ({first}{', ...' if len(names) > MAX_NAMED else ''})"
