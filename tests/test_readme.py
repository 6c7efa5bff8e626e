"""README.md's file tree is the disk's, its commands are the Makefile's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
MADE = {  # left out where there is no git to ask what is ignored
    ".git", ".venv", ".cache", "runs", "report", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache",
    ".ipynb_checkpoints", "blurbstudy.egg-info",
}  # fmt: skip


def listed() -> dict[str, bool]:
    """Paths of the README's tree -> whether a folder; two spaces of indentation are one level."""
    block = README.split("## File tree", 1)[1].split("```")[1].splitlines()[1:]
    folders: list[str] = []
    paths: dict[str, bool] = {}
    for line in block:
        name, depth = line.split()[0], (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], name]
        path = "".join(folders[:depth]) + name
        assert path not in paths, f"{path} is listed twice"
        assert len(line.split()) > 1, f"{path} is listed without a word on what it is"
        paths[path.rstrip("/")] = name.endswith("/")
    return paths


def on_disk() -> set[str]:
    """Every file that git tracks or would track, as a path from the project's folder."""
    if shutil.which("git") and (PROJECT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        lines = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
        return {line for line in lines if (PROJECT / line).exists()}
    files = (path.relative_to(PROJECT) for path in PROJECT.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if not MADE.intersection(path.parts)}


def test_everything_listed_is_on_disk():
    disk = on_disk()
    folders = {str(parent) for path in disk for parent in PurePosixPath(path).parents}
    for path, is_folder in listed().items():
        assert path in (folders if is_folder else disk), f"README.md lists {path}, which is not there"


def test_everything_on_disk_is_listed():
    """A folder listed without contents stands for all it holds; a folder with contents lists each of them."""
    tree = listed()
    with_contents = {str(PurePosixPath(path).parent) for path in tree}
    missing = []
    for path in sorted(on_disk()):
        if path in tree or path.endswith("/__init__.py"):
            continue
        parents = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        if not any(parent in tree and parent not in with_contents for parent in parents):
            missing.append(path)
    assert missing == []


def test_every_module_of_the_package_is_listed_by_name():
    modules = {path for path in on_disk() if path.startswith("blurbstudy/") and path.endswith(".py")}
    assert {path for path in modules if not path.endswith("/__init__.py")} - set(listed()) == set()


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(re.findall(r"`([^`]*)`|```.*?```", README, flags=re.DOTALL))))
    assert named and named <= targets
