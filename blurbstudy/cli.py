"""The command line: run, plan, report, finetune, pretrain, predict, score, data, store.

A StudyError is one line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import paths
from .cli_data import data_app
from .cli_export import export
from .cli_notebooks import Data, Only, Parameters, Scale, Store, chosen_stems, given_values, notebook_values
from .cli_plan import plan
from .cli_predict import predict
from .cli_pretrain import pretrain
from .cli_recommend import recommend
from .cli_score import score
from .cli_store import store_app
from .cli_task import task_of_words
from .disk import cause_and_remedy
from .errors import Interrupted, ParameterError, StoreError, StudyError

if TYPE_CHECKING:
    from .presentation.execution import Execution
    from .presentation.progress import Stage

SEVERAL = ("--only", "--corpus")  # options that take several values
MOST_MINUTES = 100_000  # 69 days
STOPPED = 3  # exit code of a run that --minutes ended
INTERRUPTED = 130  # after Ctrl-C, which typer turns into this exit code without a word

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Stable fine-tuning of biomedical encoders, and honest measurement of it.",
)

Report = Annotated[Path | None, typer.Option(help="Folder of the report (default: report/SCALE).")]


@app.command()
def run(
    scale: Scale = "mini",
    only: Only = None,
    data: Data = None,
    store: Store = None,
    report: Report = None,
    parameter: Parameters = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Begin nothing more so many minutes after the start, nor what is not expected to end by then. Runs "
            "that are under way end, a pretraining saves its state. Exit code 3 where something is left."
        ),
    ] = None,
) -> None:
    """Execute the study's notebooks (what the store holds already is not run again) and write the report.

    Exit codes: 0, all is done; 2, something failed; 3, the --minutes were up and something is left, with a report of
    what there is: the same command goes on.
    """
    from .presentation.execution import execute_notebooks
    from .presentation.plan import keep_beside_runs
    from .presentation.progress import one_bar
    from .presentation.report import build_report
    from .results.clock import stopping_after
    from .results.store import RunStore

    began = time.time()
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:
        raise ParameterError(f"--minutes {minutes:g} is out of bounds; use more than 0, at most {MOST_MINUTES}")
    plan = notebook_values(scale=scale, only=only, given=given_values(parameter, data=data, store=store))
    kept = RunStore(next(iter(plan.values()))["store"] or paths.store_folder(scale))
    kept.check_writable()
    folder = report or paths.report_folder(scale)
    stages = foreseen(plan, scale=scale)
    with stopping_after(minutes, began=began) as left, one_bar(len(plan), stages) as bar:
        executions = execute_notebooks(plan, out=folder / "notebooks", on_start=bar.start)
        undone = left()
    for execution in executions:
        if bar.busy[execution.stem] and not execution.failure:
            keep_beside_runs(execution.stem, execution.seconds - bar.busy[execution.stem], scale=scale)
    runs = sum(run_id not in kept for run_id in undone.runs)
    told = _left(runs, undone.encoders, undone.models)
    _finish(executions, build_report(folder, scale=scale, store=kept.folder), left=told)


@app.command()
def report(
    scale: Annotated[str | None, typer.Option(help="mini, small or paper (default: the store's, or mini).")] = None,
    store: Store = None,
    report: Report = None,
    only: Only = None,
) -> None:
    """Write the report from a run store alone: no data, no encoder, no training. Missing runs read `not run`."""
    from .presentation.execution import execute_notebooks
    from .presentation.parameter_values import SCALES, check_choice
    from .presentation.progress import one_bar
    from .presentation.report import build_report
    from .presentation.study import FACT
    from .results.store import RunStore

    if scale is not None:
        check_choice("scale", scale, SCALES)
    kept = RunStore(store or paths.store_folder(scale or "mini"))
    if kept.folder.exists() and not kept.folder.is_dir():
        raise StoreError(f"{kept.folder}: a file lies where the run store should be; name its folder (--store)")
    remembered, chosen = kept.facts(FACT), chosen_stems(only)
    facts = {stem: fact for stem, fact in remembered.items() if stem in chosen}
    if not facts and remembered:
        raise StudyError(
            f"{kept.folder}: {', '.join(chosen)} not executed with this run store, which knows "
            f"{', '.join(sorted(remembered))}; use one of them, or blurbstudy run --only {' '.join(chosen)} first"
        )
    if not facts:
        raise StudyError(f"{kept.folder}: no notebook was ever executed with this run store; use blurbstudy run first")
    plan = {stem: _remembered(stem, fact, store=kept.folder) for stem, fact in sorted(facts.items())}
    scale = _one_scale({values["scale"] for values in plan.values()}, asked=scale, store=kept.folder)
    plan = {stem: values for stem, values in plan.items() if values["scale"] == scale}
    folder = report or paths.report_folder(scale)
    with one_bar(len(plan)) as bar:
        executions = execute_notebooks(plan, out=folder / "notebooks", report_only=True, on_start=bar.start)
    _finish(executions, build_report(folder, scale=scale, store=kept.folder))


@app.command()
def finetune(
    task: Annotated[
        str,
        typer.Option(
            help="Name of a BLURB task, such as BIOSSES; or of your own: a YAML file, or a kind (ner, classification, "
            "relation, pairs, question, similarity, multi-label, pico) with --train or --data."
        ),
    ],
    encoder: Annotated[str, typer.Option(help="Checkpoint directory, Hub id, hub:NAME or pretrain:bert.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of the datasets, or mini (default: BLURBSTUDY_DATA); with a kind, the directory of your own "
            "train.*, dev.*, test.*."
        ),
    ] = None,
    train: Annotated[Path | None, typer.Option(help="With a kind: TSV, CSV, JSONL, CoNLL, PubTator or brat.")] = None,
    dev: Annotated[Path | None, typer.Option(help="With a kind (default: a part of train, as is then said).")] = None,
    test: Annotated[Path | None, typer.Option(help="With a kind (default: none, and scores are of dev alone).")] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="With a kind: text=NAME,label=NAME, also text2, id, document, start, end (default: by usual names)."
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="With a kind: tsv, csv, jsonl, conll, brat or pubtator (default: by the ending)."
        ),
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="With a kind: of tags, iob1, iob2, iobes or io (default: recognized).")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="With a kind (default: the usual one).")] = None,
    negative: Annotated[str | None, typer.Option(help="With a kind: the label that an F1 leaves out.")] = None,
    discontinuous: Annotated[
        str | None, typer.Option(help="With a kind: refuse (default) or skip entities in several pieces.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="YAML file of recipe fields; recommended (see `blurbstudy recommend`; the default for your own task); "
            "or default, one per kind of task (the default for BLURB's)."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="1-5 or 1,3,7.")] = "1-5",
    out: Annotated[Path, typer.Option(help="Folder of the run store.")] = Path("runs/finetune"),
    keep_model: Annotated[
        Path | None,
        typer.Option(help="Directory for the best model by dev (default: a new one in the folder OUT-models)."),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Keep no model.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fine-tune one encoder on one task, a run per seed, and say how sure its score is. The best run by dev becomes a
    Hugging Face directory with a model card, for transformers and for `blurbstudy predict`.
    """
    from .config import load_recipe
    from .presentation.finetuning import DEFAULT, RECOMMENDED, fine_tune
    from .presentation.parameter_values import read_seeds

    if no_model and keep_model is not None:
        raise ParameterError("--no-model keeps none, --keep-model one; give one of them")
    said = {"format": file_format, "scheme": scheme, "metric": metric, "negative": negative}
    said |= {"discontinuous": discontinuous}
    files = {"train": train, "dev": dev, "test": test}
    known = task_of_words(task, data=data, files=files, columns=columns, **said)
    folder = data or paths.data_folder()
    if folder is None and not known.own:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_SETTING}")
    drawn = read_seeds(seeds)
    chosen = recipe if recipe in (None, RECOMMENDED, DEFAULT) else load_recipe(recipe)
    model = {"keep_model": not no_model, "model_folder": keep_model}
    with contextlib.redirect_stdout(sys.stderr):  # stdout carries the answer alone
        found = fine_tune(
            known, encoder, data=str(folder), seeds=drawn, store=out, recipe=chosen, device=device, **model
        )
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else found.text())
    if found.model_problem:
        raise StudyError(found.model_problem)
    if not found.sweep.trained:
        typer.echo(f"nothing trained: all {found.sweep.reused} runs reused from {out}", err=True)


def foreseen(plan: Mapping[str, Mapping[str, Any]], *, scale: str) -> list[Stage]:
    """What the notebooks (stem -> parameters) will go through, for the time left; none where that cannot be told, for
    want of an estimate stops no run.
    """
    from .presentation.plan import expected_stages

    try:
        return expected_stages(plan, scale=scale)
    except StudyError:  # the notebook itself will tell of it
        return []
    except Exception as error:  # whatever it is: if it is not of the estimate alone, the notebook fails too
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        typer.echo(f"blurbstudy: no time left can be told, since planning failed ({said}); the run goes on", err=True)
        return []


app.command()(export)
app.command()(plan)
app.command()(predict)
app.command()(pretrain)
app.command()(recommend)
app.command()(score)
app.add_typer(data_app, name="data")
app.add_typer(store_app, name="store")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 2 (something a person can mend), 3 (--minutes were up) or 130 (interrupted)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rank = os.environ.get("RANK", "0")
    who = "blurbstudy" if rank == "0" else f"blurbstudy, process {rank}"  # of those that torchrun started
    try:
        app(args=expand_arguments(given), prog_name="blurbstudy")
    except Interrupted as error:
        print(f"{who}: {error}; the same command with --resume goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except StudyError as error:
        print(f"{who}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # of a report's folder, or of a disk that is full
        cause, remedy = cause_and_remedy(error, another="name another folder (--report, --store; --out of finetune)")
        said = f"{f'{error.filename}: ' if error.filename else ''}{cause}; {remedy}; finished runs are kept"
        print(f"blurbstudy: {' '.join(said.split())}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        print("blurbstudy: interrupted; finished runs are kept, the same command goes on from there", file=sys.stderr)
        sys.exit(INTERRUPTED)


def expand_arguments(arguments: Sequence[str]) -> list[str]:
    """`--only A B` (and `--corpus A B`) as `--only A --only B`, and `-p name value` as `-p name=value`."""
    expanded: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word in SEVERAL:
            names = []
            while waiting and not waiting[0].startswith("-"):
                names.append(waiting.pop(0))
            expanded += [part for name in names for part in (word, name)] or [word]
        elif word in ("-p", "--parameter") and len(waiting) >= 2 and "=" not in waiting[0]:
            expanded += [word, f"{waiting.pop(0)}={waiting.pop(0)}"]
        else:
            expanded.append(word)
    return expanded


def _remembered(stem: str, fact: Mapping[str, Any], *, store: Path) -> dict[str, Any]:
    """What the store says that a notebook was executed with, checked before anything is made from it."""
    from .presentation.parameter_values import check_values
    from .presentation.parameters import declared_parameters

    values = {name: fact[name] for name in declared_parameters(stem) if name in fact}
    remedy = f"execute it again (blurbstudy run --only {stem} --store {store})"
    if "scale" not in values:
        raise StoreError(f"{store}: does not say at which scale {stem} was executed; {remedy}")
    try:
        check_values(values)
    except ParameterError as error:
        raise StoreError(f"{store}: what {stem} was executed with is not valid: {error}; {remedy}") from None
    return values | {"store": str(store)}


def _one_scale(found: set[str], *, asked: str | None, store: Path) -> str:
    """The scale of a report: a store that notebooks of several scales have used needs to be told which."""
    listed = " and ".join(sorted(found))
    if asked is None and len(found) > 1:
        raise ParameterError(f"{store}: holds notebooks of scales {listed}; name one with --scale")
    if asked is not None and asked not in found:
        raise ParameterError(f"{store}: holds notebooks of scale {listed}, none of --scale {asked}; name that scale")
    return asked or next(iter(found))


def _left(runs: int, encoders: Sequence[str], models: Sequence[str]) -> str:
    """What is left undone, in words."""
    told = [f"{runs} run{'s'[: runs != 1]}"] if runs else []
    if encoders:
        told.append(f"the pretraining of {', '.join(encoders)} and all runs with {'them' if encoders[1:] else 'it'}")
    if models:
        told.append(f"what {' and '.join(models)} would find")
    return " and ".join(told)


def _finish(executions: Sequence[Execution], index: Path, *, left: str = "") -> None:
    """Say where the report is; one line per distinct failure, and exit code 2 where there is one; what is `left`, and
    exit code 3.
    """
    typer.echo(f"report: {index}")
    failures: dict[str, list[str]] = {}
    for execution in executions:
        if execution.failure:
            failures.setdefault(execution.failure, []).append(execution.stem)
    for failure, stems in failures.items():
        typer.echo(f"blurbstudy: {', '.join(stems)}: {failure}", err=True)
    if left:
        typer.echo(f"blurbstudy: the time is up (--minutes); left: {left}; the same command goes on", err=True)
    if failures or left:
        raise typer.Exit(2 if failures else STOPPED)


if __name__ == "__main__":
    main()
