"""What reading texts with entities leaves out or trusts, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import count_of
from .span_checks import SpanChecks

MAX_NAMED = 5  # kinds of files listed


@dataclass
class ReadCounts:
    """What reading a file or folder leaves out or trusts."""

    checks: SpanChecks = field(default_factory=SpanChecks)
    unlisted: int = 0  # texts whose record has no list of entities
    skipped_records: Counter[str] = field(default_factory=Counter)  # reason -> records left out
    passed_over: Counter[str] = field(default_factory=Counter)  # suffix -> files of a folder that are not read

    def sentences(self) -> Iterator[str]:
        """The nonzero counts, as sentences."""
        if self.passed_over:
            yield passed_over_sentence(self.passed_over)
        yield from skipped_sentences(self.skipped_records)
        if unread := ", ".join(f"{n} {kind}" for kind, n in sorted(self.checks.unread.items())):
            yield f"annotations other than entities are not read ({unread})"
        if self.unlisted:
            yield f"{count_of(self.unlisted, 'text')} without a list of entities, read as without entities"
        if self.checks.trusted:
            yield (
                f"{self.checks.trusted} of {self.checks.checked} entities have another text in the file than in the "
                "document; their offsets are trusted"
            )
        if self.checks.skipped:
            yield (
                f"{self.checks.skipped} of {self.checks.checked} entities are left out, since their text is not the "
                "document's at their offsets; their words count as outside entities"
            )


def passed_over_sentence(files: Counter[str]) -> str:
    """A sentence about the files of a folder that are not read."""
    kinds = [f"{n} {suffix}" for suffix, n in files.most_common(MAX_NAMED)]
    more = ", ..." if len(files) > MAX_NAMED else ""
    return f"{count_of(files.total(), 'other file')} of the folder passed over ({', '.join(kinds)}{more})"


def skipped_sentences(records: Counter[str]) -> Iterator[str]:
    """Sentences about records that are left out."""
    for reason, n in sorted(records.items()):
        yield f"{count_of(n, 'text')} {reason} left out"
