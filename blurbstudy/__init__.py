"""blurbstudy: stable fine-tuning of biomedical encoders, and honest measurement of it (after Tinn et al. 2021).

`from blurbstudy import finetune, evaluate, predict, Task, Recipe` does in Python what the commands do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy_imports import lazy_names

if TYPE_CHECKING:
    from .api.compare import compare
    from .api.notebook import audit, evaluate, finetune, predict, recommend
    from .config import Recipe
    from .tasks import Task

__version__ = "0.2.0.dev0"
__all__ = ["Recipe", "Task", "__version__", "audit", "compare", "evaluate", "finetune", "predict", "recommend"]

__getattr__ = lazy_names(
    __name__,
    {
        ".config": ["Recipe"],
        ".tasks": ["Task"],
        ".api.compare": ["compare"],
        ".api.notebook": ["audit", "evaluate", "finetune", "predict", "recommend"],
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
