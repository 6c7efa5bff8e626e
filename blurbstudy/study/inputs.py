"""What a study needs on this machine, checked before anything is imported that trains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .. import paths
from ..engine.sources.encoder_spec import check_encoder_spec, find_encoder
from ..errors import DataError, ParameterError
from ..tasks import Task, get_task, split_file
from .parameters import CommonParameters, hub_id


def requested_data(parameters: CommonParameters) -> str:
    """'mini' or the folder of the datasets.
    Raises ParameterError: neither the parameter nor the environment names one.
    """
    folder = parameters.data or paths.data_folder()
    if folder is None:
        raise ParameterError(
            f"no data: name the folder of the BLURB datasets (--data DIR), set {paths.DATA_ENV}, or use generated data "
            "(--data mini)"
        )
    return str(folder)


def check_inputs(studies: Iterable[CommonParameters]) -> None:
    """Check that the datasets and the encoders are there, without torch: nothing is read; an encoder on the Hub is
    downloaded, once all else is found.

    Raises:
        ParameterError: an unknown task or encoder, or no data folder.
        DataError: the data folder lacks datasets.
        CheckpointError: there is no such encoder.
    """
    encoders: dict[str, str] = {}
    needed: dict[str, dict[str, Task]] = {}
    for parameters in studies:
        tasks = {task.name: task for task in map(get_task, parameters.tasks)}
        specs = parameters.encoder_specs
        for name, spec in specs.items():
            if spec is not None:
                check_encoder_spec(name, str(hub_id(spec)))
                encoders[str(hub_id(spec))] = name
        if specs:  # else runs are read from the store
            needed.setdefault(requested_data(parameters), {}).update(tasks)
    for data, tasks in needed.items():
        if data != paths.MINI:
            check_datasets(tasks.values(), Path(data).expanduser())
    for spec, name in encoders.items():
        find_encoder(name, spec)


def check_datasets(tasks: Iterable[Task], folder: Path) -> None:
    """Check that the files of these datasets exist.
    Raises DataError: the folder or a file is missing; one line for all of them.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; name the folder of the BLURB datasets (--data DIR) or set {paths.DATA_ENV}"
        )
    problems: dict[str, DataError] = {}
    for task in tasks:
        try:
            for split in task.files:
                split_file(task, folder, split=split)
        except DataError as error:
            problems[task.name] = error
    if len(problems) > 1:
        raise DataError(
            f"{folder}: files of {', '.join(problems)} are missing; get them (blurbstudy data download --to {folder}), "
            "or name other tasks"
        )
    for error in problems.values():
        raise error
