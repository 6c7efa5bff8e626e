"""Which task a command is about: BLURB's by name, or one of one's own by its YAML file or by its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError

if TYPE_CHECKING:
    from ..tasks import Task

DEFINITIONS = (".yaml", ".yml")
_OPTIONS = "--train, --dev, --test, --columns, --format, --scheme, --metric, --negative and --discontinuous"


def named_task(word: str) -> Task:
    """The task of a YAML file, or BLURB's of that name.

    Raises:
        ParameterError: there is none, or the file is no definition.
        DataError: its files are missing or malformed.
    """
    from ..tasks import get_task, load_custom_task

    return load_custom_task(word) if Path(word).suffix.lower() in DEFINITIONS else get_task(word)


def task_of_words(
    word: str, *, data: str | None, files: Mapping[str, Path | None], columns: str | None, **said: str | None
) -> Task:
    """The task that `finetune` is asked for.

    Args:
        word: BLURB's name, a YAML file, or a kind.
        data: with a kind, the directory that holds train.*, dev.*, test.*.
        files: split -> file, with a kind.
        columns: role=name, separated by commas.
        said: other arguments of `own_task`.

    Raises:
        ParameterError: the task is unknown, or options do not go together.
        DataError: a task's own files are missing or malformed.
    """
    from ..tasks import custom_task
    from ..tasks.custom.definition import is_kind

    own = {split: path for split, path in files.items() if path is not None}
    more = {name: value for name, value in (said | {"columns": columns}).items() if value is not None}
    if not is_kind(word):
        if own or more:
            raise ParameterError(
                f"--task {word}: {_OPTIONS} belong to a kind, such as --task ner; say the rest in a YAML"
            )
        return named_task(word)
    if own and data is not None:
        raise ParameterError("name the files once: --train FILE [--dev FILE] [--test FILE], or --data DIR")
    if not own and data is None:
        raise ParameterError(
            f"--task {word} is a kind of task: name your files too (--train FILE [--dev FILE] [--test FILE], or --data "
            "DIR with train.*, dev.*, test.* in it)"
        )
    if not own and not Path(str(data)).expanduser().is_dir():
        raise ParameterError(
            f"--task {word} is a kind of task, and --data {data} no folder with train.*, dev.*, test.* in it; name "
            "yours"
        )
    values: dict[str, Any] = more | ({"columns": columns_of_words(columns)} if columns is not None else {})
    return custom_task(kind=word, files=own or str(data), **values)


def columns_of_words(words: str) -> dict[str, str]:
    """Role -> column, from `text=sentence,label=class`."""
    pairs = [part.partition("=") for part in words.split(",")]
    if wrong := next((role for role, equals, name in pairs if not (role.strip() and equals and name.strip())), None):
        raise ParameterError(f"--columns: {wrong!r} names no column; write text=NAME,label=NAME")
    return {role.strip(): name.strip() for role, _, name in pairs}
