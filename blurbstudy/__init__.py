"""blurbstudy: stable fine-tuning of biomedical encoders, and honest measurement of it (after Tinn et al. 2021).

`from blurbstudy import finetune, evaluate, predict, Task, Recipe` does in Python what the commands do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.notebook import audit, evaluate, finetune, predict, recommend
    from .config import Recipe
    from .tasks import Task

__version__ = "0.2.0.dev0"
__all__ = ["Recipe", "Task", "__version__", "audit", "evaluate", "finetune", "predict", "recommend"]

# name -> module that has it, imported when it is asked for: the package itself is light
_PLACES = {
    "Recipe": ".config",
    "Task": ".tasks",
    **dict.fromkeys(("audit", "evaluate", "finetune", "predict", "recommend"), ".api.notebook"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
