"""The object that a notebook works with: its parameters checked, its runs made or looked up, its captions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from .. import paths
from ..config import Recipe, RunConfig, recipe_from_dict
from ..engine.engine import LocalEngine
from ..engine.sources.planned import planned_sources
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import MINI, PRETRAIN, PretrainingPlan, Sources, sources_from_store
from ..engine.sweep import find_runs, run_missing
from ..errors import ParameterError
from ..stabilizers import Stabilizer, check_recipe, stabilize
from ..stats.collapse import Reference, load_references
from ..store.run_store import RunStore
from ..tasks import TASKS, Task, get_task
from ..training.provenance import pick_device
from . import parameters
from .grid import CellKey, Grid, Part, Results
from .parameter_schema import check_values, read_seeds
from .parameters import needed_encoders

if TYPE_CHECKING:
    from ..pretraining.encoder_cache import EncoderRequest

REPORT_ONLY = "BLURBSTUDY_REPORT_ONLY"  # environment setting: build from the store alone, run nothing
PLAN_ONLY = "BLURBSTUDY_PLAN_ONLY"  # environment setting: note which runs are asked for, run and keep nothing
FACT = "notebook"  # kind of fact in the store: the parameters that a notebook was last executed with
NO_FINDING = "Mini scale or generated data: shows that the machinery works; no finding."
STYLE_FILE = Path(__file__).parent.parent / "tables" / "report.css"
PARTS = {"similarity": "SS", "question": "QA"}  # kind of task -> the paper's column

_MADE: set[str] = set()  # notebooks whose parameters this process has checked


def again(name: str, seed: int) -> str:
    """The display name of an encoder that was pretrained once more, from another seed."""
    return f"{name} (pretraining seed {seed})" if seed else name


def is_no_finding(scale: str, data: str | None) -> bool:
    """Whether numbers show no more than that the machinery works: at scale mini, and on generated data at any."""
    return MINI in (scale, str(data or paths.data_folder()))


class Study:
    """One notebook's questions to the store. Making it checks the parameters and runs nothing.

    Raises:
        ParameterError: a name that the notebook's parameters cell does not declare, or a value out of bounds.
        StoreError: the run store cannot be written.
    """

    def __init__(self, stem: str, namespace: Mapping[str, Any]) -> None:
        if Path.cwd() == paths.NOTEBOOKS:
            os.chdir(paths.PROJECT)  # JupyterLab starts in the notebook's folder; paths are the project's
        declared = parameters.declared_parameters(stem)
        given = parameters.given_names(namespace)
        if stem not in _MADE:  # later in a session a notebook has variables of its own
            parameters.check_names(given, declared, origin=f"notebooks/{stem}.ipynb")
        self._declared = declared
        self.values = {name: given.get(name, entry.default) for name, entry in declared.items()}
        check_values(self.values)
        self.stem = stem
        self.report_only = os.environ.get(REPORT_ONLY, "") == "1"
        self.plan_only = os.environ.get(PLAN_ONLY, "") == "1"
        self.planned: list[tuple[RunConfig, ...]] = []  # where runs are only planned: of each call of `run`
        self.results: list[Results] = []  # of each call of `run`
        self.to_pretrain: dict[str, EncoderRequest] = {}  # likewise: fingerprint -> encoder that is not there yet
        self.seeds = read_seeds(self.values["seeds"])
        self.tasks: tuple[Task, ...] = tuple(get_task(name) for name in self.values["tasks"])
        self.store = RunStore(self.values["store"] or paths.store_folder(self.values["scale"]))
        if not (self.report_only or self.plan_only):
            self.store.check_writable()
        _MADE.add(stem)

    @cached_property
    def sources(self) -> Sources:
        """Where data and encoders are: on disk (made where need be), or as the store remembers them."""
        encoders = {name: parameters.hub_id(spec) for name, spec in self.specs.items()}
        named = {name: spec for name, spec in encoders.items() if spec is not None}
        for name, spec in list(named.items()):
            own = spec.startswith(PRETRAIN) and "@" not in spec
            named |= {again(name, seed): f"{spec}@{seed}" for seed in range(1, self.pretraining_seeds if own else 1)}
        given = {"tasks": [task.name for task in self.tasks], "encoders": named, "data": self.data}
        given["pretraining"] = self.pretraining_plan
        if self.report_only:
            return sources_from_store(self.store, **given)
        if self.plan_only:
            sources, missing = planned_sources(self.store, **given)
            self.to_pretrain = {sources.encoders[name].fingerprint: one for name, one in missing.items()}
            return sources
        return resolve_sources(self.store, **given, workers=self.values["workers"])

    @property
    def pretraining_seeds(self) -> int:
        """How often each encoder given as pretrain:OBJECTIVE is pretrained."""
        return self.values.get("pretraining_seeds", 1)

    @property
    def pretraining_plan(self) -> PretrainingPlan:
        """How encoders given as pretrain:OBJECTIVE are made."""
        values = self.values["pretraining"]
        device = "cpu" if self.report_only or values["config"] == MINI else str(pick_device(self.values["device"]).type)
        corpus = tuple(str(Path(file).expanduser()) for file in values["corpus"] or ())
        return PretrainingPlan(**(values | {"corpus": corpus, "device": device}))

    @property
    def clusters(self) -> dict[str, int]:
        """Encoder fingerprint -> pretraining seed; empty where each objective is pretrained once."""
        if self.pretraining_seeds < 2:
            return {}
        found = self.sources.encoders
        return {
            found[again(name, seed)].fingerprint: seed
            for name in self.encoders
            for seed in range(self.pretraining_seeds)
            if again(name, seed) in found
        }

    @property
    def data(self) -> str:
        """'mini' or the folder of the datasets.

        Raises:
            ParameterError: neither the parameter nor the environment names one.
        """
        found = self.values["data"] or paths.data_folder()
        if found is None:
            raise ParameterError(
                f"data=None and {paths.DATA_ENV} is not set; name the folder of the BLURB datasets (--data DIR) "
                "or use data=mini"
            )
        return str(found)

    @property
    def encoders(self) -> dict[str, str]:
        """Display name -> why no runs can be made with it, or ''."""
        missing = "not released" if self.values["scale"] == "paper" else "no path given"
        return {name: missing if spec is None else "" for name, spec in self.specs.items()}

    @property
    def specs(self) -> dict[str, str | None]:
        """Display name -> how each encoder that the notebook works with is given, None where it is not."""
        return needed_encoders(self.values)

    @property
    def references(self) -> dict[str, Reference]:
        """Task -> gold labels, from the store."""
        return load_references(self.store, self.sources.fingerprints)

    def tasks_of(self, kind: str) -> tuple[Task, ...]:
        """The study's tasks of a kind (similarity, question).

        Raises:
            ParameterError: there is none.
        """
        found = tuple(task for task in self.tasks if task.task_type == kind)
        if not found:
            known = " or ".join(task.name for task in TASKS if task.task_type == kind)
            raise ParameterError(f"tasks={self.values['tasks']!r} has no {kind} task; add {known}")
        return found

    def single_parts(self, kind: str) -> tuple[Part, ...]:
        """One part per task of a kind."""
        return tuple(Part(label=task.name, tasks=(task.name,)) for task in self.tasks_of(kind))

    def paper_parts(self) -> tuple[Part, ...]:
        """SS and QA as the paper has them; a QA of some of its tasks alone says so."""
        parts = []
        for kind, label in PARTS.items():
            mine = tuple(task.name for task in self.tasks if task.task_type == kind)
            whole = {task.name for task in TASKS if task.task_type == kind}
            alone = f" ({' and '.join(mine)} alone)" if set(mine) != whole else ""
            of_all = "paper, mean of both" if alone else "paper"
            if mine:
                parts.append(Part(label=label + alone, tasks=mine, paper=label, paper_label=of_all))
        return tuple(parts)

    def recipe(self, **fields: Any) -> Recipe:
        """A recipe; fields that are not named keep their defaults."""
        return recipe_from_dict(fields)

    def grid(
        self,
        settings: Mapping[str, Sequence[Stabilizer]],
        *,
        bases: Mapping[str | tuple[str, str], Recipe],
        parts: Sequence[Part],
        seeds: Sequence[int] = (),
        encoders: Sequence[str] = (),
    ) -> Grid:
        """Every encoder under every setting on every part: a setting is a list of techniques upon a task's base recipe
        (`bases` by task, or by setting and task where settings differ in it).

        Args:
            seeds: some of the study's; none: all.
            encoders: likewise, by display name.

        Raises:
            ParameterError: a technique does not fit an encoder (checked before anything runs).
        """
        recipes = {
            (setting, task): stabilize(bases.get((setting, task)) or bases[task], *techniques)
            for setting, techniques in settings.items()
            for part in parts
            for task in part.tasks
        }
        chosen = {name: why for name, why in self.encoders.items() if not encoders or name in encoders}
        mine = [name for name in chosen if name in self.sources.encoders]
        layers = {name: self.sources.encoders[name].architecture["n_layers"] for name in mine}
        for recipe in recipes.values():
            for n_layers in layers.values():
                check_recipe(recipe, n_layers)
        cells = {
            CellKey(name, setting, part.label): tuple(
                self._config(encoder, task, seed, recipe=recipes[setting, task])
                for task in part.tasks
                for encoder in self.twins(name)
                for seed in seeds or self.seeds
            )
            for name in mine
            for setting in settings
            for part in parts
        }
        return Grid(
            encoders=chosen, settings=tuple(settings), parts=tuple(parts), recipes=recipes, seeds=self.seeds,
            cells=cells, remarks=self.remarks, layers=layers, clusters=self.clusters,
        )  # fmt: skip

    def twins(self, name: str) -> list[str]:
        """An encoder with those that differ from it in their pretraining seed alone."""
        return [again(name, s) for s in range(self.pretraining_seeds) if again(name, s) in self.sources.encoders]

    def _config(self, encoder: str, task: str, seed: int, *, recipe: Recipe) -> RunConfig:
        precision = self.values["precision"]
        return self.sources.run_config(task, encoder, recipe=recipe, seed=seed, precision=precision)

    @property
    def remarks(self) -> dict[str, str]:
        """What must be known beside an encoder's numbers, by display name."""
        return {name: text for name, text in self.values["encoder_remarks"].items() if name in self.specs}

    def run(self, grid: Grid) -> Results:
        """The grid's results: what is in the store is not run again; in a report or a plan nothing is run.

        Raises:
            StudyError: data, an encoder or the store failed.
        """
        if self.plan_only:
            self.planned.append(tuple(grid.configs))
            records, references = {}, {}
        elif self.report_only:
            records, references = find_runs(grid.configs, self.store).records, self.references
        else:
            self.keep_parameters()
            found = run_missing(grid.configs, self.store, sources=self.sources, engine=self.engine, label=self.stem)
            records, references = found.records, self.references
        self.results.append(Results(grid=grid, records=records, references=references, origin=self.origin))
        return self.results[-1]

    @property
    def engine(self) -> LocalEngine:
        """What makes the runs."""
        return LocalEngine(**{name: self.values[name] for name in ("device", "workers", "population")})

    def keep_parameters(self) -> None:
        """Note in the store what this notebook was executed with, so that a report needs nothing else."""
        if not (self.report_only or self.plan_only):
            self.store.put_metadata(FACT, self.stem, self.values | {"data": self.data})

    @property
    def origin(self) -> str:
        """Parameters file, what was changed from it, and at mini the warning; for captions."""
        scale = self.values["scale"]
        listed = parameters.scale_parameters(scale, self.stem)
        said = f"parameters/{scale}/{self.stem}.yaml and common.yaml"
        changed = [
            f"{name} {_shown(value)}"
            for name, value in self.values.items()
            if name in listed and value != listed[name] and name not in (*parameters.CIRCUMSTANCES, "encoder_remarks")
        ]
        said += f" (changed: {'; '.join(changed)})" if changed else ""
        return f"{said} · scale {scale}" + (f" · {NO_FINDING}" if self.no_finding else "")

    @property
    def no_finding(self) -> bool:
        """Whether captions and banner must say that the numbers are no finding."""
        return is_no_finding(self.values["scale"], self.values["data"])

    def _repr_html_(self) -> str:
        """The stylesheet for tables below, and what this notebook was given, with the meaning of each parameter."""
        style = f"<style>{STYLE_FILE.read_text(encoding='utf-8')}</style>"
        banner = f'<p class="banner own">{escape(NO_FINDING)}</p>' if self.no_finding else ""
        rows = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(_shown(self.values[name]))}</td>"
            f"<td>{escape(entry.comment)}</td></tr>"
            for name, entry in self._declared.items()
        )
        head = '<tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col">Meaning</th></tr>'
        table = f'<div class="wide" tabindex="0"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        listed = (
            f'<details class="given"><summary>All parameters</summary><figure class="table">{table}</figure></details>'
        )
        return f'{style}{banner}<p class="given">{escape(self.origin)}</p>{listed}'


def _shown(value: Any) -> str:
    """A value for a caption: folders by their last name alone."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(entry)}" for name, entry in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return PureWindowsPath(value).name or value  # which knows both kinds of slash
    if value is None or isinstance(value, bool):
        return {None: "null", True: "on", False: "off"}[value]
    return str(value)
