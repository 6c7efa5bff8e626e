"""Options that name a task: a BLURB task, a YAML definition, or a kind of task with data files."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import paths
from ..config import JsonObject
from ..engine.sources.encoder_spec import find_encoder
from ..errors import ParameterError

if TYPE_CHECKING:
    from ..tasks import Task

SUFFIXES = (".yaml", ".yml")  # of task definitions
_SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """The options that name a task; all but `task` and `data` need a kind of task."""

    task: Annotated[
        str,
        typer.Option(
            help="A BLURB task, such as BIOSSES; a YAML definition of your own task; or a KIND of task (ner, "
            "classification, relation, pairs, question, similarity, multi-label, pico) with --train or --data."
        ),
    ]
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of the BLURB datasets, or mini (default: BLURBSTUDY_DATA). With --task KIND: the folder of "
            "your train.*, dev.* and test.* files."
        ),
    ] = None
    train: Annotated[
        Path | None,
        typer.Option(help="With --task KIND: training data (TSV, CSV, JSON, CoNLL, PubTator, BioC, brat)."),
    ] = None
    dev: Annotated[Path | None, typer.Option(help="With --task KIND: dev data (default: split off train).")] = None
    test: Annotated[
        Path | None, typer.Option(help="With --task KIND: test data (default: none; scores are on dev).")
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            help="With --task KIND: text=NAME,label=NAME, also text2, id, document, start, end (default: "
            "columns with usual names); id= for none; test.text=NAME for one split."
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="With --task KIND: tsv, csv, json, jsonl, conll, brat, pubtator or bioc (default: by content and "
            "suffix).",
        ),
    ] = None
    scheme: Annotated[
        str | None, typer.Option(help="With --task KIND: tag scheme, iob1, iob2, iobes or io (default: detected).")
    ] = None
    metric: Annotated[
        str | None, typer.Option(help="With --task KIND: the metric (default: the usual one of that kind).")
    ] = None
    negative: Annotated[str | None, typer.Option(help="With --task KIND: the negative label, which F1 excludes.")] = (
        None
    )
    discontinuous: Annotated[
        str | None, typer.Option(help="With --task KIND: refuse (default) or skip discontinuous entities.")
    ] = None

    trust_offsets: Annotated[
        bool,
        typer.Option("--trust-offsets", help="With --task KIND: keep entities whose text differs from the document's."),
    ] = False
    skip_mismatched: Annotated[
        bool,
        typer.Option(
            "--skip-mismatched", help="With --task KIND: leave out entities whose text differs from the document's."
        ),
    ] = False
    drop_unlabelled: Annotated[
        bool,
        typer.Option(
            "--drop-unlabelled",
            help="With --task KIND: leave out, and count, rows without a label (empty, -, -1 or NaN).",
        ),
    ] = False

    @property
    def files(self) -> dict[str, Path]:
        """Split -> file."""
        return {split: path for split in _SPLITS if (path := getattr(self, split)) is not None}

    @property
    def definition(self) -> JsonObject:
        """The arguments of `custom_task` that are set."""
        names = [field.name for field in fields(self) if field.name not in ("task", "data", *_SPLITS)]
        return {name: value for name in names if (value := getattr(self, name)) not in (None, False)}

    def load(self) -> tuple[Task, str]:
        """The task and the folder of its data ("" for a custom task, which names its files)."""
        from ..tasks.custom.audit import check_trainable

        task = self._load_task()
        if task.custom:
            check_trainable(task)
        return task, "" if task.custom else require_data(self.data, task)

    def _load_task(self) -> Task:
        from ..tasks import get_task
        from ..tasks.custom.definition import USUAL_TASK_TYPES, custom_task, is_task_type

        files, definition = self.files, self.definition
        if not is_task_type(self.task):
            if not _is_definition(self.task):
                get_task(self.task, kinds=USUAL_TASK_TYPES)
            if files or definition:
                options = ", ".join(f"--{name.replace('_', '-')}" for name in (*files, *definition))
                raise ParameterError(
                    f"--task {self.task}: {options} needs a kind of task, such as --task ner; a YAML definition names "
                    "these itself"
                )
            return load_task(self.task)
        if files and self.data is not None:
            raise ParameterError("name the files once: --train FILE [--dev FILE] [--test FILE], or --data DIR")
        if not files and self.data is None:
            raise ParameterError(
                f"--task {self.task} is a kind of task; name your files too (--train FILE [--dev FILE] [--test FILE], "
                "or --data DIR with train.*, dev.*, test.*)"
            )
        if not files and not Path(str(self.data)).expanduser().is_dir():
            raise ParameterError(
                f"--task {self.task} is a kind of task, but --data {self.data} is not a folder with train.*, dev.*, "
                "test.*; name yours"
            )
        arguments: JsonObject = dict(definition)
        if self.columns is not None:
            arguments["columns"] = parse_columns(self.columns)
        make_task: Callable[..., Task] = custom_task
        return make_task(kind=self.task, files=files or str(self.data), **arguments)


def with_task_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with an option for each field of TaskOptions instead of its first parameter, which receives them."""

    @functools.wraps(command)
    def wrapper(**options: Any) -> None:
        chosen = {field.name: options.pop(field.name) for field in fields(TaskOptions)}
        command(TaskOptions(**chosen), **options)

    parameters = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    of_task = list(inspect.signature(TaskOptions, eval_str=True).parameters.values())
    keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*of_task, *parameters)]
    keyword_only.sort(key=lambda parameter: parameter.default is not parameter.empty)  # required options first
    wrapper.__signature__ = inspect.Signature(keyword_only)  # pyright: ignore[reportAttributeAccessIssue]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword_only}
    return wrapper


def load_task(name: str) -> Task:
    """The task of a YAML definition, or the BLURB task of that name."""
    from ..tasks import get_task, load_custom_task

    return load_custom_task(name) if _is_definition(name) else get_task(name)


def _is_definition(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def require_data(data: str | None, *tasks: Task) -> str:
    """The folder of the datasets as named, else by the environment, with the files of these tasks; or mini.

    Raises:
        ParameterError: neither names one.
        DataError: it is missing, or files are.
    """
    from ..study.inputs import check_datasets

    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_ENV}")
    if str(folder) != paths.MINI:
        check_datasets(tasks, Path(folder).expanduser())
    return str(folder)


def check_encoder(encoder: str) -> None:
    """Check that an encoder exists, before anything is imported that loads it; one on the Hub is downloaded.

    Raises:
        ParameterError: it is no folder, no Hub id and no spec.
        CheckpointError: there is no such encoder.
    """
    from ..study.parameters import hub_id

    find_encoder(encoder, str(hub_id(encoder)))


def parse_columns(text: str) -> dict[str, str]:
    """Role -> column, from `text=sentence,label=class,id=`; "" for a role without a column."""
    pairs = [part.partition("=") for part in text.split(",")]
    wrong = next((part for part in pairs if not (part[0].strip() and part[1])), None)
    if wrong is not None:
        raise ParameterError(f"--columns: expected ROLE=COLUMN, got {''.join(wrong)!r}; write text=NAME,label=NAME")
    return {role.strip(): column.strip() for role, _, column in pairs}
