"""blurbstudy pretrain: an encoder from your own text, resumable, on one device or several."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Interrupted, ParameterError

LOG_INTERVAL = 30.0  # seconds between two lines, where nobody watches
UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def pretrain(
    objective: Annotated[str, typer.Option(help="bert, no-nsp, single-sequence or electra.")],
    corpus: Annotated[
        list[Path],
        typer.Option(help="JSONL of documents or plain text, also .gz or .xz; several files after one --corpus."),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the encoder; its states lie there until it is done.")],
    config: Annotated[
        str, typer.Option(help="mini, small, base, large, electra-base, electra-large, or a YAML file.")
    ] = "small",
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
        int,
        typer.Option(
            help="Tokens on the device at once; a larger step is accumulated. "
            "0: as it was begun with, or 32768 on cuda and 65536 on cpu."
        ),
    ] = 0,
    save_every: Annotated[float, typer.Option(help="Seconds between two saved states.")] = 300.0,
    ladder: Annotated[str, typer.Option(help="Also publish the encoder after so many tokens: 1M,2M,5M.")] = "",
    shard_size: Annotated[
        str | None,
        typer.Option(help="Bytes of a file of weights at most, such as 15M: more files, and an index (default: one)."),
    ] = None,
) -> None:
    """Pretrain an encoder on a corpus and write it as a Hugging Face directory with a model card.

    Several GPUs: torchrun --nproc-per-node N -m blurbstudy pretrain ...
    """
    from ..pretraining import Conduct, Corpus, get_objective, pretraining_config
    from ..pretraining import pretrain as train
    from ..pretraining.export import is_published, rung_folder
    from ..pretraining.gradient_accumulation import most_tokens
    from ..training.provenance import pick_device

    goal = get_objective(objective)
    settings = pretraining_config(config, goal.name)
    seen = _count("--tokens", tokens) if tokens else 0
    shard_bytes = _count("--shard-size", shard_size, units=BYTES, of="bytes", such="15M") if shard_size else 0
    rungs = tuple(sorted(_count("--ladder", word) for word in ladder.split(",") if word.strip()))
    for name, value, least in (("--seed", seed, 0), ("--threads", threads, 0), ("--save-every", save_every, 0),
                               ("--micro-batch-tokens", micro_batch_tokens, 0)):  # fmt: skip
        if value < least:
            raise ParameterError(f"{name} {value:g} is out of bounds; use {least} or more")
    picked = pick_device(device)
    on_gpu = picked.type == "cuda"
    if precision == "auto":
        precision = "bfloat16" if on_gpu else "float32"
    alone = int(os.environ.get("RANK", "0")) == 0
    if resume and is_published(out):
        if alone:
            _say_finished(out)
        return
    if alone:  # another process may come after the first has begun to write
        _check_free(out, resume=resume)
    begun = _begun(out, resume=resume, told=alone)
    if not on_gpu:
        _use_threads(threads, out, begun)
    at_once = most_tokens(micro_batch_tokens or begun.get("micro_batch_tokens", 0), picked)
    if settings.dropout and alone:
        _compare(out, begun, {"micro_batch_tokens": at_once, "processes": int(os.environ.get("WORLD_SIZE", "1"))})
    conduct = Conduct(
        device=device, micro_batch_tokens=at_once, save_every=save_every, ladder=rungs, resume=resume,
        shard_bytes=shard_bytes,
    )  # fmt: skip
    with _stopping(out, told=alone) as stop, _Told(quiet=not alone) as told:

        def reading(*now: Any) -> None:
            if stop():
                raise Interrupted(f"{out}: stopped while the corpus was read; what was finished of it is kept")
            told.reading(*now)

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
            on_reading=reading,
            stop=stop,
        )
    if alone:
        for rung in rungs:
            if not is_published(rung_folder(out, rung)):
                typer.echo(f"--ladder {rung}: not published, since {done.tokens:,} tokens were seen", err=True)
        last = done.curve[-1]
        typer.echo(
            f"{out}: {done.tokens:,} tokens in {done.seconds:.0f} s ({done.tokens / done.seconds:,.0f} a second); "
            f"held-out loss of masked words {last['word_loss']:.3f}, accuracy {100 * last['word_accuracy']:.1f}%"
        )


def _count(
    option: str, text: str, *, units: Mapping[str, int] = UNITS, of: str = "tokens", such: str = "2000000, 2M or 1.5B"
) -> int:
    """2000000, 2M or 1.5B."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Z]?)", text.strip().upper().replace("_", ""))
    number = round(float(found[1]) * units[found[2]]) if found and found[2] in units else 0
    if not 0 < number <= 10**15:
        raise ParameterError(f"{option} {text!r} is no number of {of}; use such as {such}")
    return number


def _check_free(out: Path, *, resume: bool) -> None:
    """Whether an encoder may be made in `out`.

    Raises:
        ParameterError: something else is there, or it was begun and --resume is not given.
    """
    from ..pretraining.checkpoints import FOLDER
    from ..pretraining.export import is_published

    if not out.exists():
        return
    if not out.is_dir():
        raise ParameterError(f"{out}: is a file; name a folder with --out")
    if is_published(out):
        raise ParameterError(f"{out}: holds a pretrained encoder already; name another folder with --out")
    if (out / FOLDER).is_dir():
        if not resume:
            raise ParameterError(f"{out}: a pretraining was begun there; go on with --resume, or name another --out")
    elif any(out.iterdir()):
        raise ParameterError(f"{out}: is not empty and holds no pretraining; name another folder with --out")


def _say_finished(out: Path) -> None:
    """What lies there, in words; what a kill after its last file left beside it is cleared away."""
    from ..pretraining.checkpoints import forget_states
    from ..pretraining.export import RECORD, forget_unfinished

    forget_states(out)
    forget_unfinished(out)
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        said = f"objective {record['objective']}, seed {record['seed']}, {record['tokens']:,} tokens"
    except (OSError, ValueError, KeyError, TypeError):
        said = f"{RECORD} cannot be read"
    typer.echo(f"{out}: is finished already ({said}); nothing to do")


def _begun(out: Path, *, resume: bool, told: bool) -> Mapping[str, Any]:
    """The circumstances of the state that is gone on from; empty where there is none."""
    from ..pretraining.checkpoints import FOLDER, newest_state

    if not resume or not (out / FOLDER).is_dir():
        return {}
    state = newest_state(out)
    if state is None and told:
        typer.echo(f"{out}: holds no whole state; beginning anew", err=True)
    return state.circumstances if state else {}


def _use_threads(threads: int, out: Path, begun: Mapping[str, Any]) -> None:
    """As many as asked for; else as it was begun with, since the bits of sums depend on it."""
    import torch

    before = begun.get("threads")
    if threads and before and threads != before:
        typer.echo(f"{out}: begun with {before} threads; with {threads} the last bits of numbers differ", err=True)
    shared_by = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(threads or before or max(1, (os.cpu_count() or 1) // shared_by))


def _compare(out: Path, begun: Mapping[str, Any], now: Mapping[str, int]) -> None:
    """Tells what changes which numbers are dropped."""
    for name, value in now.items():
        if begun and begun.get(name) != value:
            typer.echo(
                f"{out}: begun with {name} {begun.get(name)}; with {value} dropout draws other numbers, and the "
                "encoder will be another than without the break",
                err=True,
            )


@contextlib.contextmanager
def _stopping(out: Path, *, told: bool) -> Iterator[Any]:
    """Ctrl-C and SIGTERM let the step end; a second Ctrl-C ends at once. Yields what tells whether either came."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        if told:  # not through sys.stderr, which may be in the midst of a line
            os.write(2, b"\nstopping after this step; Ctrl-C again ends at once\n")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    except KeyboardInterrupt:
        raise Interrupted(f"{out}: ended at once; the last saved state is kept") from None
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
