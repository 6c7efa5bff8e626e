"""Lines of a file that are no examples: all are looked at, then one message names the first, and where others are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..lines import fail

NAMED = 5  # further lines that a message names


@dataclass
class Faults:
    """What is wrong with the lines of a file."""

    path: Path
    first: tuple[int, str, str, str] | None = None  # line, found, expected, remedy
    others: list[int] = field(default_factory=list)

    def add(self, line: int, found: str, expected: str, remedy: str) -> None:
        """Note a line; of one with several faults, the first."""
        if self.first is None:
            self.first = (line, found, expected, remedy)
        elif line != self.first[0] and line not in self.others[-1:]:
            self.others.append(line)

    def refuse(self) -> None:
        """Refuse the file where a line was noted."""
        if self.first is None:
            return
        line, found, expected, remedy = self.first
        more = ""
        if self.others:
            named = ", ".join(map(str, self.others[:NAMED])) + (", ..." if len(self.others) > NAMED else "")
            more = f" ({len(self.others)} more broken line{'s' * (len(self.others) > 1)}: {named})"
        fail(f"{self.path}, line {line}", found, expected, f"{remedy}{more}")
