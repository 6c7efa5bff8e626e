"""The widgets of 90_explore: controls, and what they show. All that is shown is made elsewhere, by functions without
widgets; here a control is tied to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from ...config import Recipe
from ...errors import StudyError
from ...study.study import Study
from ...tasks import ALL_TASKS, get_task
from .catalog import Explored, Notice, Setting, open_catalog
from .compare import comparable, compared_pair, default_pair
from .depth import Techniques, depth_picture, encoder_layers
from .live import LiveRun, live_encoders
from .predictions import predictions_html
from .runs import curves_picture, runs_table, seeds_picture

POLL_SECONDS = 0.25  # between two looks at a running fine-tuning
REDRAW_SECONDS = 1.0  # between two drawings of its curve: one takes a quarter of a second
PAGE = 5  # predictions shown at once
ANY = ("all", "")


def shown(make: Callable[[], Any]) -> str:
    """The HTML of what `make` returns; a StudyError is shown as a sentence instead."""
    try:
        return make()._repr_html_()
    except StudyError as error:
        return Notice(text=str(error))._repr_html_()


def _row(*controls: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 1.2rem"})


def _wide(kind: type[widgets.Widget], label: str, **settings: Any) -> widgets.Widget:
    """A control whose label is never cut."""
    layout = {"width": "auto", "min_width": "15rem"} | settings.pop("layout", {})
    return kind(description=label, style={"description_width": "initial"}, layout=layout, **settings)


def _slider(kind: type[widgets.Widget], label: str, **settings: Any) -> widgets.Widget:
    return _wide(kind, label, continuous_update=False, layout={"width": "24rem"}, **settings)


def offer(control: widgets.Dropdown, options: Sequence[tuple[str, Any]], *, heard: Callable[[Any], None]) -> None:
    """Give a control other options, unheard; what is chosen stays where it can, else the first is chosen."""
    values = [value for _, value in options]
    chosen = control.value if control.value in values else next(iter(values), None)
    control.unobserve(heard, "value")
    control.options, control.value = options, chosen
    control.observe(heard, "value")


class TechniqueControls(widgets.VBox):
    """One control per technique."""

    def __init__(self, start: Techniques, *, n_layers: int) -> None:
        self.freeze = _wide(widgets.Dropdown, "Freeze", options=[("nothing", 0)])
        self.decay = _slider(
            widgets.FloatSlider, "Decay per layer", value=start.decay, min=0.5, max=1.0, step=0.05, readout_format=".2f"
        )
        self.reinit = _slider(widgets.IntSlider, "Re-initialize top layers", max=n_layers, value=start.reinit_layers)
        self.pooler = widgets.Checkbox(description="and the pooler", value=start.reinit_pooler, indent=False)
        self.remove = _slider(widgets.IntSlider, "Remove top layers", max=n_layers - 1, value=start.remove_layers)
        self.bias = widgets.Checkbox(description="Adam's bias correction", value=start.bias_correction, indent=False)
        self.fit(n_layers)
        self.freeze.value = start.freeze
        super().__init__([_row(self.freeze, self.decay, self.bias), _row(self.reinit, self.pooler, self.remove)])

    def fit(self, n_layers: int) -> None:
        """Offer as many layers as the encoder has."""
        kept, layers = self.freeze.value, range(1, n_layers + 1)
        counts = [(f"embeddings and {count} layer{'s'[: count > 1]}", count) for count in layers]
        self.freeze.options = [("nothing", 0), ("embeddings alone", "embeddings"), *counts]
        self.freeze.value = min(kept, n_layers) if isinstance(kept, int) else kept
        self.reinit.max, self.remove.max = n_layers, n_layers - 1

    @property
    def value(self) -> Techniques:
        """What is picked."""
        return Techniques(
            freeze=self.freeze.value,
            decay=round(self.decay.value, 4),
            reinit_layers=self.reinit.value,
            reinit_pooler=self.pooler.value,
            remove_layers=self.remove.value,
            bias_correction=self.bias.value,
        )

    def on_change(self, heard: Callable[[Any], None]) -> None:
        """Tell of every change."""
        for control in (self.freeze, self.decay, self.reinit, self.pooler, self.remove, self.bias):
            control.observe(heard, "value")


class DepthPanel(widgets.VBox):
    """Pick encoder, task and techniques; Figure 1 follows."""

    def __init__(self, explored: Explored, techniques: Techniques, *, task: str, recipe: Recipe) -> None:
        self.explored, self.recipe = explored, recipe
        layers = encoder_layers(explored)
        self.encoder = _wide(widgets.Dropdown, "Encoder", options=list(layers))
        self.task = _wide(widgets.Dropdown, "Task", options=[one.name for one in ALL_TASKS], value=get_task(task).name)
        self.techniques = TechniqueControls(techniques, n_layers=layers[self.encoder.value])
        self.picture = widgets.HTML()
        self.encoder.observe(lambda _: self.techniques.fit(layers[self.encoder.value]), "value")
        for control in (self.encoder, self.task):
            control.observe(self.show, "value")
        self.techniques.on_change(self.show)
        super().__init__([_row(self.encoder, self.task), self.techniques, self.picture])
        self.show()

    def show(self, _: object = None) -> None:
        """Draw what is picked."""
        picked = {"encoder": self.encoder.value, "task": get_task(self.task.value), "recipe": self.recipe}
        self.picture.value = shown(lambda: depth_picture(self.explored, self.techniques.value, **picked))


class StorePanel(widgets.VBox):
    """Browse the store: filter settings, see their seeds, follow one run to its curve and its single predictions."""

    def __init__(self, explored: Explored, study: Study) -> None:
        self.explored, self.study, self.start = explored, study, 0
        self.task = _wide(widgets.Dropdown, "Task", options=[])
        self.encoder = _wide(widgets.Dropdown, "Encoder", options=[ANY])
        self.words = _wide(
            widgets.Text, "Words in the setting", placeholder="freeze 20 epochs", continuous_update=False
        )
        self.again = widgets.Button(description="Read the store again", layout={"width": "auto"})
        self.setting = _wide(widgets.Dropdown, "Setting", options=[])
        self.seed = _wide(widgets.Dropdown, "Seed", options=[])
        self.wrong = widgets.Checkbox(description="wrong ones only", value=True, indent=False)
        self.back, self.forth = widgets.Button(description="◀ earlier"), widgets.Button(description="later ▶")
        self.place = widgets.Label()
        self.runs, self.curves, self.predictions = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.again.on_click(self.read_again)
        for control in (self.task, self.encoder, self.words):
            control.observe(self.filter, "value")
        self.setting.observe(self.show_setting, "value")
        for control in (self.seed, self.wrong):
            control.observe(self.show_first, "value")
        self.back.on_click(lambda _: self.turn(-PAGE))
        self.forth.on_click(lambda _: self.turn(PAGE))
        super().__init__(
            [
                _row(self.task, self.encoder, self.words, self.again),
                self.runs,
                widgets.HTML("<h4>One run</h4>"),
                _row(self.setting, self.seed),
                self.curves,
                _row(self.wrong, self.back, self.forth, self.place),
                self.predictions,
            ]
        )
        self.offer()

    def read_again(self, _: object = None) -> None:
        """Take in what has come into the store meanwhile."""
        self.explored = open_catalog(self.study)
        self.offer()

    def offer(self) -> None:
        """The store's tasks and encoders."""
        offer(self.task, [*((name, name) for name in self.explored.tasks), ANY], heard=self.filter)
        offer(self.encoder, [ANY, *((name, name) for name in self.explored.encoders)], heard=self.filter)
        self.filter()

    def filter(self, _: object = None) -> None:
        """Show the settings that fit."""
        found = self.explored.chosen(task=self.task.value, encoder=self.encoder.value, words=self.words.value)
        pictures = (lambda: seeds_picture(self.explored, found), lambda: runs_table(self.explored, found))
        self.runs.value = "".join(map(shown, pictures if found else pictures[:1]))
        offer(self.setting, [(setting.title, setting.key) for setting in found], heard=self.show_setting)
        self.show_setting()

    def show_setting(self, _: object = None) -> None:
        """The curves of the chosen setting, and its seeds."""
        chosen = self.chosen
        self.curves.value = shown(lambda: curves_picture(self.explored, chosen))
        offer(self.seed, [(str(seed), seed) for seed in chosen.runs] if chosen else [], heard=self.show_first)
        self.show_first()

    def show_first(self, _: object = None) -> None:
        """The first page of predictions."""
        self.start = 0
        self.turn(0)

    def turn(self, by: int) -> None:
        """Another page of predictions."""
        chosen, seed = self.chosen, self.seed.value
        if chosen is None or seed not in chosen.runs:
            self.predictions.value, self.place.value = "", ""
            return
        self.start = max(0, self.start + by)
        picked = {"data": self.study.data, "wrong_only": self.wrong.value, "start": self.start, "count": PAGE}
        try:
            self.predictions.value, total = predictions_html(self.explored, chosen, seed, **picked)
        except StudyError as error:
            self.predictions.value, total = Notice(text=str(error))._repr_html_(), 0
        last = min(self.start + PAGE, total)
        self.place.value = f"{self.start + 1} to {last} of {total:,}" if total else ""
        self.back.disabled, self.forth.disabled = self.start == 0, last >= total

    @property
    def chosen(self) -> Setting | None:
        """The setting that is looked at."""
        return self.explored.setting(self.setting.value) if self.setting.value else None


class ComparisonPanel(widgets.VBox):
    """Choose two settings of one task; the paired test follows."""

    def __init__(self, explored: Explored) -> None:
        self.explored = explored
        first, second = default_pair(explored)
        options = [(s.title, s.key) for s in explored.settings if comparable(explored, s)]
        self.first = _wide(widgets.Dropdown, "First", options=options, value=first.key if first else None)
        self.second = _wide(widgets.Dropdown, "Second", options=[])
        self.result = widgets.HTML()
        self.first.observe(self.offer, "value")
        self.second.observe(self.show, "value")
        super().__init__([_row(self.first), _row(self.second), self.result])
        self.offer()
        if second:
            self.second.value = second.key

    def offer(self, _: object = None) -> None:
        """The settings that may stand against the first."""
        first = self._setting(self.first.value)
        others = comparable(self.explored, first) if first else []
        offer(self.second, [(s.title, s.key) for s in others], heard=self.show)
        self.show()

    def show(self, _: object = None) -> None:
        """Compare what is chosen."""
        pair = (self._setting(self.first.value), self._setting(self.second.value))
        self.result.value = shown(lambda: compared_pair(self.explored, *pair))

    def _setting(self, key: str | None) -> Setting | None:
        return self.explored.setting(key) if key else None


class LivePanel(widgets.VBox):
    """Start a small fine-tuning, watch its curve, stop it."""

    def __init__(self, study: Study, explored: Explored, *, task: str, recipe: Recipe) -> None:
        self.study, self.recipe = study, recipe
        self.run: LiveRun | None = None
        self.watching: asyncio.Task[None] | None = None
        self.layers = encoder_layers(explored)
        encoders: Sequence[str] = live_encoders(study)
        self.encoder = _wide(widgets.Dropdown, "Encoder", options=encoders)
        self.task = _wide(widgets.Dropdown, "Task", options=[one.name for one in study.tasks])
        if get_task(task) in study.tasks:
            self.task.value = get_task(task).name
        self.epochs = _wide(widgets.BoundedFloatText, "Epochs", value=recipe.epochs, min=0.01, max=1000)
        self.rate = _wide(widgets.FloatText, "Learning rate", value=recipe.learning_rate)
        self.seed = _wide(widgets.BoundedIntText, "Seed", value=1, min=0, max=2**31 - 1)
        self.techniques = TechniqueControls(Techniques(), n_layers=self.layers.get(self.encoder.value, 12))
        self.encoder.observe(lambda _: self.techniques.fit(self.layers.get(self.encoder.value, 12)), "value")
        self.begin = widgets.Button(description="Start", button_style="success", disabled=not encoders)
        self.stop = widgets.Button(description="Stop", button_style="danger", disabled=True)
        self.bar = widgets.FloatProgress(min=0.0, max=1.0, layout={"width": "20rem"})
        self.words = widgets.HTML("" if encoders else "No encoder of this study has a path: give one (encoders).")
        self.picture = widgets.HTML(layout={"min_height": "2rem"})
        self.begin.on_click(self.on_start)
        self.stop.on_click(self.on_stop)
        super().__init__(
            [
                _row(self.encoder, self.task, self.epochs, self.rate, self.seed),
                self.techniques,
                _row(self.begin, self.stop, self.bar),
                self.words,
                self.picture,
            ]
        )

    def on_start(self, _: object = None) -> None:
        """Start the run in a thread, and watch it from the kernel's event loop, which stays free."""
        try:
            recipe = self.recipe.replace(epochs=self.epochs.value, learning_rate=self.rate.value)
            chosen = {"encoder": self.encoder.value, "task": self.task.value, "seed": self.seed.value}
            self.run = LiveRun(self.study, self.techniques.value, recipe=recipe, **chosen)
        except StudyError as error:
            self.words.value = Notice(text=str(error))._repr_html_()
            return
        self.begin.disabled, self.stop.disabled, self.picture.value = True, False, ""
        self.watching = asyncio.get_running_loop().create_task(self._watch(self.run))

    def on_stop(self, _: object = None) -> None:
        """Stop the run; its curve stays."""
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
        self.begin.disabled, self.stop.disabled = False, True

    def show(self, run: LiveRun, *, redraw: bool) -> None:
        """Show the status of a run."""
        self.words.value = Notice(text=run.describe())._repr_html_()
        self.bar.value = run.step / run.total if run.total else 0.0
        if redraw:
            self.picture.value = shown(run.figure)
