"""General English that is at hand everywhere: the reference manual that every Python brings (pydoc_data.topics), half a
megabyte of prose about programming. To pretrain encoders that never saw biomedical text, and to compare vocabularies.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError
from ...filesystem import atomic_write, disk_errors
from ...paths import CACHE_HINT, cache_folder
from .documents import SENTENCE_END

GENERAL = "general"  # where a corpus is named: this one
PARAGRAPHS = 8  # of one document; the manual's chapters are few and long
FEWEST_WORDS = 6  # of a paragraph of prose; headings, grammar and code have fewer
_NO_PROSE = re.compile(r"::=|>>>|^\s*[*=+^~-]{3,}\s*$")  # a grammar, a session, what underlines a heading


def manual() -> list[str]:
    """The manual's chapters in the order of their names; none where this Python came without it."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return []
    return [topics[name] for name in sorted(topics)]


def manual_version() -> str:
    """Which Python's manual it is."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def general_corpus() -> Path:
    """The manual's prose as a corpus file in the cache folder, one document a line; written where it is missing.

    Raises:
        DataError: this Python came without its manual.
        DiskError: the cache cannot be written.
    """
    lines = [
        json.dumps({"id": f"manual-{number:04d}", "sentences": sentences})
        for number, sentences in enumerate(_documents(manual()), 1)
    ]
    if not lines:
        raise DataError(
            "corpus=general: this Python came without the text of its manual (pydoc_data); name a file of text instead"
        )
    text = "".join(f"{line}\n" for line in lines)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = cache_folder().absolute() / "corpora" / f"general-{manual_version()}-{digest}.jsonl"
    if not file.is_file():
        with disk_errors(file, CACHE_HINT):
            atomic_write(file, text)
    return file


def _documents(chapters: list[str]) -> Iterator[list[str]]:
    """Sentences of PARAGRAPHS paragraphs each, within a chapter."""
    for chapter in chapters:
        prose = [paragraph for text in re.split(r"\n\s*\n", chapter) if (paragraph := _prose(text))]
        for begin in range(0, len(prose), PARAGRAPHS):
            yield [
                sentence
                for paragraph in prose[begin : begin + PARAGRAPHS]
                for sentence in SENTENCE_END.split(paragraph)
            ]


def _prose(text: str) -> str:
    """A paragraph on one line; nothing of what is a heading, a grammar or code."""
    lines = text.strip("\n").splitlines()
    indented = any(line.startswith("    ") for line in lines)
    if not lines or indented or any(_NO_PROSE.search(line) for line in lines):
        return ""
    words = " ".join(lines).split()
    return " ".join(words) if len(words) >= FEWEST_WORDS else ""
