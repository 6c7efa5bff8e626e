"""blurbstudy pretrain: pretrain an encoder on your own text, resumable, on one device or several."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ..config import PRECISIONS, JsonMapping, check_device
from ..errors import Interrupted, ParameterError, check_choice
from ..pretraining.config import OBJECTIVE_NAMES
from ..pretraining.output_folder import check_intermediate
from .pretraining import output
from .pretraining.progress import PretrainingProgress

TOKEN_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
BYTE_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def pretrain(
    objective: Annotated[str, typer.Option(help="bert, no-nsp, single-sequence or electra.")],
    corpus: Annotated[
        list[Path],
        typer.Option(help="JSON lines or plain text, optionally .gz or .xz; one --corpus takes several files."),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the encoder and, until it is finished, its checkpoints.")],
    config: Annotated[
        str, typer.Option(help="mini, small, base, large, electra-base, electra-large, or a YAML file.")
    ] = "small",
    tokens: Annotated[
        str | None, typer.Option(help="Number of tokens to see, such as 20M (default: the steps of --config).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Tokenizer folder or vocab.txt (default: train one on the corpus).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed for initialization, data order and masking.")] = 0,
    include_test_text: Annotated[
        bool, typer.Option("--include-test-text", help="Include documents marked as text of BLURB's test sets.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (bfloat16 on cuda), float32 or bfloat16.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: all cores, or as before when resuming.")] = 0,
    micro_batch_tokens: Annotated[
        int,
        typer.Option(
            help="Tokens per forward pass; larger steps accumulate gradients. "
            "0: 32768 on cuda and 65536 on cpu, or as before when resuming."
        ),
    ] = 0,
    save_every: Annotated[float, typer.Option(help="Seconds between two checkpoints.")] = 300.0,
    checkpoint_at: Annotated[
        str, typer.Option(help="Also export the encoder after these token counts, such as 1M,2M,5M.")
    ] = "",
    shard_size: Annotated[
        str | None, typer.Option(help="Maximum size of a file of weights, such as 15M (default: one file).")
    ] = None,
) -> None:
    """Pretrain an encoder on a corpus and write it as a Hugging Face directory with a model card.

    On several GPUs: torchrun --nproc-per-node N -m blurbstudy pretrain ...
    """
    n_tokens = _parse_count("--tokens", tokens) if tokens else 0
    shard_bytes = _parse_size("--shard-size", shard_size) if shard_size else 0
    counts = tuple(sorted(_parse_count("--checkpoint-at", word) for word in checkpoint_at.split(",") if word.strip()))
    for name, value in (
        ("--seed", seed),
        ("--threads", threads),
        ("--save-every", save_every),
        ("--micro-batch-tokens", micro_batch_tokens),
    ):
        if value < 0:
            raise ParameterError(f"{name} {value:g} is out of bounds; use 0 or more")
    from .. import pretraining
    from ..pretraining.corpus.wordpiece import check_vocabulary

    check_choice("objective", objective, OBJECTIVE_NAMES)
    check_choice("precision", precision, ("auto", *PRECISIONS))
    check_device(device)
    settings = pretraining.pretraining_config(config, objective)
    text = pretraining.Corpus(tuple(corpus), include_test_text=include_test_text)
    is_main = int(os.environ.get("RANK", "0")) == 0
    if resume and pretraining.is_published(out):
        if is_main:
            output.print_already_done(out)
        return
    if is_main:  # in another process, the main one may have started to write
        output.check_output_dir(out, resume=resume)
    check_intermediate(counts, total=n_tokens or settings.steps * settings.batch_tokens)
    text.check_readable()
    if vocabulary is not None:
        check_vocabulary(vocabulary)
    from ..pretraining.gradient_accumulation import max_micro_batch_tokens  # with torch: after all checks
    from ..training.provenance import pick_device

    device_ = pick_device(device)
    on_gpu = device_.type == "cuda"
    if precision == "auto":
        precision = "bfloat16" if on_gpu else "float32"
    saved = output.resume_environment(out, verbose=is_main) if resume else {}
    if not on_gpu:
        output.set_threads(threads, out, saved)
    micro_batch_tokens = max_micro_batch_tokens(micro_batch_tokens or saved.get("micro_batch_tokens", 0), device_)
    if settings.dropout and is_main:
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        _warn_if_changed(out, saved, {"micro_batch_tokens": micro_batch_tokens, "processes": processes})
    with _graceful_interrupt(out, verbose=is_main) as should_stop, PretrainingProgress(quiet=not is_main) as progress:

        def on_corpus_progress(activity: str, documents: int, done: int, total: int) -> None:
            if should_stop():
                raise Interrupted(f"{out}: stopped while reading the corpus; finished parts are cached")
            progress.corpus(activity, documents, done, total)

        record = pretraining.pretrain(
            pretraining.get_objective(objective),
            settings,
            corpus=text,
            out=out,
            seed=seed,
            tokens=n_tokens,
            precision=precision,
            vocabulary=vocabulary,
            options=pretraining.TrainingOptions(
                device=device,
                micro_batch_tokens=micro_batch_tokens,
                save_every=save_every,
                checkpoint_at=counts,
                resume=resume,
                shard_bytes=shard_bytes,
            ),
            callbacks=pretraining.Callbacks(
                on_step=progress.step, on_corpus_progress=on_corpus_progress, should_stop=should_stop
            ),
        )
    if is_main:
        output.print_result(out, record, counts)


def _parse_count(option: str, text: str) -> int:
    """Parse a number of tokens such as 2000000, 2M or 1.5B."""
    number = _parse_number(text, TOKEN_UNITS)
    if number is None:
        raise ParameterError(f"{option} {text!r} is not a number of tokens; use for example 2000000, 2M or 1.5B")
    return number


def _parse_size(option: str, text: str) -> int:
    """Parse a number of bytes such as 15M."""
    number = _parse_number(text, BYTE_UNITS)
    if number is None:
        raise ParameterError(f"{option} {text!r} is not a number of bytes; use for example 15M")
    return number


def _parse_number(text: str, units: Mapping[str, int]) -> int | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Z]?)", text.strip().upper().replace("_", ""))
    number = round(float(match[1]) * units[match[2]]) if match and match[2] in units else 0
    return number if 0 < number <= 10**15 else None


def _warn_if_changed(out: Path, saved: JsonMapping, current: Mapping[str, int]) -> None:
    """Warn about changes that affect the dropout masks."""
    for name, value in current.items():
        if saved and saved.get(name) != value:
            typer.echo(
                f"{out}: started with {name} {saved.get(name)}; with {value}, dropout masks differ, and the encoder "
                "will differ from that of an uninterrupted run",
                err=True,
            )


@contextlib.contextmanager
def _graceful_interrupt(out: Path, *, verbose: bool) -> Iterator[Callable[[], bool]]:
    """Finish the current step after Ctrl-C or SIGTERM; a second one stops immediately.

    Yields:
        A function that tells whether a signal was received.
    """
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        if verbose:  # not print, because the signal may arrive while sys.stderr is writing
            os.write(2, b"\nstopping after this step; press Ctrl-C again to stop immediately\n")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    except KeyboardInterrupt:
        raise Interrupted(f"{out}: stopped immediately; the last checkpoint is intact") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
