"""Imported before all else: the package of this checkout is found where it is not installed, as on a bare machine."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # last: one that is installed comes first
