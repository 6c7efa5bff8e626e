"""The widgets of 90_explore: each panel ties controls to a function that needs no widgets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import ipywidgets as widgets

from ...config import Recipe
from ...errors import StudyError
from ...study.study import Study
from ...tables.table import Remark
from ...tasks import ALL_TASKS, get_task
from ..parameters import ExploreParameters as Parameters
from .catalog import RunGroup, StoreCatalog, open_catalog
from .compare import comparable_groups, compare_groups, default_pair
from .controls import Dropdown, SearchList, TechniqueControls, labelled, row
from .depth import TechniqueSelection, depth_picture, encoder_layers
from .live import LiveRun, live_encoders
from .predictions import predictions_html
from .runs import curves_picture, first_of, runs_table, seeds_picture

POLL_SECONDS = 0.25  # between two status updates of a running fine-tuning
REDRAW_SECONDS = 1.0  # between two drawings of its curve: one takes a quarter of a second
PAGE = 5  # predictions per page
BASE_LAYERS = 12  # of an encoder whose depth the store does not know
ANY = ("all", "")


class Displayed(Protocol):
    """A table, a figure or a message."""

    def _repr_html_(self) -> str: ...


def render(make: Callable[[], Displayed]) -> str:
    """The HTML of what `make` returns, or the message of its StudyError."""
    try:
        return make()._repr_html_()
    except StudyError as error:
        return Remark(text=str(error))._repr_html_()


class DepthPanel(widgets.VBox):
    """Select encoder, task and techniques; Figure 1 follows."""

    def __init__(self, catalog: StoreCatalog, techniques: TechniqueSelection, *, task: str, recipe: Recipe) -> None:
        self.catalog, self.recipe = catalog, recipe
        layers = encoder_layers(catalog)
        names = [task.name for task in ALL_TASKS]
        self.encoder = Dropdown("Encoder", options=list(layers))
        self.task = Dropdown("Task", options=names, value=get_task(task).name)
        self.techniques = TechniqueControls(techniques, n_layers=layers[self.encoder.selected])
        self.picture = widgets.HTML()
        self.encoder.observe(lambda _: self.techniques.set_n_layers(layers[self.encoder.selected]), "value")
        for control in (self.encoder, self.task):
            control.observe(self.show, "value")
        self.techniques.on_change(self.show)
        super().__init__([row(self.encoder, self.task), self.techniques, self.picture])
        self.show()

    def show(self, _: object = None) -> None:
        encoder, task = self.encoder.selected, get_task(self.task.selected)
        self.picture.value = render(
            lambda: depth_picture(self.catalog, self.techniques.value, encoder=encoder, task=task, recipe=self.recipe)
        )


class StorePanel(widgets.VBox):
    """Browse the store: filter settings, see their seeds, follow one run to its curve and its single predictions."""

    def __init__(self, catalog: StoreCatalog, study: Study[Parameters]) -> None:
        self.catalog, self.study, self.start = catalog, study, 0
        self.task = Dropdown("Task")
        self.encoder = Dropdown("Encoder", options=[ANY])
        self.words = labelled(
            widgets.Text, "Words in the setting", placeholder="freeze 20 epochs", continuous_update=False
        )
        self.reload = widgets.Button(description="Reload the store", layout={"width": "auto"})
        self.matches = widgets.HTML()
        self.group = SearchList("Setting")
        self.seed = Dropdown("Seed")
        self.wrong = widgets.Checkbox(description="wrong ones only", value=True, indent=False, layout={"width": "auto"})
        self.previous = widgets.Button(description="◀ previous", layout={"width": "auto"})
        self.next = widgets.Button(description="next ▶", layout={"width": "auto"})
        self.position = widgets.Label()
        self.runs, self.curves, self.predictions = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.reload.on_click(self.reload_store)
        for control in (self.task, self.encoder, self.words):
            control.observe(self.filter, "value")
        self.group.observe(self.show_group, "value")
        for control in (self.seed, self.wrong):
            control.observe(self.show_first_page, "value")
        self.previous.on_click(lambda _: self.change_page(-PAGE))
        self.next.on_click(lambda _: self.change_page(PAGE))
        self.one_run = widgets.VBox(
            [
                widgets.HTML("<h4>One run</h4>"),
                self.group,
                self.curves,
                row(self.seed, self.wrong, self.previous, self.next, self.position),
                self.predictions,
            ]
        )
        super().__init__([row(self.task, self.encoder, self.words, self.reload), self.matches, self.runs, self.one_run])
        self.update_filters()

    def reload_store(self, _: object = None) -> None:
        self.catalog = open_catalog(self.study)
        self.update_filters()

    def update_filters(self) -> None:
        self.task.set_options([*((name, name) for name in self.catalog.tasks), ANY], callback=self.filter)
        self.encoder.set_options([ANY, *((name, name) for name in self.catalog.encoders)], callback=self.filter)
        self.filter()

    def filter(self, _: object = None) -> None:
        groups = self.catalog.filter(task=self.task.selected, encoder=self.encoder.selected, words=self.words.value)
        self.matches.value = Remark(text=first_of(groups))._repr_html_() if groups else ""
        self.runs.value = render(lambda: seeds_picture(self.catalog, groups))
        if groups:
            self.runs.value += render(lambda: runs_table(self.catalog, groups))
        self.one_run.layout.display = "flex" if groups else "none"
        self.group.set_options([(group.title, group.key) for group in groups], callback=self.show_group)
        self.show_group()

    def show_group(self, _: object = None) -> None:
        group = self.selected
        self.curves.value = render(lambda: curves_picture(self.catalog, group)) if group else ""
        seeds = [(str(seed), seed) for seed in group.runs] if group else []
        self.seed.set_options(seeds, callback=self.show_first_page)
        self.show_first_page()

    def show_first_page(self, _: object = None) -> None:
        self.start = 0
        self.change_page(0)

    def change_page(self, by: int) -> None:
        group, seed = self.selected, self.seed.selected
        if group is None or seed not in group.runs:
            self.predictions.value, self.position.value = "", ""
            self.previous.disabled = self.next.disabled = True
            return
        self.start = max(0, self.start + by)
        try:
            self.predictions.value, total = predictions_html(
                self.catalog,
                group,
                seed,
                data=self.study.data,
                wrong_only=self.wrong.value,
                start=self.start,
                count=PAGE,
            )
        except StudyError as error:
            self.predictions.value, total = Remark(text=str(error))._repr_html_(), 0
        last = min(self.start + PAGE, total)
        self.position.value = f"{self.start + 1} to {last} of {total:,}" if total else ""
        self.previous.disabled, self.next.disabled = self.start == 0, last >= total

    @property
    def selected(self) -> RunGroup | None:
        return self.catalog.group(self.group.selected) if self.group.selected else None


class ComparisonPanel(widgets.VBox):
    """Select two groups of one task; the paired test follows."""

    def __init__(self, catalog: StoreCatalog) -> None:
        self.catalog = catalog
        first, second = default_pair(catalog)
        options = [(group.title, group.key) for group in catalog.groups if comparable_groups(catalog, group)]
        self.first, self.second = SearchList("Setting", options), SearchList("Against")
        self.first.value = first.key if first else None
        for side in (self.first, self.second):
            side.layout = {"flex": "1 1 24rem"}
        self.result = widgets.HTML()
        self.first.observe(self.update_second, "value")
        self.second.observe(self.show, "value")
        super().__init__([row(self.first, self.second), self.result])
        self.update_second()
        if second:
            self.second.value = second.key

    def update_second(self, _: object = None) -> None:
        first = self._group(self.first.selected)
        others = comparable_groups(self.catalog, first) if first else []
        self.second.set_options([(group.title, group.key) for group in others], callback=self.show)
        self.show()

    def show(self, _: object = None) -> None:
        first, second = self._group(self.first.selected), self._group(self.second.selected)
        self.result.value = render(lambda: compare_groups(self.catalog, first, second))

    def _group(self, key: str | None) -> RunGroup | None:
        return self.catalog.group(key) if key else None


class LivePanel(widgets.VBox):
    """Start a small fine-tuning, watch its curve, stop it."""

    def __init__(self, study: Study[Parameters], catalog: StoreCatalog, *, task: str, recipe: Recipe) -> None:
        self.study, self.recipe = study, recipe
        self.run: LiveRun | None = None
        self.watching: asyncio.Task[None] | None = None
        self.layers = encoder_layers(catalog)
        encoders = live_encoders(study)
        self.encoder = Dropdown("Encoder", options=encoders)
        self.task = Dropdown("Task", options=[task.name for task in study.tasks])
        if get_task(task) in study.tasks:
            self.task.value = get_task(task).name
        self.epochs = labelled(widgets.BoundedFloatText, "Epochs", value=recipe.epochs, min=0.01, max=1000)
        self.learning_rate = labelled(widgets.FloatText, "Learning rate", value=recipe.learning_rate)
        self.seed = labelled(widgets.BoundedIntText, "Seed", value=1, min=0, max=2**31 - 1)
        self.techniques = TechniqueControls(TechniqueSelection(), n_layers=self._n_layers())
        self.encoder.observe(lambda _: self.techniques.set_n_layers(self._n_layers()), "value")
        self.start = widgets.Button(description="Start", button_style="success", disabled=not encoders)
        self.stop = widgets.Button(description="Stop", button_style="danger", disabled=True)
        self.bar = widgets.FloatProgress(min=0.0, max=1.0, layout={"width": "20rem"})
        self.status = widgets.HTML("" if encoders else "No encoder of this study has a path. Set one (encoders).")
        self.picture = widgets.HTML(layout={"min_height": "2rem"})
        self.start.on_click(self.on_start)
        self.stop.on_click(self.on_stop)
        super().__init__(
            [
                row(self.encoder, self.task, self.epochs, self.learning_rate, self.seed),
                self.techniques,
                row(self.start, self.stop, self.bar),
                self.status,
                self.picture,
            ]
        )

    def _n_layers(self) -> int:
        return self.layers.get(self.encoder.selected, BASE_LAYERS)

    def on_start(self, _: object = None) -> None:
        try:
            self.run = LiveRun(
                self.study,
                self.techniques.value,
                encoder=self.encoder.selected,
                task=self.task.selected,
                recipe=self.recipe.replace(epochs=self.epochs.value, learning_rate=self.learning_rate.value),
                seed=self.seed.value,
            )
        except StudyError as error:
            self.status.value = Remark(text=str(error))._repr_html_()
            return
        self.start.disabled, self.stop.disabled, self.picture.value = True, False, ""
        self.watching = asyncio.get_running_loop().create_task(self._watch(self.run))

    def on_stop(self, _: object = None) -> None:
        if self.run is not None:
            self.run.stop()
            self.stop.disabled = True

    async def _watch(self, run: LiveRun) -> None:
        last_redraw = 0.0
        while run.is_running():
            redraw = len(run.losses) > 1 and time.monotonic() - last_redraw > REDRAW_SECONDS
            last_redraw = time.monotonic() if redraw else last_redraw
            self.show(run, redraw=redraw)
            await asyncio.sleep(POLL_SECONDS)
        self.show(run, redraw=run.total > 0)
        self.start.disabled, self.stop.disabled = False, True

    def show(self, run: LiveRun, *, redraw: bool) -> None:
        self.status.value = Remark(text=run.describe())._repr_html_()
        self.bar.value = run.step / run.total if run.total else 0.0
        if redraw:
            self.picture.value = render(run.figure)
