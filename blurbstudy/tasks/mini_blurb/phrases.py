"""The words, phrasings and patterns of mini-BLURB's sentences, from phrases.yaml."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...config import JsonObject

PHRASES: JsonObject = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8"))
