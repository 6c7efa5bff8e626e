"""What a model card says of the runs: scores with their intervals, and the status of every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import JsonMapping
from ...errors import count_of

STATUS_MEANING = (
    "A collapsed run diverged, predicts a constant, or was not trained: its training ends at 0.9 times the loss of the "
    "best constant prediction or above (loss ratio). No better than trivial: its dev score is at or below the trivial "
    "baseline. Both count as failed. Not shown better than trivial: its dev score is above, but its 95% lower bound is "
    "not, which says as much about the size of dev as about the run."
)
NO_SEED_INTERVAL = "none below three runs that did not collapse, or where these have one score"


def score_rows(run: JsonMapping) -> list[list[str]]:
    """Rows of the table of scores: score, interval over examples, interval over seeds."""
    rows = []
    for split, summaries in run["summary"].items():
        model, seeds = summaries["model"], summaries["seeds"]
        rows.append([f"{split}, this model", _score(model["mean"]), _interval(model["interval_over_examples"]), ""])
        if split == "dev" and _out_of_bag(run) is not None:
            rows.append(["dev, this model, corrected for its selection", _score(_out_of_bag(run)), "", ""])
        rows += _without_leaked(run, split, "model", "this model")
        rows.append([f"{split}, {_seeds(seeds)}", *_mean(seeds)])
        rows += _without_leaked(run, split, "seeds", _seeds(seeds))
        rows.append([f"{split}, trivial baseline", _score(seeds["trivial"])])
        if seeds.get("mention_list") is not None:
            rows.append([f"{split}, list of train's mentions", _score(seeds["mention_list"])])
    return [row + [""] * (4 - len(row)) for row in rows]


def _without_leaked(run: JsonMapping, split: str, of: str, whose: str) -> list[list[str]]:
    """The row of the score without the examples that are also in train; none if there are none."""
    found = (run["caveats"] or {}).get(of, ())
    leaked = [caveat for caveat in found if caveat["split"] == split and caveat["score"] is not None]
    without = "without the {} examples that are also in train"
    return [[f"{split}, {whose}, {without.format(one['count'])}", _score(one["score_without"])] for one in leaked]


def caveat_notes(run: JsonMapping) -> list[str]:
    """The caveats of this model's scores, one paragraph each."""
    if run["caveats"] is None:
        return ["It was not checked whether examples of dev and test are also in train, or what else inflates a score."]
    found = run["caveats"]["model"]
    texts = [escape_text(caveat["text"]) for caveat in found if caveat["split"] in run["summary"]]
    return [f"**Caveat:** {text[:1].upper()}{text[1:]}." for text in texts]


def _seeds(seeds: JsonMapping) -> str:
    """Whose mean is given."""
    n, collapsed = seeds["n_noncollapsed"], seeds["collapsed"]
    if not n:
        return f"mean of {count_of(seeds['n_scored'], 'seed')}, all collapsed"
    return f"mean of {count_of(n, 'seed')}{' without a collapsed run' if collapsed else ''}"


def _mean(seeds: JsonMapping) -> list[str]:
    if not seeds["n_noncollapsed"]:
        return [_score(seeds["mean"])]
    intervals = [_interval(seeds["interval_over_examples"]), _interval(seeds["interval_over_seeds"])]
    return [_score(seeds["noncollapsed_mean"]), *intervals]


def _out_of_bag(run: JsonMapping) -> float | None:
    """The dev score of the model, corrected for its selection."""
    return (run["selection"] or {}).get("dev_out_of_bag")


def model_score(run: JsonMapping, split: str) -> float | None:
    """The model's score; without a test set, the dev score corrected for the selection if it can be."""
    corrected = _out_of_bag(run) if "test" not in run["summary"] else None
    return run["summary"][split]["model"]["mean"] if corrected is None else corrected


def score_notes(run: JsonMapping) -> list[str]:
    """What a reader of the scores must know, one paragraph each."""
    notes = _selection_notes(run)
    if "test" not in run["summary"]:
        notes.append("There is no test set: no score here is from data that played no part in selecting the model.")
    for split, summaries in run["summary"].items():
        seeds = summaries["seeds"]
        over_seeds = seeds["interval_over_seeds_by"] if seeds["interval_over_seeds"] else NO_SEED_INTERVAL
        methods = f"{seeds['interval_over_examples_by']} (over examples); {over_seeds} (over seeds)"
        notes.append(f"Confidence intervals on {split}: {escape_text(methods)}.")
        if seeds["mixture_interval"]:
            notes.append(
                f"Mean on {split} of all runs, collapsed ones included: 95% CI {_interval(seeds['mixture_interval'])}."
            )
    if line := run.get("agreement"):
        notes.append(f"{escape_text(line[:1].upper() + line[1:])}.")
    if repeated := run.get("again"):
        scores = [f"{split} {_score(value)}" for split, value in repeated["scores"].items() if value is not None]
        notes.append(
            "These weights come from a second training of the same configuration and differ from those of the run "
            f"above: {escape_text(repeated['difference'])}. Their scores: {', '.join(scores)}."
        )
    if run["precision"] != "float32":
        notes.append(
            f"Training and evaluation used {run['precision']}. The weights here are float32, so single predictions may "
            "differ."
        )
    return notes


def _selection_notes(run: JsonMapping) -> list[str]:
    """How much the dev score of a model that dev selected is worth."""
    selection = run["selection"]
    chosen = ["Its weights are those of the best evaluation on dev"] if _selects_step(run) else []
    chosen += [f"Its threshold, {run['threshold']:g}, is the best on dev"] if "threshold" in run else []
    if selection is None or "dev" not in run["summary"] or (selection["candidates"] < 2 and not chosen):
        return []
    corrected = selection["dev_out_of_bag"] is not None
    better = "the corrected one" if corrected else "the mean over seeds"
    note = (
        "This model was selected by its dev score, which is therefore too high. The better estimate is "
        f"{'the test score' if 'test' in run['summary'] else better}."
    )
    if corrected:
        note += (
            f" Corrected: in draws of dev's examples, the best of {selection['candidates']} seeds on those drawn is "
            "scored on those left out (out of bag)."
        )
    elif selection["candidates"] > 1:
        note += f" It is not corrected: {escape_text(selection['dev_out_of_bag_reason'])}."
    return [" ".join([note, *(f"{text}, for which nothing here corrects." for text in chosen)])]


def _selects_step(run: JsonMapping) -> bool:
    return run["recipe"]["checkpoint_selection"] != "last"


def run_rows(run: JsonMapping) -> list[list[str]]:
    """Rows of the table of runs."""
    return [
        [
            f"{seed['seed']}{' (this model)' * (seed['id'] == run['id'])}",
            _score(seed["dev"]),
            _score(seed["test"]),
            "–" if seed["loss_ratio"] is None else f"{seed['loss_ratio']:.2f}",
            escape_cell(": ".join(filter(None, [seed["status"], seed["status_reason"]]))),
            seed["id"],
        ]
        for seed in run["seeds"]
    ]


def describe_statuses(counts: Mapping[str, int]) -> str:
    """Runs by status (api.model_facts.status_counts) as text; runs that were not judged only if there are any."""
    shown = [f"{n} {status}" for status, n in counts.items() if n or status != "not judged"]
    n = sum(counts.values())
    return f"{' / '.join(shown)}, of {count_of(n, 'run')}"


def status_lines(run: JsonMapping) -> list[str]:
    """What the statuses of the runs mean."""
    lines = [f"Status: {describe_statuses(run['statuses'])}{_rate(run)}.", STATUS_MEANING]
    if run.get("planned_steps", 0) > run.get("stopped_at_step", 0):
        lines.append(
            f"Training stopped early, after step {run['stopped_at_step']:,} of {run['planned_steps']:,}, since dev "
            "improved no more; the learning rate followed the planned steps."
        )
    if _selects_step(run):
        lines.append("Status and loss ratio are those of the last step's weights, scores those of the best on dev.")
    if run["undertrained"]:
        lines.append(
            "This model's training ended above half the loss of the best constant prediction (loss ratio): longer "
            "training may improve it, or, above a ratio of 1, a lower learning rate."
        )
    if run["all_failed"]:
        lines.append("**All runs failed; do not rely on this model.**")
    return lines


def _rate(run: JsonMapping) -> str:
    """The interval of the rate of collapse, which is the same on every split."""
    intervals = [summaries["seeds"]["collapse_interval"] for summaries in run["summary"].values()]
    return f"; rate of collapse in %: 95% CI {_interval(intervals[0])}" if intervals and intervals[0] else ""


def _score(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _interval(bounds: Sequence[float] | None) -> str:
    return "–" if bounds is None else f"[{100 * bounds[0]:.2f}, {100 * bounds[1]:.2f}]"


def escape_cell(value: str) -> str:
    """As `escape_text`, for a cell of a table."""
    return escape_text(value).replace("|", "\\|")


def escape_text(text: str) -> str:
    """On one line and without HTML."""
    return " ".join(str(text).split()).replace("<", "&lt;")
