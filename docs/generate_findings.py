"""Generate docs/findings.md, and the findings in README.md, from the published records of the real study:
python docs/generate_findings.py (`make docs` does it too)

No number is written by hand: each comes from studies/small/records.zip through the tables of the report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from blurbstudy.config import Recipe
from blurbstudy.report.published_archive import ARCHIVE, unpack_archive
from blurbstudy.sections import get_section
from blurbstudy.sections.claims.answers import certainty_answer, few_examples_answer, gains_answer
from blurbstudy.sections.claims.collapse_map import safety_answer
from blurbstudy.sections.claims.verdict_tables import claim_verdicts, verdicts_answer
from blurbstudy.stabilizers import Freeze, LayerwiseDecay, Reinitialize, RemoveLayers, depth_plan, stabilize
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.decisions import decide_levels
from blurbstudy.study.grid import DEFAULT_RECIPE, Results
from blurbstudy.study.study import NOTEBOOK_METADATA, Study, stored_study
from blurbstudy.tables.comparison_table import format_p_value, key_findings
from blurbstudy.tables.figure import SeedScores, depth_figure, points_figure
from blurbstudy.tables.formatting import format_interval, format_number, format_signed
from blurbstudy.tables.score_table import percent, percent_scores, percents
from blurbstudy.tables.table import KeyFinding

PROJECT = Path(__file__).resolve().parent.parent
RECORDS = PROJECT / "studies" / "small" / ARCHIVE
PAGE, FRONT, FIGURE, TECHNIQUES = (
    PROJECT / name for name in ("docs/findings.md", "README.md", "images/findings.svg", "images/techniques.svg")
)
MARKS = re.compile(r"(?<=<!-- findings -->\n).*?(?=<!-- end of findings -->)", re.DOTALL)
GRIDS = (  # notebook, grid, baseline, what it is about
    ("02_optimization_ablation", "table3", DEFAULT_RECIPE, "Longer training and bias correction (Table 3)"),
    ("02_optimization_ablation", "heads", "Pair head", "The head of sentence similarity"),
    ("03_layer_adaptation", "table4", DEFAULT_RECIPE, "Freezing, decay, re-initialization (Table 4)"),
    ("01_pretraining_ablation", "table2", "BERT", "Pretraining objectives (Table 2)"),
    ("05_pruning", "table7", "0 of 4", "Removing layers (Table 7)"),
)
INTRODUCTION = """# Findings of the real study

Small encoders of PubMed text on the real BLURB datasets. [The design](real-study.md) was fixed before the runs. All of
this page is computed from `studies/small/records.zip` by one command, `python docs/generate_findings.py`;
`blurbstudy report --scale small` shows every table behind it, without data and without training.

Scores are test scores times 100. A collapsed run diverged, predicts a constant, or ends with the training loss of a
constant, though it may still rank examples better than chance; means are over the other runs. Differences are decided
over seeds and test examples together, after Holm's correction over a table. These encoders are a twentieth of
PubMedBERT's size: nothing here is about PubMedBERT itself.

To repeat a cell, train its runs again and compare. The encoder is in this repository; the files of the task must be in
DIR ([the data](data.md)).

```
blurbstudy repeat --notebook 03_layer_adaptation --cell "BERT, SS, Layer freeze" --data DIR
```
"""


def results_of(store: RunStore, notebook: str, grid: str) -> Results | None:
    """The results of a notebook's grid; None if it was not executed or has no runs."""
    values = store.metadata(NOTEBOOK_METADATA, notebook)
    if values is None:
        return None
    study = stored_study(get_section(notebook), values, store=store.folder)
    results = study.results(study.section.grids(study)[grid])
    return results if results.records else None


def answers(store: RunStore) -> list[KeyFinding]:
    """What the first page of the report says."""
    values = store.metadata(NOTEBOOK_METADATA, "08_claims")
    assert values is not None, "08_claims was not executed with these records"
    study: Study[Any] = stored_study(get_section("08_claims"), values, store=store.folder)
    verdicts = claim_verdicts(study)
    evidence = verdicts.evidence
    answers = (few_examples_answer, safety_answer, gains_answer, certainty_answer)
    return [*(answer(evidence) for answer in answers), verdicts_answer(verdicts)]


def cells(results: Results) -> Iterator[str]:
    """A Markdown table of scores: a row for each cell that has runs."""
    axis = results.grid.axes.level
    yield f"| task | encoder | {axis.lower()} | collapsed | n | mean | sd | 95% over seeds | 95% over examples |"
    yield "| --- " * 9 + "|"
    for key, cell in results.summaries.items():
        numbers = [format_number(percent(value)) for value in (cell.noncollapsed_mean, cell.noncollapsed_sd)]
        intervals = [format_interval(percents(bounds)) for bounds in (cell.seed_interval, cell.example_interval)]
        collapsed = f"{cell.collapsed} of {cell.runs}"
        texts = (key.column, key.group, key.level, collapsed, str(cell.n_noncollapsed), *numbers, *intervals)
        yield f"| {' | '.join(texts)} |"


def differences(results: Results, *, baseline: str) -> Iterator[str]:
    """A Markdown table of differences from the baseline, decided or not."""
    yield f"| task | encoder | compared with {baseline} | difference | 95% | p (Holm) | decided | 80% decide from |"
    yield "| --- " * 8 + "|"
    for decision in decide_levels(results, baseline=baseline):
        key, change = decision.condition, decision.comparison
        encoder = f"mean of {decision.groups}" if decision.is_average else key.group
        bounds, reach = format_interval(percents(change.interval)), format_number(percent(change.detectable))
        texts = (key.column, encoder, key.level, format_signed(percent(change.difference)), bounds)
        yield f"| {' | '.join((*texts, format_p_value(decision.p), decision.outcome.value, reach))} |"


def findings(store: RunStore) -> str:
    """The page."""
    lines = [INTRODUCTION, "## In short", ""]
    for answer in answers(store):
        lines += [f"**{answer.question}**", "", *(f"- {sentence}" for sentence in answer.sentences), ""]
    for notebook, grid, baseline, title in GRIDS:
        results = results_of(store, notebook, grid)
        if results is not None:
            summary = key_findings(results, question="", baseline=baseline).sentences
            lines += [f"## {title}", "", *(f"- {sentence}" for sentence in summary), "", *cells(results), ""]
            lines += [*differences(results, baseline=baseline), "", results.caption, ""]
    return "\n".join(lines)


def figure(store: RunStore) -> str:
    """Every run on sentence similarity as a point, as SVG: optimization, heads, layer-specific techniques."""
    panels: dict[str, list[SeedScores]] = {}
    for notebook, grid, _, title in GRIDS[:3]:
        results = results_of(store, notebook, grid)
        for key, cell in results.summaries.items() if results is not None else ():
            if cell.tasks == ("BIOSSES",) and results is not None and results.column(key.column).splits is None:
                points = SeedScores(
                    label=key.level,
                    scores=percent_scores(cell),
                    collapsed=[judgement.status.collapsed for judgement in cell.judgements],
                    seeds=cell.seeds,
                    metric="BIOSSES",
                )
                panels.setdefault(f"{key.group}: {title}", []).append(points)
    longest_first = dict(sorted(panels.items(), key=lambda panel: -len(panel[1])))
    return replace(points_figure(longest_first, title="Seeds on BIOSSES"), columns=2).svg  # as wide as the README


def techniques() -> str:
    """What the techniques do to 12 layers, with the settings of the paper scale, as SVG."""
    used = {
        "No technique": [],
        "Freezing": [Freeze(6)],
        "Layerwise decay": [LayerwiseDecay(0.8)],
        "Re-initialization": [Reinitialize(1)],
        "Layer removal": [RemoveLayers(6)],
    }
    plans = {name: depth_plan(stabilize(Recipe(), *stabilizers), 12) for name, stabilizers in used.items()}
    return replace(depth_figure(plans), columns=3).svg


def front(store: RunStore) -> str:
    """The findings of the README: the first two answers."""
    return "".join(f"- {sentence}\n" for answer in answers(store)[:2] for sentence in answer.sentences)


if __name__ == "__main__":
    published = RunStore(unpack_archive(RECORDS))
    FIGURE.write_text(figure(published), encoding="utf-8")
    TECHNIQUES.write_text(techniques(), encoding="utf-8")
    PAGE.write_text(findings(published), encoding="utf-8")
    FRONT.write_text(MARKS.sub(lambda _: front(published), FRONT.read_text(encoding="utf-8")), encoding="utf-8")
