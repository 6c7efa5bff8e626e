"""Names of a package that are imported when they are asked for (PEP 562), so that importing the package is quick; and
modules that need not be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from .errors import ParameterError

EXTRAS = {  # extra of pyproject.toml -> its packages
    "onnx": "onnx onnxruntime onnxscript",
    "cluster": "ray psycopg[binary]",
}


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A package's `__getattr__`.

    Args:
        modules: relative name of a module -> the names that the package takes from it.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get_name(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module_of[name], package), name)

    return get_name


def optional_module(name: str, *, extra: str) -> Any:
    """A module that only an extra of pyproject.toml installs.

    Raises:
        ParameterError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise ParameterError(
            f"{package} is not installed; install what the extra `{extra}` names: pip install {EXTRAS[extra]}"
        ) from None
