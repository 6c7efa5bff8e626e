"""What pretraining itself shows: its records as a table, and held-out loss and accuracy against tokens seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from ...config import JsonMapping
from ...study.study import Study
from ...tables.chart import COLORS, DASHES, SOFT, Key, Panel
from ...tables.figure import Figure
from ...tables.formatting import format_number
from ...tables.scale import Scale
from ...tables.table import Table, empty_row
from .grids import Parameters

Record = JsonMapping  # a pretraining record, from JSON

PANELS = (  # (title, metric, axis label)
    ("Masked words, held-out loss", "word_loss", "loss (nats)"),
    ("Masked words, held-out accuracy", "word_accuracy", "accuracy × 100"),
    ("ELECTRA's discriminator, held-out", "discriminator_accuracy", "accuracy × 100"),
)
TOKEN_TOLERANCE = 0.01  # relative difference of tokens seen that counts as equal: a last batch more or less
COMPARABILITY = (
    "Each objective is scored on held-out text cut as in its training: BERT's sequences hold a second segment that is "
    "unrelated half of the time, those without next-sentence prediction two consecutive ones, single sequences one. "
    "So losses and accuracies of words compare encoders of one objective, not objectives."
)


def pretraining_table(study: Study[Parameters]) -> Table:
    """A row per encoder pretrained here: text, tokens, time, final held-out scores."""
    columns = (
        "Encoder", "Objective, seed", "Tokens seen", "Steps", "Passes", "Seconds", "Word loss", "Word accuracy",
        "Next sentence", "Replaced words",
    )  # fmt: skip
    records, brief = _records(study), getattr(study.parameters, "brief_encoder", "")
    rows = []
    for name, record in records.items():
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
        "random segment (chance: 50), and of the discriminator over all tokens.",
        COMPARABILITY,
        "ELECTRA's word loss and accuracy are those of its generator, a smaller encoder that is thrown away; they do "
        "not measure the encoder itself and do not compare with the others'. Its discriminator does well by calling "
        "every word original: compare its accuracy with that share.",
        *_length_notes([record for name, record in records.items() if name != brief]),
        *_missing_record_notes(study, records),
        *_corpus_notes(records),
    ]
    return Table(
        title="Pretraining",
        columns=columns,
        rows=rows or [empty_row(columns, "no encoder was pretrained here")],
        caption=study.provenance,
        notes=notes,
    )


def curves_figure(study: Study[Parameters]) -> Figure:
    """Held-out curves against tokens seen, one line per encoder; ELECTRA's discriminator in a separate panel."""
    records = _records(study)
    styles = dict(zip(records, zip(cycle(COLORS), cycle(DASHES)), strict=False))
    tokens = [point["tokens"] / 1e6 for record in records.values() for point in record["curve"]]
    across = Scale.around([0.0, *tokens], least=0.0, otherwise=(0, 1))
    panels, descriptions, keys = [], [], {}
    for title, metric, axis_label in PANELS if records else ():
        factor = 100 if metric.endswith("accuracy") else 1
        curves = {
            name: [(point["tokens"] / 1e6, factor * point[metric]) for point in record["curve"] if metric in point]
            for name, record in records.items()
        }
        trivial = _trivial(records) if metric == "discriminator_accuracy" else []
        values = [y for points in (*curves.values(), trivial) for _, y in points]
        panel = Panel(title=title, x=across, y=Scale.around(values, least=0.5, otherwise=(0, 100)))
        panel.axis_across("million tokens seen")
        panel.axis_up(axis_label)
        for name, points in curves.items():
            if not points:
                continue
            color, dash = styles[name]
            is_generator = records[name]["objective"] == "electra" and metric.startswith("word")
            label = f"{name}: generator" if is_generator else name
            key_text = f"{name} (of words: its generator)" if is_generator else name
            keys.setdefault(name, Key(key_text, color, "dot", dash))
            panel.curve(points, color, dash=dash, shape="dot")
            descriptions.append(f"{title}, {label}: {points[0][1]:.2f} to {points[-1][1]:.2f}.")
        if trivial:
            panel.curve(trivial, SOFT, dash="2 3", width=1.4)
            keys[""] = Key("calling every word original", SOFT, dash="2 3")
        panels.append(panel)
    notes = [
        COMPARABILITY,
        "A generator is smaller than its encoder and is thrown away: its curve shows that it learns, and compares "
        "with no other.",
    ]
    return Figure(
        title="Pretraining curves",
        alt=" ".join(descriptions) or "No encoder was pretrained here.",
        panels=panels,
        keys=[*keys.values()],
        caption=study.provenance,
        notes=notes,
    )


def _trivial(records: Mapping[str, Record]) -> list[tuple[float, float]]:
    """(million tokens, share of original words): the accuracy of calling all of them so."""
    for record in records.values():
        points = [point for point in record["curve"] if "replaced_share" in point]
        if points:
            return [(point["tokens"] / 1e6, 100 * (1 - point["replaced_share"])) for point in points]
    return []


def _records(study: Study[Parameters]) -> dict[str, Record]:
    records = {name: source.pretraining for name, source in study.sources.encoders.items()}
    return {name: record for name, record in records.items() if record and record["curve"]}


def _length_notes(records: Sequence[Record]) -> list[str]:
    """A note where encoders were trained for different numbers of tokens or steps."""
    last = [record["curve"][-1] for record in records]
    steps, tokens = [point["step"] for point in last], [point["tokens"] for point in last]
    if not last or (min(steps) == max(steps) and max(tokens) <= (1 + TOKEN_TOLERANCE) * min(tokens)):
        return []
    return [
        f"Not trained for equally long: {_span(tokens)} tokens in {_span(steps)} steps. Differences between objectives "
        "may come from that."
    ]


def _span(values: Sequence[int]) -> str:
    return f"{min(values):,}" + (f" to {max(values):,}" if max(values) > min(values) else "")


def _missing_record_notes(study: Study[Parameters], records: Mapping[str, Record]) -> list[str]:
    names = [name for name in study.sources.encoders if name not in records]
    if not names:
        return []
    return [
        f"Without a row, because their pretraining record is not available: {', '.join(names)}. They may differ from "
        "the others not only in their objective but also in text, tokens and steps."
    ]


def _corpus_notes(records: Mapping[str, Record]) -> list[str]:
    """A description of each corpus."""
    notes = {}
    for record in records.values():
        corpus, config = record["corpus"], record["config"]
        files = ", ".join(file["file"] for file in corpus["files"])
        notes[corpus["fingerprint"]] = (
            f"Text: {files} ({corpus['documents']:,} documents, {corpus['tokens']:,} tokens, "
            f"{corpus['held_out_documents']:,} documents held out; {corpus['blurb_test_documents']:,} marked as text "
            f"of a BLURB test set {corpus['blurb_test']}); "
            f"{config['n_layers']} layers of width {config['width']}, vocabulary of {corpus['vocabulary']:,}."
        )
    return list(notes.values())


def _percent(point: Mapping[str, float], name: str) -> str:
    return format_number(100 * point[name]) if name in point else "–"
