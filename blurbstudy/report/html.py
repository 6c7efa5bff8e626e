"""The HTML report: executed notebooks as pages through our nbconvert template, and a front page with the answers.

Every page is self-contained: stylesheet, script and figures are inside. Links lead only to other pages of the report.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypedDict

import jinja2
import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from .. import __version__, paths
from ..config import SCALES
from ..engine.sources.sources import MINI
from ..sections import NOTEBOOKS
from ..study.study import NOT_A_RESULT
from ..tables.formatting import slug
from ..tables.header import STYLE_FILE, Header
from ..tables.paper import NOTEBOOK_OF
from ..tables.table import FIGURES_MIME, FigureInfo, KeyFinding, page_link
from ..training.provenance import commit
from .execute import FAILURE, PROVENANCE, provenance

TEMPLATE = "template"  # folder beside this file, an nbconvert template that extends `basic`
CONTENTS_MARK = "<!--contents-->"  # in frame.html.j2
SCRIPT_FILE = Path(__file__).parent / TEMPLATE / "report.js"
_HIDDEN_TAGS = {
    "papermill-error-cell-tag",
    "injected-parameters",  # contain paths of this machine; the page lists all parameters, paths by their last name
}


class FrontFigure(TypedDict):
    """A table of the front page."""

    question: str
    html: str


class PaperTable(TypedDict):
    """A table of the paper in the contents."""

    title: str
    href: str  # '' if its page was not executed


@dataclass(frozen=True, kw_only=True)
class Page:
    """One notebook of the report."""

    notebook: str
    title: str
    executed: bool  # at this scale and with this store
    is_demo: bool  # on generated data or at the mini scale
    failure: str
    answers: Sequence[Mapping[str, object]]  # as KeyFinding displays itself
    figures: Sequence[FigureInfo]  # every table and figure
    front: Sequence[FrontFigure]
    content: NotebookNode


def build_report(folder: Path, *, scale: str, store: Path | str | None = None, has_first_page: bool = False) -> Path:
    """Write a page for each notebook in `folder`/notebooks that was executed at this scale with this store (default:
    runs/SCALE), and the front page.

    Args:
        has_first_page: link to the page of all scales, which `build_first_page` writes.

    Returns:
        the path of the front page, index.html.
    """
    expected = provenance(scale, store)
    pages = [_read_page(folder / "notebooks", notebook, expected) for notebook in NOTEBOOKS]
    frame = _frame(f"scale {scale}") | {
        "scale": scale,
        "up": "../index.html" if has_first_page else "",
        "banner": NOT_A_RESULT if scale == MINI or any(page.is_demo for page in pages) else "",
        "pages": pages,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        file = folder / f"{page.notebook}.html"
        if page.executed:
            values = {"notebook": page.notebook, "title": page.title, "failure": page.failure}
            values["banner"] = NOT_A_RESULT if page.is_demo else ""
            file.write_text(_link_notebooks(_page_html(page, frame | values), pages), encoding="utf-8")
        else:
            file.unlink(missing_ok=True)
    index = folder / "index.html"
    index.write_text(_link_notebooks(_render("front.html.j2", frame | _front_values(pages)), pages), encoding="utf-8")
    return index


def build_first_page(folder: Path) -> Path:
    """Write `folder`/index.html, which leads to the report of every scale in `folder` with its answers: findings first,
    the demonstration last.

    Returns:
        its path.
    """
    parts = []
    for scale in reversed(SCALES):
        expected = {"scale": scale}
        pages = [_read_page(folder / scale / "notebooks", notebook, expected) for notebook in NOTEBOOKS]
        if any(page.executed for page in pages) and (folder / scale / "index.html").is_file():
            is_demo = scale == MINI or any(page.is_demo for page in pages)
            values = _front_values(pages, prefix=f"{scale}/")
            parts.append({"scale": scale, "banner": NOT_A_RESULT if is_demo else "", **values})
    scales = ", ".join(str(part["scale"]) for part in parts)
    values = _frame(f"scales {scales}") | {"banner": "", "pages": (), "parts": parts}
    index = folder / "index.html"
    index.write_text(_render("first.html.j2", values), encoding="utf-8")
    return index


def _frame(scales: str) -> dict[str, object]:
    """What every page has: stylesheet, script, and how it was made."""
    script = SCRIPT_FILE.read_text(encoding="utf-8")
    return {
        "style": STYLE_FILE.read_text(encoding="utf-8"),
        "script": script,
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        "made_by": f"Made by blurbstudy {__version__}, commit {commit() or 'unknown'}, {scales}",
    }


def _front_values(pages: Sequence[Page], *, prefix: str = "") -> dict[str, object]:
    answers = [
        {**answer, "notebook": page.notebook, "id": slug(str(answer["question"]))}
        for page in pages
        for answer in page.answers
        if answer.get("front")
    ]
    return {
        "notebook": "",
        "answers": answers,
        "figures": [
            {**figure, "html": _link_notebooks(figure["html"], pages, prefix=prefix)}
            for page in pages
            for figure in page.front
        ],
        "paper": [_paper_table(name, notebook, pages) for name, notebook in NOTEBOOK_OF.items()],
    }


def _paper_table(name: str, notebook: str, pages: Sequence[Page]) -> PaperTable:
    """Our version of a table of the paper: its title begins with the same name."""
    for page in pages:
        for figure in page.figures:
            if figure["title"].startswith(f"{name}."):
                return {"title": figure["title"], "href": f"{page.notebook}.html#{figure['id']}"}
    return {"title": f"{name} ({notebook})", "href": ""}


def _link_notebooks(html: str, pages: Sequence[Page], *, prefix: str = "") -> str:
    """Replace names of notebooks (see `page_link`) by links to their pages."""
    for page in pages:
        link = f'<a href="{prefix}{page.notebook}.html">{escape(page.title)}</a>' if page.executed else page.notebook
        html = html.replace(page_link(page.notebook).markup, link)
    return html


def _read_page(folder: Path, notebook: str, expected: Mapping[str, str]) -> Page:
    file = folder / f"{notebook}.ipynb"
    content = nbformat.read(file, as_version=4) if file.is_file() else nbformat.v4.new_notebook()
    actual = dict(content.metadata.get(PROVENANCE, {}))
    executed = expected.items() <= actual.items()
    if not executed:  # never, or at another scale or with another store
        content = nbformat.read(paths.NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    content.cells = [cell for cell in content.cells if not _HIDDEN_TAGS & set(cell.metadata.get("tags", ()))]
    data = list(_output_data(content)) if executed else []
    figures = [(info, output["text/html"]) for output in data for info in output.get(FIGURES_MIME, ())]
    return Page(
        notebook=notebook,
        title=content.metadata.get("title", notebook),
        executed=executed,
        is_demo=executed and actual.get("no_finding", True),
        failure=content.metadata.get(FAILURE, ""),
        answers=[output[KeyFinding.MIME] for output in data if KeyFinding.MIME in output],
        figures=[info for info, _ in figures],
        front=[{"question": info["front"], "html": html} for info, html in figures if info["front"]],
        content=content,
    )


def _output_data(content: NotebookNode) -> Iterator[NotebookNode]:
    """The MIME bundle of every output: MIME type -> content."""
    for cell in content.cells:
        yield from (output.data for output in cell.get("outputs", ()) if "data" in output)


def _page_html(page: Page, values: Mapping[str, object]) -> str:
    for data in _output_data(page.content):
        if Header.MIME in data:  # the page has the stylesheet in its head
            data["text/html"] = data[Header.MIME]["html"]
    exporter = HTMLExporter(template_name=TEMPLATE, extra_template_basedirs=[str(Path(__file__).parent)])
    html, _ = exporter.from_notebook_node(page.content, resources={"page": values})
    return html.replace(CONTENTS_MARK, _contents(html), 1)


def _contents(html: str) -> str:
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)<a class="anchor-link"', html)
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in headings)
    return f'<nav class="contents" aria-label="On this page"><ul>{links}</ul></nav>'


def _render(template: str, values: Mapping[str, object]) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / TEMPLATE)
    environment = jinja2.Environment(loader=loader, autoescape=True)
    return environment.get_template(template).render(page=values)
