"""finetune, evaluate, predict, audit and recommend in Python: what the commands do, with progress bars and tables.

`from blurbstudy import finetune, evaluate, predict, Task, Recipe`
"""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .. import paths
from ..config import Recipe, recipe_from_dict
from ..engine.progress import progress_bar
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import data_folder
from ..errors import DataError, ParameterError
from ..inference.inputs.documents import read_documents
from ..inference.inputs.items import Document, Fault, text_count
from ..inference.inputs.records import is_text
from ..inference.model_directory.directory import read_model_directory
from ..inference.outputs.formats import as_plain
from ..inference.outputs.html import html_begin, html_document, html_end
from ..inference.predict_examples import predict_examples
from ..inference.predictor import Prediction, Predictor
from ..store.run_store import RunStore
from ..study.parameter_types import read_seeds
from ..study.parameters import hub_id
from ..tables.table import Table
from ..tasks import Task, read_split
from ..tasks.custom.audit import check_learnable
from .finetune import FineTuning, audit_with, default_recipe, fine_tune
from .recommend.recommend import Recommendation
from .recommend.recommend import recommend as recommended
from .score import ScoredPredictions, score_examples, score_file

if TYPE_CHECKING:
    import pandas

SHOWN = 20  # documents that a notebook shows
AT_ONCE = 64  # documents between two steps of the progress bar

Text = str | tuple[str, str]  # one text, or the two of a pair


def finetune(
    task: Task | str,
    encoder: str | Path,
    *,
    seeds: int | str | Sequence[int] = 5,
    recipe: Recipe | Mapping[str, Any] | str | None = None,
    data: str | Path | None = None,
    store: str | Path = "runs/finetune",
    model: str | Path | None = None,
    keep_model: bool = True,
    device: str = "auto",
    progress: str = "auto",
) -> FineTuning:
    """Fine-tune an encoder on a task, a run per seed; the best by dev becomes a model directory (`.model`). Runs that
    the store holds are not made again.

    Args:
        task: a Task, BLURB's by name, or a YAML file.
        encoder: checkpoint directory, Hub id, hub:NAME or pretrain:bert.
        seeds: how many, or which: 5, "1-5", [1, 3, 7].
        recipe: its fields, a Recipe, "recommended" (of one's own task the default) or "default" (of BLURB's).
        data: folder of BLURB's datasets, or mini (default: BLURBSTUDY_DATA); of one's own task nothing.
        store: folder of the run store.
        model: directory for the model (default: a new one beside the store).
        device: auto, cpu or cuda.
        progress: auto or silent.

    Raises:
        StudyError: something is wrong; the message says what, where and what to do.
    """
    known = task if isinstance(task, Task) else Task.load(task)
    found = fine_tune(
        known,
        str(encoder),
        data=_data(known, data),
        seeds=read_seeds(list(seeds) if isinstance(seeds, (tuple, range)) else seeds),
        store=Path(store),
        recipe=recipe_from_dict(dict(recipe)) if isinstance(recipe, Mapping) else recipe,
        device=device,
        progress=progress,
        keep_model=keep_model,
        model_folder=None if model is None else Path(model),
        say=lambda line: None,  # the table says it
    )
    if found.model_problem:
        raise ParameterError(found.model_problem)
    return found


def evaluate(
    model_or_predictions: FineTuning | str | Path,
    task: Task | str,
    *,
    split: str = "test",
    data: str | Path | None = None,
    device: str = "auto",
) -> ScoredPredictions:
    """Score a model, or a file of anyone's predictions, on a split of a task by the study's metric, with an interval
    and the trivial score beside it.

    Args:
        model_or_predictions: what `finetune` gave, a model directory, or a file as `blurbstudy score` reads it.
        task: as for `finetune`.

    Raises:
        StudyError: something is wrong; the message says what, where and what to do.
    """
    known = task if isinstance(task, Task) else Task.load(task)
    folder = data_folder(_data(known, data))
    place = _model_of(model_or_predictions)
    if place.is_file():
        return score_file(place, known, folder, split=split)
    predictor = Predictor(read_model_directory(place), device=device)
    examples = read_split(known, folder, split=split)
    return score_examples(
        predict_examples(predictor, known, examples), examples, known, folder, split=split, origin=str(place)
    )


def predict(
    model: FineTuning | str | Path,
    texts: str | Path | Sequence[Text],
    *,
    columns: Mapping[str, str] | None = None,
    device: str = "auto",
) -> Predictions:
    """Entities, labels or scores for new texts.

    Args:
        model: what `finetune` gave, or a model directory.
        texts: a text, a list of texts (of pairs, for a task of pairs), or the Path of a file or folder that
            `blurbstudy predict` reads.
        columns: of a file with columns: role (text, text2, id, words) -> name.

    Raises:
        StudyError: something is wrong; the message says what, where and what to do.
    """
    predictor = Predictor(read_model_directory(_model_of(model)), device=device)
    documents = _documents(texts, predictor.task, columns)
    found: list[Prediction] = []
    with progress_bar("predict", total=len(documents), unit="text") as advance:
        while part := documents[len(found) : len(found) + AT_ONCE]:
            found += predictor.predict(part)
            advance(len(part))
    return Predictions(task=predictor.task, found=tuple(found))


@dataclass(frozen=True, kw_only=True)
class Predictions(Sequence[Prediction]):
    """The predictions of a model for texts, in their order; a notebook shows the first of them."""

    task: Task
    found: tuple[Prediction, ...]

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> Predictions: ...

    def __getitem__(self, place: int | slice) -> Prediction | Predictions:
        return Predictions(task=self.task, found=self.found[place]) if isinstance(place, slice) else self.found[place]

    def to_dicts(self) -> list[dict[str, object]]:
        """Plain values: what `blurbstudy predict --format jsonl` writes."""
        return [as_plain(one, self.task) for one in self.found]

    def to_frame(self) -> pandas.DataFrame:
        """A row for every entity, or for every text."""
        import pandas

        plain = self.to_dicts()
        if self.task.output != "token_labels":
            return pandas.DataFrame(plain)
        rows = [{"id": one["id"], **entity} for one in plain for entity in one["entities"]]
        return pandas.DataFrame(rows, columns=["id", "start", "end", "type", "text", "probability"])

    def _repr_html_(self) -> str:
        page = html_begin(self.task) + "".join(html_document(one, self.task) for one in self.found[:SHOWN])
        page = html.escape(page + html_end(self.task), quote=True)
        more = f"<p>{len(self) - SHOWN} more texts are not shown</p>" if len(self) > SHOWN else ""
        frame = (
            f'<iframe srcdoc="{page}" sandbox="" title="Predictions" style="width:100%;height:24rem;border:0"></iframe>'
        )
        return frame + more


def audit(task: Task | str, encoder: str | Path, *, max_length: int | None = None) -> Table:
    """What the files of one's own task hold, and what one should know of them before anything is trained.

    Args:
        encoder: whose sub-words are counted; as for `finetune`.
        max_length: sub-words that a sequence may have (default: the recipe's for this kind of task).

    Raises:
        StudyError: nothing can be learned from the files; the message says why.
    """
    known = task if isinstance(task, Task) else Task.load(task)
    if known.custom is None:
        raise ParameterError(f"{known.name} is BLURB's; its audit stands in 00_overview")
    check_learnable(known)
    spec = str(encoder)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as place:  # nothing of it is kept
        given = {"tasks": [known], "encoders": {spec: hub_id(spec)}, "data": str(Path(known.files["train"]).parent)}
        source = resolve_sources(RunStore(Path(place)), **given).encoders[spec]
    limit = max_length or default_recipe(known, positions=source.architecture["max_positions"]).max_length
    found = audit_with(source, known, max_length=limit)
    rows = [tuple(fact.split(": ", 1)) for fact in found.facts]
    notes = [f"warning: {said}" for said in found.warnings] or ["nothing to warn of"]
    return Table(title=f"What {known.name} holds", columns=("Of", "Found"), rows=rows, notes=notes)


def recommend(
    task: Task | str,
    encoder: str | Path,
    *,
    data: str | Path | None = None,
    store: str | Path = "runs/finetune",
    sentence_tuned: bool | None = None,
    device: str = "auto",
) -> Recommendation:
    """The recipe that the evidence speaks for, with reasons and what may be expected; nothing is trained. `finetune`
    takes its `.recipe`.

    Args:
        task, encoder, data: as for `finetune`.
        store: run store whose runs count as evidence.
        sentence_tuned: whether the encoder was tuned to compare sentences (default: as its files say).
        device: of the plain cosine of a task of similarity.

    Raises:
        StudyError: something is wrong; the message says what, where and what to do.
    """
    known = task if isinstance(task, Task) else Task.load(task)
    return recommended(
        known, str(encoder), data=_data(known, data), store=Path(store), sentence_tuned=sentence_tuned, device=device
    )


def _data(task: Task, data: str | Path | None) -> str:
    """The folder of the datasets; a task of one's own names its files itself."""
    if task.custom:
        return "."
    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data: name the folder of the datasets (data=...) or set {paths.DATA_ENV}")
    return str(folder)


def _model_of(given: FineTuning | str | Path) -> Path:
    if not isinstance(given, FineTuning):
        return Path(given)
    if given.model is None:
        raise ParameterError(f"no model of {given.task.name} was kept ({'; '.join(given.model_notes) or 'keep_model'})")
    return given.model


def _documents(texts: str | Path | Sequence[Text], task: Task, columns: Mapping[str, str] | None) -> list[Document]:
    if isinstance(texts, Path):
        return list(_read(texts, task, columns))
    if columns is not None:
        raise ParameterError("columns belong to a file: give its Path")
    if isinstance(texts, str) and _names_a_file(texts):
        raise ParameterError(f"{texts!r} is a text, and the name of a file; give Path({texts!r}) for what it holds")
    if not isinstance(texts, (str, Iterable)):
        raise ParameterError(f"{texts!r} is no text; give a text, a list of texts, or the Path of a file")
    given = [texts] if isinstance(texts, str) else list(texts)
    count, made = text_count(task), []
    for number, one in enumerate(given, 1):
        parts = (one,) if isinstance(one, str) else tuple(one) if isinstance(one, (tuple, list)) else ()
        if len(parts) != count or not all(isinstance(part, str) for part in parts):
            wanted = "a text" if count == 1 else "a pair of texts"
            raise ParameterError(f"text {number} is no {wanted.split(' ', 1)[1]}; {task.name} reads {wanted} each")
        for part in parts:
            if not is_text(part):
                raise ParameterError(f"text {number} holds a NUL character or half of a surrogate pair; correct it")
            if task.output != "token_labels" and not part.strip():
                raise ParameterError(f"text {number} is empty; give one with a word, or leave it out")
        made.append(Document(str(number), parts))
    return made


def _names_a_file(text: str) -> bool:
    """Or a folder, with the slash that no text ends in."""
    try:
        return Path(text).is_file() or (text.endswith("/") and Path(text).is_dir())
    except (OSError, ValueError):  # longer than a name can be, or with a NUL
        return False


def _read(path: Path, task: Task, columns: Mapping[str, str] | None) -> Iterator[Document]:
    for item in read_documents(path, task, columns=columns):
        if isinstance(item.found, Fault):
            raise DataError(item.found.said)
        yield item.found
