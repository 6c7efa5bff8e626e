"""The command line: one function per command.

A StudyError is one line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from ..errors import Interrupted, ParameterError, StudyError, flat_message
from ..filesystem import explain_os_error
from .compare import compare
from .data import data_app
from .export import export
from .finetune import finetune
from .help import Command, Group, examples
from .plan import plan
from .predict import predict
from .pretrain import pretrain
from .recommend import recommend
from .repeat import repeat
from .run import INTERRUPTED, report, run, work
from .score import score
from .store import store_app

SEVERAL = ("--only", "--corpus")  # options that take several values
RENAMED_OPTIONS = {  # command and old option -> new option
    "finetune --out": "--store",
    "finetune --keep-model": "--model-dir",
    "pretrain --ladder": "--checkpoint-at",
    "pretrain --keep-test-text": "--include-test-text",
    "store import --replace-facts": "--replace-metadata",
}

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    epilog=examples(""),
)


for command in (run, work, report, finetune, compare, export, plan, predict, pretrain, recommend, repeat, score):
    app.command(cls=Command, epilog=examples(command.__name__))(command)
app.add_typer(data_app, name="data")
app.add_typer(store_app, name="store")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"blurbstudy {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Fine-tune biomedical encoders stably, and measure the result honestly."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exits with 0, 2 (an error that the user can fix), 3 (--minutes is over) or 130 (interrupted)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    rank = os.environ.get("RANK", "0")
    who = "blurbstudy" if rank == "0" else f"blurbstudy, process {rank}"  # of those that torchrun started
    try:
        refuse_renamed_options(words)
        app(args=expand_arguments(words), prog_name="blurbstudy")
    except Interrupted as error:
        print(f"{who}: {error}; the same command with --resume goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except StudyError as error:
        details = getattr(error, "details", ())
        message = str(error).removesuffix("\n  ".join(["", *details]))
        print("\n  ".join(flat_message(line) for line in (f"{who}: {message}", *details)), file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # of a report's folder, or of a disk that is full
        hint = "name another folder (--report, --store). Finished runs are safe"
        message = f"{f'{error.filename}: ' if error.filename else ''}{explain_os_error(error, hint)}"
        print(f"blurbstudy: {' '.join(message.split())}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        print("blurbstudy: interrupted; finished runs are kept. Run the same command to resume", file=sys.stderr)
        sys.exit(INTERRUPTED)


def refuse_renamed_options(arguments: Sequence[str]) -> None:
    """Refuse old spellings of options.

    Raises:
        ParameterError: an option has a new name.
    """
    for old, new in RENAMED_OPTIONS.items():
        command, option = old.rsplit(" ", 1)
        n = len(command.split())
        if list(arguments[:n]) == command.split() and option in {word.partition("=")[0] for word in arguments[n:]}:
            raise ParameterError(f"{command}: {option} is now {new}")


def expand_arguments(arguments: Sequence[str]) -> list[str]:
    """`--only A B` (and `--corpus A B`) as `--only A --only B`, and `-p name value` as `-p name=value`."""
    expanded: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word in SEVERAL:
            names = []
            while waiting and not waiting[0].startswith("-"):
                names.append(waiting.pop(0))
            expanded += [part for name in names for part in (word, name)] or [word]
        elif word in ("-p", "--parameter") and len(waiting) >= 2 and "=" not in waiting[0]:
            expanded += [word, f"{waiting.pop(0)}={waiting.pop(0)}"]
        else:
            expanded.append(word)
    return expanded


if __name__ == "__main__":
    main()
