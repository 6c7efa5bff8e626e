"""The answers of the first page that follow from the techniques' tables: what to use with few examples, which
techniques help, and how sure that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from ...stats.summary import CellSummary
from ...study.decisions import Outcome
from ...study.grid import DEFAULT_RECIPE, Results
from ...tables.formatting import format_number, format_signed
from ...tables.score_table import percent
from ...tables.table import KeyFinding
from ...tasks import TASKS
from .evidence import Evidence
from .gains import LEVEL, NAMED, QUESTION, TechniqueEffect, default_grids, encoder_of, tasks_of, technique_effects
from .names import in_sentence

FEW_EXAMPLES = 1000
MAX_TASKS = 3  # whose intervals are named one by one
OUTCOMES = {
    Outcome.BETTER: "Better than the default recipe",
    Outcome.WORSE: "Worse than the default recipe",
    Outcome.UNDECIDED: "Undecided, neither shown to help nor to harm",
}
FEW_QUESTION = "What should I use with a few hundred examples?"


def few_examples_answer(evidence: Evidence) -> KeyFinding:
    """For each task with few training examples and tested techniques: what to use, and what is not better."""
    effects = [effect for effect in technique_effects(evidence) if effect.judged]
    tested = {name for effect in effects for name in effect.decisions}
    cells: dict[str, tuple[int, str, dict[str, CellSummary]]] = {}  # tasks -> examples, recipe, encoder -> scores
    for _, results, baseline in default_grids(evidence):
        for key, summary in results.summaries.items():
            column, config = results.column(key.column), results.grid.cells[key][0]
            official = len(column.tasks) == 1 and column.splits is None and tasks_of(column) in tested
            n = int(evidence.train_sizes.get(config.task, 0) * config.train_share)
            if key.level == baseline and official and summary.n > 1 and 0 < n <= FEW_EXAMPLES:
                epochs = f"{config.recipe.epochs / config.train_share:g} epochs{_few_epochs(results, config.task)}"
                recipe = f"{epochs}, learning rate {config.recipe.learning_rate:g}"
                _, _, encoders = cells.setdefault(tasks_of(column), (n, recipe, {}))
                encoders.setdefault(encoder_of(results, key), summary)
    sentences = [_few_examples(name, *cell, effects) for name, cell in cells.items()]
    none = f"No task with at most {FEW_EXAMPLES:,} training examples has runs of several seeds yet."
    return KeyFinding(question=FEW_QUESTION, sentences=sentences or [none], on_front_page=True)


def _few_epochs(results: Results, task: str) -> str:
    """How many epochs the settings with few epochs have: ` rather than 5`."""
    recipes = {level: recipe for (level, of), recipe in results.grid.recipes.items() if of == task}
    default = recipes.get(DEFAULT_RECIPE)
    fewer = {recipe.epochs for recipe in recipes.values() if default and recipe.epochs < default.epochs}
    return f" rather than {fewer.pop():g}" if len(fewer) == 1 else ""


def _few_examples(
    name: str, n: int, recipe: str, encoders: Mapping[str, CellSummary], effects: Sequence[TechniqueEffect]
) -> str:
    changes: dict[Outcome, list[str]] = {}
    for effect in effects:
        for decision in effect.decisions.get(name, ()):
            change = format_signed(percent(decision.comparison.difference), 1)
            changes.setdefault(decision.outcome, []).append(f"{in_sentence(effect.setting)} ({change})")
        for resampled, decisions in effect.decisions.items():
            for decision in decisions if resampled.startswith(f"{name}, ") else ():
                if decision.outcome.decided:
                    change = format_signed(percent(decision.comparison.difference), 1)
                    where = resampled.removeprefix(f"{name}, ")
                    changes.setdefault(decision.outcome, []).append(
                        f"{in_sentence(effect.setting)} ({change}, {where})"
                    )
    better, worse, open_ = (changes.get(o, []) for o in (Outcome.BETTER, Outcome.WORSE, Outcome.UNDECIDED))
    group = next((task.group for task in TASKS if task.name in next(iter(encoders.values())).tasks), "")
    about = ", ".join(filter(None, [group, "" if "examples" in name else f"{n:,} examples"]))
    where = f"{name} ({about})" if about else name
    scores = ", ".join(f"{_score(cell)} with {encoder}" for encoder, cell in encoders.items())
    collapsed, runs = (sum(getattr(cell, part) for cell in encoders.values()) for part in ("collapsed", "runs"))
    default = f"the default recipe ({recipe})"
    parts = [f"{where}: {', '.join(better)}, better than {default}"] if better else [f"{where}: {default}"]
    subject = "The default recipe" if better else "It"
    parts.append(f"{subject} scores {scores}{_below_list(encoders)}, and {collapsed} of {runs} runs collapsed")
    parts += [] if better else ["Nothing tested is shown to be better"]
    parts += [f"Worse: {', '.join(worse)}"] if worse else []
    if open_:
        parts.append(f"Undecided: {', '.join(open_) if len(open_) <= NAMED else f'{len(open_)} other comparisons'}")
    return ". ".join(parts) + "."


def _below_list(encoders: Mapping[str, CellSummary]) -> str:
    """The F1 of a list of train's mentions, where a model that has learned little is below it."""
    listed = [(cell.mention_list, cell) for cell in encoders.values() if cell.mention_list is not None]
    below = [value for value, cell in listed if (cell.noncollapsed_mean or 0) < value]
    value = format_number(percent(below[0]), 1) if below else ""
    return f" (looking up the mentions of all of train gives {value})" if below else ""


def _score(cell: CellSummary) -> str:
    mean, sd = (format_number(percent(value), 1) for value in (cell.noncollapsed_mean, cell.noncollapsed_sd))
    return f"{mean} ± {sd}"


def gains_answer(evidence: Evidence) -> KeyFinding:
    """Which techniques are better or worse anywhere, which are undecided, and which change how often runs collapse."""
    effects = [effect for effect in technique_effects(evidence) if effect.judged]
    if not effects:
        none = "No technique has runs of several seeds beside the default recipe's yet."
        return KeyFinding(question=QUESTION, sentences=[none], on_front_page=True)
    sentences = []
    for outcome, start in OUTCOMES.items():
        where: dict[str, list[str]] = {}
        for effect in effects:
            if tasks := effect.decided(outcome):
                where.setdefault(f"on {' and '.join(tasks)}", []).append(in_sentence(effect.setting))
        n = sum(decision.outcome is outcome for effect in effects for decision in effect.judged)
        if outcome is Outcome.UNDECIDED and n > NAMED:
            sentences.append(f"{start}: {n} of {sum(len(effect.judged) for effect in effects)} comparisons.")
        elif where:
            listed = "; ".join(f"{', '.join(names)} ({task_text})" for task_text, names in where.items())
            sentences.append(f"{start}: {listed}.")
    sentences += [*_saves(effects), *_untested(effects)]
    return KeyFinding(question=QUESTION, sentences=sentences, on_front_page=True)


def _untested(effects: Sequence[TechniqueEffect]) -> list[str]:
    """The groups of BLURB's tasks that no technique was tested on."""
    tested = {task for effect in effects for task in effect.tasks}
    groups = {task.group: False for task in TASKS} | {task.group: True for task in TASKS if task.name in tested}
    missing = [group for group, is_tested in groups.items() if not is_tested]
    return [f"Not tested yet: {', '.join(missing)}."] if missing else []


def _saves(effects: Sequence[TechniqueEffect]) -> list[str]:
    """Under which techniques more, or fewer, runs collapsed than under the default recipe."""
    changed: dict[str, list[str]] = {}
    for effect in effects:
        rates = effect.rates
        if rates is not None and effect.p_rates is not None and effect.p_rates < LEVEL:
            counts = " against ".join(f"{k} of {n}" for k, n in zip(rates.collapsed, rates.n, strict=True))
            changed.setdefault("more" if rates.difference > 0 else "fewer", []).append(
                f"{effect.name}, {counts}{effect.all_collapsed_with}"
            )
    if not changed:
        return ["No technique is shown to change how often runs collapse."]
    return [
        f"Compared with the default recipe, {which} runs collapsed with: {'; '.join(names)} (exact test)."
        for which, names in changed.items()
    ]


def certainty_answer(evidence: Evidence) -> KeyFinding:
    """How sure the scores are: widths of both intervals, and what they leave undecided."""
    cells = {
        summary.run_ids: summary
        for grids in evidence.results.values()
        for results in grids.values()
        for summary in results.summaries.values()
    }
    # Where every run collapsed, scores are often all the same: sure of nothing, and by no width at all.
    # Resampled splits have another test set.
    alive = [summary for summary in cells.values() if not summary.all_collapsed and summary.resampled is None]
    both = [summary for summary in alive if summary.seed_interval is not None and summary.example_interval is not None]
    if not both:
        none = "No cell has both intervals and a run that did not collapse yet."
        return KeyFinding(question="How sure is this?", sentences=[none], on_front_page=True)
    seeds, examples = (
        [_half(getattr(summary, name)) for summary in both] for name in ("seed_interval", "example_interval")
    )
    larger = sum(b > a for a, b in zip(seeds, examples, strict=True))
    ns = [summary.n_noncollapsed for summary in both]
    tasks = list(dict.fromkeys(summary.tasks for summary in both))
    named = [(" + ".join(names), [summary.tasks == names for summary in both]) for names in tasks]
    widths = [f"{_widths(seeds, examples, chosen)} on {name}" for name, chosen in named]
    if len(named) > MAX_TASKS:
        widths = [_widths(seeds, examples, [True] * len(both))]
    span = str(ns[0]) if min(ns) == max(ns) else f"{min(ns)} to {max(ns)}"
    sentences = [
        f"The 95% interval of a mean score is {', '.join(widths)} (medians of {len(both)} cells of the tables, each of "
        f"{span} seeds, without cells in which every run collapsed).",
        f"Test examples are the larger uncertainty in {larger} of {len(both)} cells; more seeds cannot reduce it.",
    ]
    return KeyFinding(question="How sure is this?", sentences=sentences, on_front_page=True)


def _widths(seeds: Sequence[float], examples: Sequence[float], chosen: Sequence[bool]) -> str:
    """The median half width over seeds and over test examples, of the chosen cells."""
    medians = [
        median(half for half, is_chosen in zip(halves, chosen, strict=True) if is_chosen)
        for halves in (seeds, examples)
    ]
    over_seeds, over_examples = (format_number(percent(value), 1) for value in medians)
    return f"±{over_seeds} points over seeds and ±{over_examples} over test examples"


def _half(bounds: tuple[float, float]) -> float:
    return (bounds[1] - bounds[0]) / 2
