"""The predictions of a model for new texts, as `predict` returns them."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from ..inference.abstention import Coverage
from ..inference.outputs.formats import round_probability, to_dict
from ..inference.outputs.html import html_begin, html_document, html_end
from ..inference.predictor import Prediction
from ..tasks import Task

if TYPE_CHECKING:
    import pandas

MAX_SHOWN = 20  # documents that a notebook displays


@dataclass(frozen=True, kw_only=True)
class Predictions(Sequence[Prediction]):
    """The predictions of a model in the order of the texts; a notebook displays the first of them."""

    task: Task
    predictions: tuple[Prediction, ...]
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> column of a file or table that was read
    coverage: Coverage | None = None  # None: without a minimum of confidence

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...

    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | slice) -> Prediction | Predictions:
        if isinstance(index, slice):
            return dataclasses.replace(self, predictions=self.predictions[index])
        return self.predictions[index]

    def to_dicts(self) -> list[dict[str, object]]:
        """JSON values as in `blurbstudy predict --format jsonl`."""
        return [to_dict(prediction, self.task) for prediction in self.predictions]

    def to_frame(self) -> pandas.DataFrame:
        """One row per entity, or per text for tasks without entities; withheld entities have the type ""."""
        import pandas

        if self.task.output != "token_labels":
            return pandas.DataFrame(self.to_dicts())
        rows = [
            (one.id, e.start, e.end, kind, e.text, round_probability(e.probability))
            for one in self.predictions
            for e, kind in one.entities_with_withheld()
        ]
        return pandas.DataFrame(rows, columns=["id", "start", "end", "type", "text", "probability"])

    def __repr__(self) -> str:
        """The first ones as JSON lines."""
        lines = [json.dumps(values, ensure_ascii=False) for values in self[:MAX_SHOWN].to_dicts()]
        more = [f"and {len(self) - MAX_SHOWN} more"] if len(self) > MAX_SHOWN else []
        return "\n".join([*lines, *more, *([self.coverage.text(self.task)] if self.coverage else [])])

    def _repr_html_(self) -> str:
        documents = "".join(html_document(prediction, self.task) for prediction in self.predictions[:MAX_SHOWN])
        page = html.escape(html_begin(self.task) + documents + html_end(self.task), quote=True)
        more = f"<p>{len(self) - MAX_SHOWN} more texts are not displayed</p>" if len(self) > MAX_SHOWN else ""
        more += f"<p>{html.escape(self.coverage.text(self.task))}</p>" if self.coverage else ""
        frame = (
            f'<iframe srcdoc="{page}" sandbox="" title="Predictions" style="width:100%;height:24rem;border:0"></iframe>'
        )
        return frame + more
