"""The caveats of a task's scores (tasks.caveats) with the scores without the examples that leaked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from ..config import JsonMapping, Recipe
from ..inference.model_directory.card_calibration import weighting
from ..stats.classes.class_report import usual_runs
from ..stats.references import GoldReference, is_unscored, with_gold
from ..tasks import Example, Task
from ..tasks.caveats import Caveat, find_caveats
from ..tasks.folds import pooled_names
from ..tasks.formats.lines import LineErrors, read_lines
from ..tasks.formats.records import detect_content, json_records
from ..tasks.predicted_tags import WITHHELD, WITHHELD_COMMENT
from ..tasks.prediction_files import WITHHELD_FILE
from ..training.run_record import RunRecord

NOT_SOUGHT = "caveats: not looked for, since they need the texts; `blurbstudy finetune` and `score --predictions` do"


WEIGHTED = "weighted"  # kind of caveat: what probabilities are of


def caveats_of_runs(
    caveats: Sequence[Caveat], records: Sequence[RunRecord], reference: GoldReference
) -> tuple[Caveat, ...]:
    """The caveats with the mean scores of the runs that did not collapse, or of all if none is left."""

    def predictions(split: str) -> list[Sequence[str | float]]:
        return [record.predictions[split] for record in usual_runs(records, reference, split=split)]

    scored = tuple(_scored(caveat, predictions(caveat.split), reference) for caveat in caveats)
    recipe = records[0].config.recipe if records else Recipe()
    splits = [s for s in ("dev", "test") if s in reference.gold and not (s == "dev" and recipe.train_on_dev)]
    weighted = [
        caveat
        for split in splits
        for caveat in weighted_caveat(recipe.to_dict(), reference.task, split, n=len(reference.gold[split].gold))
    ]
    return (*scored, *weighted)


def weighted_caveat(recipe: JsonMapping, task: Task, split: str, *, n: int) -> list[Caveat]:
    """That the recipe moves the probabilities of n examples away from the labels' frequencies; [] if it does not."""
    if not (trained := weighting(recipe)) or task.output == "score":
        return []
    ranked = "ROC AUC and average precision, " if task.output != "token_labels" else ""
    text = (
        f"trained with {trained}: probabilities are not those of the labels' frequencies, which changes {ranked}"
        "calibration error and Brier score"
    )
    return [Caveat(kind=WEIGHTED, split=split, count=n, total=n, text=text)]


def caveats_of_predictions(
    predicted: Sequence[str | float], splits: Mapping[str, Sequence[Example]], reference: GoldReference
) -> tuple[Caveat, ...]:
    """The caveats of predictions for a split that do not depend on an encoder.

    Args:
        splits: this split and, if there is one, train.
    """
    found = find_caveats(reference.task, splits, None, max_length=0)
    return tuple(_scored(caveat, [predicted], reference) for caveat in found)


def _scored(caveat: Caveat, predictions: Sequence[Sequence[str | float]], reference: GoldReference) -> Caveat:
    if not caveat.examples or not predictions:
        return caveat
    gold, leaked = reference.gold[caveat.split].gold, frozenset(caveat.examples)
    rest = [i for i in range(len(gold)) if i not in leaked]

    def mean(indices: Sequence[int]) -> float:
        truth = [gold[i] for i in indices]
        return fmean(reference.score(truth, [predicted[i] for i in indices]) for predicted in predictions)

    return dataclasses.replace(caveat, score=mean(range(len(gold))), score_without=mean(rest) if rest else None)


def caveats_of_folds(
    caveats: Sequence[Caveat], records: Sequence[RunRecord], reference: GoldReference
) -> tuple[Caveat, ...]:
    """The caveats of examples that are divided into folds, with the mean scores of the runs on them.

    Args:
        caveats: of all examples, in the order of `pooled_names`.
    """
    ids, _ = pooled_names(reference.gold)
    scored = [record for record in records if not is_unscored(record, "test")]
    return tuple(_scored_on_folds(caveat, {ids[i] for i in caveat.examples}, scored, reference) for caveat in caveats)


def _scored_on_folds(
    caveat: Caveat, leaked: set[str], records: Sequence[RunRecord], reference: GoldReference
) -> Caveat:
    if not leaked or not records:
        return caveat
    without = []
    for record in records:
        test, predicted = with_gold(reference.of_run(record)).gold["test"], record.predictions["test"]
        rest = [i for i, name in enumerate(test.ids) if name not in leaked]
        if rest:
            without.append(reference.score([test.gold[i] for i in rest], [predicted[i] for i in rest]))
    mean = fmean(float(record.scores["test"] or 0) for record in records)
    return dataclasses.replace(caveat, score=mean, score_without=fmean(without) if without else None)


def selection_lines(recipe: Recipe, records: Sequence[RunRecord]) -> list[str]:
    """What dev selected besides the seed, which makes dev scores too high, and where runs stopped early."""
    lines = []
    if recipe.checkpoint_selection != "last":
        lines.append(
            "status and loss ratio are those of the last step's weights, scores those of the best weights on dev, so "
            "dev scores are too high"
        )
    if thresholds := sorted({record.threshold for record in records if record.threshold is not None}):
        listed = ", ".join(f"{threshold:g}" for threshold in thresholds)
        lines.append(f"a label is predicted above a threshold that dev chose ({listed}), so dev scores are too high")
    stops = [(r, r.planned_steps) for r in records if r.planned_steps and r.stopped_at_step < r.planned_steps]
    if recipe.early_stopping:
        steps = ", ".join(f"seed {r.config.seed} after {r.stopped_at_step} of {planned}" for r, planned in stops)
        lines.append(
            f"early stopping, steps: {steps or 'no run stopped early'} (the learning rate follows the planned steps)"
        )
    return lines


def selection_caveats(recipe: Recipe, records: Sequence[RunRecord]) -> list[Caveat]:
    """Those of `selection_lines` that make dev scores too high."""
    n, high = len(records), [line for line in selection_lines(recipe, records) if line.endswith("too high")]
    return [Caveat(kind="selection", split="dev", count=n, total=n, text=line) for line in high]


def caveat_lines(caveats: Sequence[Caveat] | None, split: str) -> list[str]:
    """The caveats of a split, for the lines that follow its score."""
    if caveats is None:
        return [NOT_SOUGHT]
    return [f"caveat: {caveat.sentence()}" for caveat in caveats if caveat.split == split and caveat.kind != WEIGHTED]


def weighted_lines(caveats: Sequence[Caveat] | None, split: str) -> list[str]:
    """Those of probabilities, for the lines that follow their scores."""
    return [f"caveat: {c.sentence()}" for c in caveats or () if c.split == split and c.kind == WEIGHTED]


def withheld_caveat(path: Path, split: str, kept: int) -> list[Caveat]:
    """That a minimum of confidence left predictions out of a file; [] if it did not.

    Args:
        kept: number of predictions in the file.
    """
    if not (count := _count_withheld(path)):
        return []
    text = (
        f"{count} of {count + kept} predictions for {split} are left out, since predict had a --min-confidence: the "
        "score is of the others, so precision may be higher and recall lower than the model's"
    )
    return [Caveat(kind=WITHHELD, split=split, count=count, total=count + kept, text=text)]


def _count_withheld(path: Path) -> int:
    """How many predictions a minimum of confidence left out of what `predict` wrote: the number in JSON lines, in a
    column or in comments of CoNLL; rows of entities without a type.

    Args:
        path: the file, or brat folder; well-formed, as its readers check.
    """
    if path.is_dir():
        return _count_withheld(path / WITHHELD_FILE) if (path / WITHHELD_FILE).is_file() else 0
    if detect_content(path) == "json":
        values = (record.get(WITHHELD) for _, record in json_records(path, LineErrors(path)))
        return sum(value for value in values if isinstance(value, int))
    lines = read_lines(path)
    header, *rows = [line.split("\t") for line in lines] or [[]]
    if header[0] == "id" and header[2:3] == [WITHHELD]:
        return sum(int(row[2]) for row in rows if row[2:3] and row[2].isdecimal())
    if header[:4] == ["id", "start", "end", "type"]:
        return sum(row[3:4] == [""] for row in rows)
    return sum(int(match[1]) for line in lines if (match := WITHHELD_COMMENT.fullmatch(line)))
