"""The head of a notebook: the stylesheet of its tables, and its parameters with their meanings."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..study.parameters import format_value
from ..study.study import NOT_A_RESULT, Study

STYLE_FILE = Path(__file__).with_name("report.css")
# The rules are nested in it, so that they outweigh those of JupyterLab for rendered HTML: it counts as much as an id.
NOTEBOOK_BODY = "body:not(.report, #report)"


class Header:
    """The head of a notebook's page."""

    MIME = "application/vnd.blurbstudy.header+json"  # the same without the stylesheet, for a page that has it already

    def __init__(self, study: Study) -> None:
        self.study = study

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return {"text/html": self._repr_html_(), self.MIME: {"html": self._html()}}

    def _repr_html_(self) -> str:
        return f"<style>{NOTEBOOK_BODY} {{ {STYLE_FILE.read_text(encoding='utf-8')} }}</style>{self._html()}"

    def _html(self) -> str:
        parameters = self.study.parameters
        banner = f'<p class="banner own">{escape(NOT_A_RESULT)}</p>' if self.study.is_demo else ""
        rows = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{escape(format_value(value))}</td>"
            f"<td>{escape(type(parameters).model_fields[name].description or '')}</td></tr>"
            for name, value in parameters.model_dump(mode="json").items()
            if name != "train_missing"
        )
        head = '<tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col">Meaning</th></tr>'
        table = f'<div class="wide" tabindex="0"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        details = (
            f'<details class="given"><summary>All parameters</summary><figure class="table">{table}</figure></details>'
        )
        return f'{banner}<p class="given">{escape(self.study.provenance)}</p>{details}'
