"""The HTML report: executed notebooks as pages through our own nbconvert template, and a first page that answers.

No page asks for another file but the pages beside it: stylesheet and figures are inside.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, paths
from ..engine.sources.sources import MINI
from ..sections import NOTEBOOKS
from ..study.study import NOT_A_RESULT
from ..tables.header import STYLE_FILE
from ..tables.paper import NOTEBOOK_OF
from ..tables.table import KeyFinding, slug
from ..training.provenance import commit
from .execute import FAILURE, STAMP, stamp

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATE = "template"  # folder beside this file, an nbconvert template upon `basic`
SCRIPT_FILE = Path(__file__).parent / TEMPLATE / "report.js"
_FIGURE = re.compile(r'<figure class="(?:table|drawing)[^"]*" id="([^"]*)"[^>]*><figcaption>(.*?)</figcaption>', re.S)
_FRONT = re.compile(r'<figure [^>]*\bdata-front="([^"]*)">.*?</figure>', re.S)
_PAGE = re.compile(r'<span data-page="(\w+)">.*?</span>')
_LEFT_OUT = (
    "papermill-error-cell-tag",
    "skip-execution",  # widgets; above each stands a figure
    "injected-parameters",  # names folders of the machine; the page lists all parameters, folders by their last name
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One notebook in the report."""

    stem: str
    title: str
    made: bool  # whether there is an executed copy, of this scale and this store
    no_finding: bool = False  # generated data, or the mini scale
    failure: str = ""
    answers: Sequence[dict[str, Any]] = ()
    tables: Sequence[dict[str, str]] = ()  # id and title of every table and figure
    front: Sequence[dict[str, str]] = ()  # tables for the first page, each with the question that it stands under
    notebook: NotebookNode | None = field(default=None, repr=False)


def build_report(folder: Path, *, scale: str, store: Path | str | None = None) -> Path:
    """Write a page for every notebook in `folder`/notebooks that was executed at this scale with this store (default:
    runs/SCALE), and index.html; its path is returned.
    """
    mine = stamp(scale, store)
    pages = [_page(folder / "notebooks", stem, mine=mine) for stem in NOTEBOOKS]
    frame = {
        "scale": scale,
        "no_finding": NOT_A_RESULT if scale == MINI or any(page.no_finding for page in pages) else "",
        "style": STYLE_FILE.read_text(encoding="utf-8"),
        "script": (script := SCRIPT_FILE.read_text(encoding="utf-8")),
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        "pages": pages,
        "made_by": f"Made by blurbstudy {__version__}, commit {commit() or 'unknown'}, scale {scale}",
    }
    for page in pages:
        if page.made:
            values = frame | {"stem": page.stem, "title": page.title, "failure": page.failure}
            values["no_finding"] = NOT_A_RESULT if page.no_finding else ""
            (folder / f"{page.stem}.html").write_text(_linked(_page_html(page, values), pages), encoding="utf-8")
        else:
            (folder / f"{page.stem}.html").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    answers = [
        one | {"stem": page.stem, "id": slug(one["question"])}
        for page in pages
        for one in page.answers
        if one.get("front")
    ]
    figures = [one | {"html": _linked(one["html"], pages)} for page in pages for one in page.front]
    asked = {one["question"] for one in answers}
    shown = {"answers": answers, "figures": figures, "others": [f for f in figures if f["question"] not in asked]}
    index.write_text(_front_html(frame | shown | {"stem": "", "paper": _paper_tables(pages)}), encoding="utf-8")
    return index


def _paper_tables(pages: Sequence[Page]) -> list[dict[str, str]]:
    """Every table of the paper, and where ours stands; without `href` where it does not yet."""
    found = {}
    for page in pages:
        for table in page.tables:
            name = table["title"].partition(".")[0]
            found.setdefault(name, {"title": table["title"], "href": f"{page.stem}.html#{table['id']}"})
    return [found.get(name, {"title": f"{name} ({stem})"}) for name, stem in NOTEBOOK_OF.items()]


def _linked(html: str, pages: Sequence[Page]) -> str:
    """Names of notebooks as links to their pages, where there are such."""
    titles = {page.stem: escape(page.title) for page in pages if page.made}

    def link(found: re.Match[str]) -> str:
        stem = found[1]
        return f'<a href="{stem}.html">{titles[stem]}</a>' if stem in titles else stem

    return _PAGE.sub(link, html)


def _page(folder: Path, stem: str, *, mine: Mapping[str, str]) -> Page:
    import nbformat

    executed = folder / f"{stem}.ipynb"
    notebook = nbformat.read(executed, as_version=4) if executed.is_file() else None
    found = notebook.metadata.get(STAMP, {}) if notebook else {}
    made = mine.items() <= dict(found).items()
    if not made:  # never executed, or at another scale or with another store
        notebook = nbformat.read(paths.NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not set(_LEFT_OUT) & set(cell.metadata.get("tags", ()))]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    answers = [output.data[KeyFinding.MIME] for output in outputs if KeyFinding.MIME in output.get("data", {})]
    shown = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    figures = [found for html in shown for found in _FIGURE.findall(html)]
    return Page(
        stem=stem,
        title=notebook.metadata.get("title", stem),
        made=made,
        no_finding=made and found.get("no_finding", True),
        failure=notebook.metadata.get(FAILURE, ""),
        answers=answers,
        tables=[{"id": name, "title": unescape(title)} for name, title in figures] if made else (),
        front=[{"question": unescape(one[1]), "html": one[0]} for html in shown for one in _FRONT.finditer(html)]
        if made
        else (),
        notebook=notebook,
    )


def _page_html(page: Page, values: dict[str, Any]) -> str:
    from nbconvert import HTMLExporter

    for cell in page.notebook.cells:
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):  # the notebook brings the stylesheet along; the page has it
                output.data["text/html"] = re.sub(r"<style>.*?</style>", "", output.data["text/html"], flags=re.S)
    exporter = HTMLExporter(template_name=TEMPLATE, extra_template_basedirs=[str(Path(__file__).parent)])
    html, _ = exporter.from_notebook_node(page.notebook, resources={"page": values})
    return html


def _front_html(values: dict[str, Any]) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent / TEMPLATE)
    environment = jinja2.Environment(loader=loader, autoescape=True)
    return environment.get_template("front.html.j2").render(page=values)
