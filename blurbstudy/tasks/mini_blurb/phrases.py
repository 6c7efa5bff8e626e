"""The words, phrasings and patterns of mini-BLURB's sentences, from phrases.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PHRASES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8"))
