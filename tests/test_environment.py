"""pyproject.toml, environment.yml and constraints.txt name the same packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from blurbstudy.lazy_imports import EXTRAS

PROJECT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
CONSTRAINTS = [
    line for line in (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] not in "#"
]


def test_conda_environment_lists_the_packages_of_pyproject():
    (through_pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    packages = [entry for entry in through_pip if not entry.startswith("-")]
    extras = PYPROJECT["optional-dependencies"]
    assert packages == PYPROJECT["dependencies"] + extras["test"] + extras["onnx"] + extras["cluster"]
    assert [entry for entry in through_pip if entry.startswith("-")] == ["--constraint constraints.txt", "--editable ."]


def test_conda_environment_takes_the_oldest_python_that_pyproject_allows():
    assert f"python={PYPROJECT['requires-python'].removeprefix('>=')}" in ENVIRONMENT["dependencies"]


def test_every_package_of_pyproject_is_pinned_within_its_bound():
    pins = {_normal(line.split("==")[0]): line.split("==")[1] for line in CONSTRAINTS}
    extras = PYPROJECT["optional-dependencies"]
    for requirement in PYPROJECT["dependencies"] + [one for extra in extras.values() for one in extra]:
        name, least = requirement.split(">=")
        assert _release(pins[_normal(name)]) >= _release(least), requirement


def test_a_missing_extra_is_named_with_its_packages():
    for extra, packages in EXTRAS.items():
        assert packages.split() == [one.split(">=")[0] for one in PYPROJECT["optional-dependencies"][extra]]


def test_constraints_are_exact_pins_in_order_without_local_builds():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line) for line in CONSTRAINTS)
    assert sorted(CONSTRAINTS, key=_normal) == CONSTRAINTS


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.split("==")[0].split("[")[0]).lower()


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
