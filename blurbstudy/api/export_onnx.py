"""Export a run or a model directory as a directory with an ONNX model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..engine.sources.sources import data_folder
from ..errors import StudyError
from ..inference.model_directory.directory import read_model_directory
from ..inference.onnx.card import summary
from ..inference.onnx.export import write_onnx
from ..inference.onnx.parity import ParityTexts, generated_texts, texts_of_examples, texts_of_file
from ..store.custom_tasks import stored_task
from ..store.run_store import RunStore
from ..tasks import data_fingerprint, read_split
from ..training.run_record import RunRecord
from .export_model import export_run
from .model_facts import data_given


def export_onnx(
    source: Path | RunRecord,
    folder: Path,
    *,
    store: RunStore | None = None,
    texts: Path | None = None,
    int8: bool = False,
    data: str = "",
) -> list[str]:
    """Write the directory with the ONNX model of a model directory, or of a run whose weights are in a store.

    Args:
        texts: a file with texts on which it is compared with the torch model; None: the run's dev examples, or random
            words for a directory and where the data are gone.
        data: folder of the datasets; "": as recorded in the store.

    Returns:
        What the comparison found, one line per precision.

    Raises:
        StudyError: the model or the texts are invalid, or the exported model computes something else.
    """
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as temporary:
        dev = None
        if isinstance(source, RunRecord):
            assert store is not None
            dev = None if texts else dev_texts(store, source, data)
            source = export_run(store, source, Path(temporary) / folder.name)
        model = read_model_directory(source)
        compared = texts_of_file(texts, model.task) if texts else dev
        compared = compared or generated_texts(model.tokenizer().backend_tokenizer, model.task)
        return summary(model.task, compared, write_onnx(model, folder, compared, int8=int8))


def dev_texts(store: RunStore, record: RunRecord, data: str = "") -> ParityTexts | None:
    """Dev examples of a run; None if its data are gone or have changed."""
    config = record.config
    task = stored_task(store, config.task, config.data_fingerprint)
    given = data or data_given(store, config.data_fingerprint)
    try:
        folder = data_folder("." if task.custom else given)
        if data_fingerprint(task, folder) != config.data_fingerprint:
            return None
        return texts_of_examples(read_split(task, folder, split="dev"), task, f"dev examples of {task.name}")
    except StudyError:
        return None
