"""Generate docs/cli.md from the help texts of the command line: python docs/generate_cli.py"""

from __future__ import annotations

import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from blurbstudy.cli.app import app

PAGE = Path(__file__).with_name("cli.md")


def cli_page() -> str:
    """The page as Markdown, with the quotes that typer escapes as HTML entities restored."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="blurbstudy", title="Command line")
    text = text.replace("&#x27;", "'").replace("&quot;", '"')
    text = re.sub(r"(?<=\w)<(\w+)>", r"&lt;\1&gt;", text)  # a placeholder in prose is not an HTML tag
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
