"""The ids under which `predict` writes the documents of a task's own file, which may be others than those it is scored
by: where an id occurs several times, predict numbers its texts (P7, P7.2), and scoring numbers the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import StudyError
from ...tasks import Task
from .documents import Document
from .readers import read_documents


def names_in_predictions(task: Task, split: str, texts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Id of a document of the split's file as predict writes it -> name here, "" for documents that are not among
    these; {} if predict does not read the same texts from the file.

    Args:
        texts: name -> texts, in file order.
    """
    if task.custom is None:
        return {}
    form, path = task.of_split(split), Path(task.files.get(split, task.files["train"]))
    for columns in ({}, {"text": form.columns[0]}):  # tagged texts in a column with an unusual name
        try:
            documents = [item.content for item in read_documents(path, form, columns=columns)]
        except StudyError:
            continue
        names, left = {}, list(texts.items())[::-1]
        for document in documents:
            if isinstance(document, Document):
                matches = bool(left) and left[-1][1] == document.texts
                names[document.id] = left.pop()[0] if matches else ""
        return {} if left else names
    return {}
