"""What pretraining itself shows: its records as a table, and held-out loss and accuracy against tokens seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...study.study import Study
from ...tables.figure import COLORS, DASHES, Figure, as_svg, canvas, without_mathtext
from ...tables.table import Table, format_number

PANELS = (  # (title, what is drawn, axis)
    ("Masked words, held-out loss", "word_loss", "loss (nats)"),
    ("Masked words, held-out accuracy", "word_accuracy", "accuracy × 100"),
    ("ELECTRA's discriminator, held-out", "discriminator_accuracy", "accuracy × 100"),
)
ALIKE = 0.01  # tokens seen that differ by less are as many: a last batch more or less
CUTS = (
    "Every objective is scored on held-out text cut as it trains: BERT's sequences hold a second segment that is "
    "unrelated half of the time, those without next-sentence prediction two that follow one another, single sequences "
    "one. So losses and accuracies of words compare encoders of one objective, not objectives."
)


def pretraining_table(study: Study) -> Table:
    """A row per encoder of our own pretraining: text, tokens, time, held-out scores at the end."""
    columns = ("Encoder", "Objective, seed", "Tokens seen", "Steps", "Passes", "Seconds", "Word loss", "Word accuracy",
               "Next sentence", "Replaced words")  # fmt: skip
    rows = []
    for name, record in _records(study).items():
        last = record["curve"][-1]
        rows.append(
            (
                name,
                f"{record['objective']}, {record['seed']}",
                f"{last['tokens']:,}",
                f"{last['step']:,}",
                f"{last['tokens'] / max(1, record['corpus']['tokens']):.1f}",
                f"{record['seconds']:,.0f}",
                format_number(last["word_loss"]),
                _percent(last, "word_accuracy"),
                _percent(last, "next_accuracy"),
                _percent(last, "discriminator_accuracy"),
            )
        )
    notes = [
        "On held-out documents: mean loss of masked words in nats; accuracies times 100 of masked words, of next or "
        "random segment (a coin toss: 50), and of the discriminator over all tokens.",
        CUTS,
        "ELECTRA's word loss and accuracy are its generator's, a smaller encoder that is thrown away; they are no "
        "measure of the encoder itself, and do not compare with the others'. Its discriminator does well by calling "
        "every word original: what counts is how far it rises above that share.",
        *_lengths(_records(study)),
        *_given(study),
        *_texts(study),
    ]
    empty = [("no encoder of our own pretraining", *("–" for _ in columns[1:]))]
    return Table(title="Pretraining", columns=columns, rows=rows or empty, caption=study.provenance, notes=notes)


@without_mathtext
def curves_figure(study: Study) -> Figure:
    """Held-out curves against tokens seen, one line per encoder; ELECTRA's discriminator in a panel of its own."""
    records = _records(study)
    drawing, ((*axes,),) = canvas(width=11.0, height=3.6, rows=1, cols=len(PANELS))
    said = []
    for panel, (title, value, label) in zip(axes, PANELS, strict=True):
        for index, (name, record) in enumerate(records.items()):
            points = [(point["tokens"], point[value]) for point in record["curve"] if value in point]
            if not points:
                continue
            times = 100 if value.endswith("accuracy") else 1
            shown = f"{name}: generator" if record["objective"] == "electra" and value.startswith("word") else name
            panel.plot([x / 1e6 for x, _ in points], [times * y for _, y in points], label=shown, lw=1.8, marker="o",
                       ms=3, color=COLORS[index % len(COLORS)], ls=DASHES[index % len(DASHES)])  # fmt: skip
            said.append(f"{title}, {shown}: {times * points[0][1]:.2f} to {times * points[-1][1]:.2f}.")
        _draw_trivial(panel, records, value)
        panel.set_title(title, fontsize=10, loc="left", fontweight="bold")
        panel.set_xlabel("million tokens seen", fontsize=9)
        panel.set_ylabel(label, fontsize=9)
        panel.grid(color="#e5e7eb", lw=0.7)
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[1]:
            panel.legend(frameon=False, fontsize=7.5)
    notes = [CUTS, "A generator is smaller than its encoder and is thrown away: its curve shows that it learns, and "
             "compares with no other."]  # fmt: skip
    return Figure(title="Pretraining curves", alt=" ".join(said) or "No encoder of our own pretraining.",
                  svg=as_svg(drawing), caption=study.provenance, notes=notes)  # fmt: skip


def _draw_trivial(panel: Any, records: Mapping[str, Any], value: str) -> None:
    """The share of words that are original: what calling all of them so would score."""
    if value != "discriminator_accuracy":
        return
    for record in records.values():
        points = [
            (p["tokens"] / 1e6, 100 * (1 - p["replaced_share"])) for p in record["curve"] if "replaced_share" in p
        ]
        if points:
            panel.plot(*zip(*points, strict=True), ls=":", lw=1.2, color="#6b7280", label="always 'original'")
            return


def _records(study: Study) -> dict[str, Mapping[str, Any]]:
    found = {name: source.pretraining for name, source in study.sources.encoders.items()}
    return {name: record for name, record in found.items() if record and record["curve"]}


def _lengths(records: Mapping[str, Any]) -> list[str]:
    """Whether one was trained for longer than another."""
    lasts = [record["curve"][-1] for record in records.values()]
    steps, tokens = [last["step"] for last in lasts], [last["tokens"] for last in lasts]
    if not lasts or (min(steps) == max(steps) and max(tokens) <= (1 + ALIKE) * min(tokens)):
        return []
    return [
        f"Not trained for equally long: {_span(tokens)} tokens in {_span(steps)} steps. What differs between "
        "objectives may come from that."
    ]


def _span(values: Sequence[int]) -> str:
    return f"{min(values):,}" + (f" to {max(values):,}" if max(values) > min(values) else "")


def _given(study: Study) -> list[str]:
    """Encoders without a pretraining record."""
    names = [name for name in study.sources.encoders if name not in _records(study)]
    if not names:
        return []
    return [
        f"Without a row, since no record of their pretraining is at hand: {', '.join(names)}. Not only their objective "
        "may differ from the others', but text, tokens and steps as well."
    ]


def _texts(study: Study) -> list[str]:
    """Each corpus once, in words."""
    said = {}
    for record in _records(study).values():
        corpus, config = record["corpus"], record["config"]
        files = ", ".join(file["file"] for file in corpus["files"])
        said[corpus["fingerprint"]] = (
            f"Text: {files} ({corpus['documents']:,} documents, {corpus['tokens']:,} tokens, "
            f"{corpus['held_out_documents']:,} documents held out; {corpus['blurb_test_documents']:,} marked as text "
            f"of a BLURB test set {corpus['blurb_test']}); "
            f"{config['n_layers']} layers of width {config['width']}, vocabulary of {corpus['vocabulary']:,}."
        )
    return list(said.values())


def _percent(point: Mapping[str, float], name: str) -> str:
    return format_number(100 * point[name]) if name in point else "–"
