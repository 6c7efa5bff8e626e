"""Controls that the panels of 90_explore are made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import ipywidgets as widgets
import traitlets

from .depth import TechniqueSelection

Control = TypeVar("Control", bound=widgets.Widget)
Callback = Callable[[Mapping[str, object]], None]  # takes the change, as traitlets describes it


def row(*controls: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 1.2rem"})


def labelled(kind: type[Control], label: str, **options: Any) -> Control:
    layout = {"width": "auto", "min_width": "15rem"} | options.pop("layout", {})
    return kind(description=label, style={"description_width": "initial"}, layout=layout, **options)


def _slider(kind: type[Control], label: str, **options: Any) -> Control:
    return labelled(kind, label, continuous_update=False, layout={"width": "24rem"}, **options)


class Dropdown(widgets.Dropdown):
    """A dropdown whose label is never cut."""

    def __init__(self, label: str, options: Sequence[object] = (), **keywords: object) -> None:
        layout = {"width": "auto", "min_width": "15rem"}
        style = {"description_width": "initial"}
        super().__init__(description=label, options=options, layout=layout, style=style, **keywords)

    @property
    def selected(self) -> Any:
        """The value of the selected option; None without options."""
        return self.value

    def set_options(self, options: Sequence[tuple[str, Hashable]], *, callback: Callback) -> None:
        """Replace the options without calling back. The value stays if it is among them; else the first is set."""
        values = [value for _, value in options]
        value = self.value if self.value in values else next(iter(values), None)
        self.unobserve(callback, "value")
        self.options, self.value = options, value
        self.observe(callback, "value")


class SearchList(widgets.VBox):
    """A list with a field above it: the entries with all words of the field, in any case. Searching keeps the value."""

    value = traitlets.Any(None, allow_none=True)

    def __init__(self, label: str, options: Sequence[tuple[str, Hashable]] = (), *, rows: int = 7) -> None:
        self.words = labelled(widgets.Text, label, placeholder="words to search for")
        self.list = widgets.Select(rows=rows, layout={"width": "100%"})
        self.count = widgets.Label()
        self.options: tuple[tuple[str, Hashable], ...] = ()
        self.words.observe(lambda _: self._search(), "value")
        self.list.observe(self._select, "value")
        self.observe(lambda _: self._search(), "value")
        super().__init__([row(self.words, self.count), self.list])
        self.set_options(options)

    def set_options(self, options: Sequence[tuple[str, Hashable]], *, callback: Callback | None = None) -> None:
        """As `Dropdown.set_options`."""
        self.options = tuple(options)
        values = [value for _, value in options]
        value = self.value if self.value in values else next(iter(values), None)
        if callback is not None:
            self.unobserve(callback, "value")
        self.value = value
        if callback is not None:
            self.observe(callback, "value")
        self._search()

    @property
    def selected(self) -> Any:
        """The value of the selected entry; None without entries."""
        return self.value

    def _search(self) -> None:
        words = self.words.value.lower().split()
        matches = [(name, value) for name, value in self.options if all(word in name.lower() for word in words)]
        self.list.unobserve(self._select, "value")
        self.list.options = matches
        self.list.value = self.value if self.value in dict(matches).values() else None
        self.list.observe(self._select, "value")
        self.list.disabled = not matches
        self.count.value = f"{len(matches)} of {len(self.options)}"

    def _select(self, change: Mapping[str, object]) -> None:
        if change["new"] is not None:
            self.value = change["new"]


class TechniqueControls(widgets.VBox):
    """One control per technique."""

    def __init__(self, start: TechniqueSelection, *, n_layers: int) -> None:
        self.freeze = Dropdown("Freeze", options=[("nothing", 0)])
        self.decay = _slider(
            widgets.FloatSlider, "Decay per layer", value=start.decay, min=0.5, max=1.0, step=0.05, readout_format=".2f"
        )
        self.reinit = _slider(widgets.IntSlider, "Re-initialize top layers", max=n_layers, value=start.reinit_layers)
        self.pooler = widgets.Checkbox(description="and the pooler", value=start.reinit_pooler, indent=False)
        self.remove = _slider(widgets.IntSlider, "Remove top layers", max=n_layers - 1, value=start.remove_layers)
        self.bias = widgets.Checkbox(description="Adam's bias correction", value=start.bias_correction, indent=False)
        self.set_n_layers(n_layers)
        self.freeze.value = start.freeze
        super().__init__([row(self.freeze, self.decay, self.bias), row(self.reinit, self.pooler, self.remove)])

    def set_n_layers(self, n_layers: int) -> None:
        frozen, layers = self.freeze.selected, range(1, n_layers + 1)
        counts = [(f"embeddings and {count} layer{'s'[: count > 1]}", count) for count in layers]
        self.freeze.options = [("nothing", 0), ("embeddings alone", "embeddings"), *counts]
        self.freeze.value = min(frozen, n_layers) if isinstance(frozen, int) else frozen
        self.reinit.max, self.remove.max = n_layers, n_layers - 1

    @property
    def value(self) -> TechniqueSelection:
        return TechniqueSelection(
            freeze=self.freeze.selected,
            decay=round(self.decay.value, 4),
            reinit_layers=self.reinit.value,
            reinit_pooler=self.pooler.value,
            remove_layers=self.remove.value,
            bias_correction=self.bias.value,
        )

    def on_change(self, callback: Callback) -> None:
        for control in (self.freeze, self.decay, self.reinit, self.pooler, self.remove, self.bias):
            control.observe(callback, "value")
