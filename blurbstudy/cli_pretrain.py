"""blurbstudy pretrain: an encoder from your own text, resumable, on one device or several."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import ParameterError

LOG_INTERVAL = 30.0  # seconds between two lines, where nobody watches
UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}


def pretrain(
    objective: Annotated[str, typer.Option(help="bert, no-nsp, single-sequence or electra.")],
    corpus: Annotated[
        list[Path],
        typer.Option(help="JSONL of documents or plain text, also .gz or .xz; several files after one --corpus."),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the encoder; its states lie there until it is done.")],
    config: Annotated[str, typer.Option(help="mini, small, base, large, or a YAML file of your own.")] = "small",
    tokens: Annotated[
        str | None, typer.Option(help="Tokens to be seen, such as 20M (default: the steps of --config).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last state in --out.")] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Tokenizer folder or vocab.txt (default: trained on the corpus).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the starting weights, the order of the text and the masks.")] = 0,
    keep_test_text: Annotated[
        bool, typer.Option("--keep-test-text", help="Keep documents marked as text of BLURB's test sets.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (bfloat16 on cuda), float32 or bfloat16.")] = "auto",
    threads: Annotated[int, typer.Option(help="On a CPU; 0: all cores, or as many as it was begun with.")] = 0,
    micro_batch_tokens: Annotated[
        int, typer.Option(help="Tokens on the device at once; a larger step is accumulated. 0: the whole step.")
    ] = 0,
    save_every: Annotated[float, typer.Option(help="Seconds between two saved states.")] = 300.0,
    ladder: Annotated[str, typer.Option(help="Also publish the encoder after so many tokens: 1M,2M,5M.")] = "",
) -> None:
    """Pretrain an encoder on a corpus and write it as a Hugging Face directory with a model card.

    Several GPUs: torchrun --nproc-per-node N -m blurbstudy pretrain ...
    """
    from .pretraining import Conduct, Corpus, get_objective, pretraining_config
    from .pretraining import pretrain as train
    from .training.circumstances import pick_device

    goal = get_objective(objective)
    settings = pretraining_config(config, goal.name)
    seen = _count("--tokens", tokens) if tokens else 0
    rungs = tuple(sorted(_count("--ladder", word) for word in ladder.split(",") if word.strip()))
    for name, value, least in (("--seed", seed, 0), ("--threads", threads, 0), ("--save-every", save_every, 0),
                               ("--micro-batch-tokens", micro_batch_tokens, 0)):  # fmt: skip
        if value < least:
            raise ParameterError(f"{name} {value:g} is out of bounds; use {least} or more")
    on_gpu = pick_device(device).type == "cuda"
    if precision == "auto":
        precision = "bfloat16" if on_gpu else "float32"
    alone = int(os.environ.get("RANK", "0")) == 0
    if _is_finished(out, resume=resume):
        typer.echo(f"{out}: is finished already ({_finished(out)}); nothing to do")
        return
    if not on_gpu:
        _use_threads(threads, out, resume=resume)
    conduct = Conduct(
        device=device, micro_batch_tokens=micro_batch_tokens, save_every=save_every, ladder=rungs, resume=resume
    )
    with _stopping() as stop, _Told(quiet=not alone) as told:
        done = train(
            goal,
            settings,
            corpus=Corpus(tuple(corpus), test_text=keep_test_text),
            out=out,
            seed=seed,
            tokens=seen,
            precision=precision,
            vocabulary=vocabulary,
            conduct=conduct,
            on_progress=told.step,
            on_reading=told.reading,
            stop=stop,
        )
    if alone:
        last = done.curve[-1]
        typer.echo(
            f"{out}: {done.tokens:,} tokens in {done.seconds:.0f} s ({done.tokens / done.seconds:,.0f} a second); "
            f"held-out loss of masked words {last['word_loss']:.3f}, accuracy {100 * last['word_accuracy']:.1f}%"
        )


def _count(option: str, text: str) -> int:
    """2000000, 2M or 1.5B."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB]?)", text.strip().upper().replace("_", ""))
    number = round(float(found[1]) * UNITS[found[2]]) if found else 0
    if not 0 < number <= 10**15:
        raise ParameterError(f"{option} {text!r} is no number of tokens; use such as 2000000, 2M or 1.5B")
    return number


def _is_finished(out: Path, *, resume: bool) -> bool:
    """Whether the encoder is there already.

    Raises:
        ParameterError: something else is there, or it was begun and --resume is not given.
    """
    from .pretraining.publishing import is_published
    from .pretraining.states import FOLDER, newest_state

    if not out.exists():
        return False
    if not out.is_dir():
        raise ParameterError(f"{out}: is a file; name a folder with --out")
    if is_published(out):
        if resume:
            return True
        raise ParameterError(f"{out}: holds a pretrained encoder already; name another folder with --out")
    if (out / FOLDER).is_dir():
        if not resume:
            raise ParameterError(f"{out}: a pretraining was begun there; go on with --resume, or name another --out")
        if newest_state(out) is None:
            typer.echo(f"{out}: holds no whole state; beginning anew", err=True)
    elif any(out.iterdir()):
        raise ParameterError(f"{out}: is not empty and holds no pretraining; name another folder with --out")
    return False


def _finished(out: Path) -> str:
    """What lies there, in words."""
    from .pretraining.publishing import RECORD

    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        return f"objective {record['objective']}, seed {record['seed']}, {record['tokens']:,} tokens"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{RECORD} cannot be read"


def _use_threads(threads: int, out: Path, *, resume: bool) -> None:
    """As many as asked for; else as it was begun with, since the bits of sums depend on it."""
    import torch

    from .pretraining.states import newest_state

    begun = newest_state(out) if resume else None
    before = begun.circumstances["threads"] if begun else None
    if threads and before and threads != before:
        typer.echo(f"{out}: begun with {before} threads; with {threads} the last bits of numbers differ", err=True)
    shared_by = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(threads or before or max(1, (os.cpu_count() or 1) // shared_by))


@contextlib.contextmanager
def _stopping() -> Iterator[Any]:
    """Ctrl-C and SIGTERM let the step end; a second Ctrl-C ends at once. Yields what tells whether either came."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Told:
    """What is told while it runs: a bar where somebody watches, a line every half minute elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.watched = quiet, sys.stderr.isatty()
        self.bar: Any = None
        self.doing, self.began, self.logged, self.first = "", 0.0, 0.0, (0, 0)

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def reading(self, doing: str, documents: int, read: int, size: int) -> None:
        """A pass over the corpus."""
        if self._begin(doing, size, unit="B"):
            self._show(doing, read, size, f"{documents:,} documents")

    def step(self, step: int, steps: int, tokens: int) -> None:
        """An optimizer step."""
        if self._begin("pretraining", steps, unit="step"):
            if self.first == (0, 0):
                self.first = (step, tokens)
            gone = time.monotonic() - self.began
            rate = (tokens - self.first[1]) / gone if gone > 0 and step > self.first[0] else 0.0
            self._show("pretraining", step, steps, f"{tokens:,} tokens, {rate:,.0f} tokens/s", since=self.first[0])

    def _begin(self, doing: str, total: int, *, unit: str) -> bool:
        if self.quiet:
            return False
        if doing != self.doing:
            if self.bar is not None:
                self.bar.close()
            self.doing, self.began, self.logged = doing, time.monotonic(), time.monotonic()
            if self.watched:
                from tqdm import tqdm

                self.bar = tqdm(total=total, desc=doing, unit=unit, unit_scale=unit == "B", dynamic_ncols=True)
        return True

    def _show(self, doing: str, done: int, total: int, said: str, *, since: int = 0) -> None:
        if self.bar is not None:
            if done > self.bar.n == 0 and since:  # resumed: what was done before is no measure of the speed
                self.bar.initial = since
            self.bar.set_postfix_str(said, refresh=False)
            self.bar.update(done - self.bar.n)
        now = time.monotonic()
        if self.watched or now - self.logged < LOG_INTERVAL:
            return
        self.logged = now
        left = (now - self.began) * (total - done) / max(1, done - since)
        share = f"{100 * done / max(1, total):.0f}%"
        print(f"{doing}: {share}, {said}, about {_clock(left)} left", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
