"""Every path, command, option, parameter and module named in README and docs exists; the quick start runs."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

import blurbstudy
from blurbstudy.cli.app import app, expand_arguments, main
from blurbstudy.cli.help import EXAMPLES

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("benchmarks/*.md")]
)
CURRENT_PAGES = [page for page in PAGES if page.name not in ("CHANGELOG.md", "LOG.md")]  # the others name old things
ROOTS = ("blurbstudy", "docs", "tests", "benchmarks", "notebooks", "parameters", "images", ".ci")
NEW_FILES = {"blurbstudy/stabilizers/head_rate.py"}  # docs/extending tells the reader to create them

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")

each_page = pytest.mark.parametrize("page", CURRENT_PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def code_spans(page: Path) -> list[str]:
    return CODE_SPAN.findall(prose(page))


def code_blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands(page: Path) -> list[list[str]]:
    """The words of every blurbstudy command of a page, in blocks and in the text."""
    lines = [line for block in code_blocks(page, "") for line in block.replace("\\\n", " ").splitlines()]
    lines += [span for span in code_spans(page) if span.startswith("blurbstudy ")]
    result = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for program in ("blurbstudy", ".venv/bin/blurbstudy"):
            if program in words:
                result.append(words[words.index(program) + 1 :])
    return result


def click_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The (sub)command that words name, and the words after it."""
    command: click.Command = typer.main.get_command(app)
    rest = list(words)
    while rest and not rest[0].startswith("-") and isinstance(getattr(command, "commands", None), dict):
        assert rest[0] in command.commands, f"no command {rest[0]!r} in {words}"
        command = command.commands[rest.pop(0)]
    return command, rest


def options_of(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def all_options(command: click.Command) -> set[str]:
    subcommands = getattr(command, "commands", {}).values()
    return options_of(command).union(*(all_options(sub) for sub in subcommands))


def declared_parameters() -> set[str]:
    """Names that the notebooks' parameters cells declare."""
    names: set[str] = set()
    for notebook in PROJECT.glob("notebooks/*.ipynb"):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if "parameters" in cell["metadata"].get("tags", ()):
                names |= set(re.findall(r"^(\w+) = ", "".join(cell["source"]), re.MULTILINE))
    return names


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_links_lead_to_files_and_headings(page):
    for target in LINK.findall(prose(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@each_page
def test_paths_exist(page):
    spans = code_spans(page)
    paths = [span for span in spans if re.fullmatch(r"[\w.]+(/[\w.\-]*)+", span) and span.split("/")[0] in ROOTS]
    missing = [path for path in paths if not (PROJECT / path).exists()]
    notebooks = [span for span in spans if re.fullmatch(r"\d\d_\w+", span)]
    missing += [name for name in notebooks if not (PROJECT / "notebooks" / f"{name}.ipynb").is_file()]
    sections = [span for span in spans if span.startswith("sections/")]
    missing += [path for path in sections if not (PROJECT / "blurbstudy" / path).exists()]
    root_files = [span for span in spans if re.fullmatch(r"[\w.]+\.(toml|txt|yml)", span)]
    missing += [name for name in root_files if name != "note.txt" and not (PROJECT / name).is_file()]
    assert set(missing) <= NEW_FILES


@each_page
def test_commands_and_their_options_exist(page):
    for words in commands(page):
        command, rest = click_command(words)
        options = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert options <= options_of(command), words


@each_page
def test_options_in_the_text_exist(page):
    known = all_options(typer.main.get_command(app))
    if page.parent.name == "benchmarks":  # scripts with options of their own
        scripts = " ".join(script.read_text(encoding="utf-8") for script in page.parent.glob("*.py"))
        known |= set(re.findall(r"\"(--[a-z\-]+)\"", scripts))
    named = {span.split()[0].partition("=")[0] for span in code_spans(page) if span.startswith("--")}
    assert named <= known


@each_page
def test_overridden_parameters_are_declared(page):
    overrides = {words[i + 1] for words in commands(page) for i, word in enumerate(words[:-1]) if word == "-p"}
    overrides |= {span.split()[1] for span in code_spans(page) if re.match(r"-p \w", span)}
    assert overrides - {"name"} <= declared_parameters()


@each_page
def test_make_targets_exist(page):
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z\-]+):", makefile, re.MULTILINE))
    text = "\n".join([*code_spans(page), *code_blocks(page, "")])
    assert set(re.findall(r"\bmake ([a-z\-]+)\b", text)) <= targets


@each_page
def test_modules_and_names_can_be_imported(page):
    text = page.read_text(encoding="utf-8")
    for module in re.findall(r"`(blurbstudy(?:\.\w+)+)`", text):
        parent, _, name = module.rpartition(".")
        if importlib.util.find_spec(module if name.islower() else parent) is None:
            pytest.fail(f"{module} does not exist")
        assert name.islower() or hasattr(importlib.import_module(parent), name), module
    for names in re.findall(r"^from blurbstudy import (.+)$", text, re.MULTILINE):
        assert {name.strip() for name in names.split(",")} <= set(blurbstudy.__all__)


@each_page
def test_environment_variables_are_read_by_the_code(page):
    code = " ".join(path.read_text(encoding="utf-8") for path in PROJECT.glob("blurbstudy/**/*.py"))
    code += (PROJECT / "tests" / "conftest.py").read_text(encoding="utf-8")
    code += (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(name in code for name in re.findall(r"BLURBSTUDY_\w+", page.read_text(encoding="utf-8")))


def test_python_calls_have_valid_arguments():
    """Calls of the package's names in docs/python.md and README: functions exist and accept the arguments."""
    page = PROJECT / "docs" / "python.md"
    names = {name: getattr(blurbstudy, name) for name in blurbstudy.__all__}
    sources = [span for span in code_spans(page) if "(" in span and re.split(r"\W", span)[0] in names]
    sources += [*code_blocks(page, "python"), *code_blocks(PROJECT / "README.md", "python")]
    assert len(sources) > 5
    for call in (node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        function = eval(ast.unparse(call.func), names)
        inspect.signature(function).bind(*call.args, **{str(keyword.arg): None for keyword in call.keywords})


def first_column(page: Path, title: str) -> set[str]:
    """Names in the first column of the table that follows a heading."""
    section = page.read_text(encoding="utf-8").split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return {name for cell in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for name in CODE_SPAN.findall(cell)}


def test_recipe_fields_are_those_of_the_code():
    names = first_column(PROJECT / "docs" / "own-data.md", "A recipe file")
    assert names == {field.name for field in dataclasses.fields(blurbstudy.Recipe)}


def test_keys_of_a_task_file_are_those_of_the_code(tmp_path, capsys):
    file = tmp_path / "task.yaml"
    file.write_text("nonsense: 1", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["score", "--task", str(file), "--predictions", str(file)])
    known = set(re.findall(r"\w+", capsys.readouterr().err.split("; use ")[1])) - {"or"}
    assert first_column(PROJECT / "docs" / "own-data.md", "A task file") == known


def test_every_folder_of_the_package_has_its_line_in_the_architecture():
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = [path.parent.name for path in PROJECT.glob("blurbstudy/*/__init__.py")]
    folders += [path.name for path in PROJECT.glob("blurbstudy/*") if any(path.glob("*.py"))]
    rows = {name for name in folders if re.search(rf"^\| \d+ \| `{name}` \|", text, re.MULTILINE)}
    assert rows == set(folders)


def test_floors_in_the_architecture_are_those_of_the_imports():
    floors = dict(re.findall(r'"(\w+)": (\d+)', (PROJECT / "tests" / "test_floors.py").read_text(encoding="utf-8")))
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    assert rows and all(floors[name] == floor for floor, name in rows)


def test_names_of_the_worked_example_are_in_the_files_it_names():
    """architecture.md writes "`name` in `file.py`"; the file defines the name."""
    text = " ".join((PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    pairs = re.findall(r"((?:`[\w.]+`(?:, | and )?)+) in `(blurbstudy/[\w/]+\.py)`", text)
    assert len(pairs) > 5
    for names, path in pairs:
        source = (PROJECT / path).read_text(encoding="utf-8")
        for name in re.findall(r"`([\w.]+)`", names):
            defined = rf"^ *(def|class) {name.rpartition('.')[2]}\b"
            assert re.search(defined, source, re.MULTILINE), f"{path} defines no {name}"


def test_the_command_line_page_is_that_of_the_code():
    spec = importlib.util.spec_from_file_location("generate_cli", PROJECT / "docs" / "generate_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.cli_page(), "run: make docs"


def test_the_readme_is_short_and_shows_every_picture():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 170
    pictures = [path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("images/*")]
    assert sorted(pictures) == sorted(re.findall(r"\]\((images/[^)]+)\)", readme))


@pytest.mark.slow
def test_the_quick_start_runs(tmp_path, mini_data, tiny_encoder):
    """README's two commands and its Python, on generated files with a tiny encoder."""
    from blurbstudy.tasks.mini_blurb.raw_files import write_raw_files

    readme = PROJECT / "README.md"
    files = write_raw_files(mini_data, tmp_path)
    for name, path in {"train": files["train"], "new_texts": files["new"]}.items():
        if path.name != name:
            path.rename(tmp_path / name)
    if files["test"].name != "test.csv":
        files["test"].rename(tmp_path / "test.csv")
    (shell,) = [block for block in code_blocks(readme, "") if "finetune --task ner" in block]
    (script,) = code_blocks(readme, "python")
    steps = [expand_arguments(shlex.split(line)[1:]) for line in shell.splitlines()]
    steps[0] += ["--seeds", "1"]
    program = f"""
from blurbstudy.cli.app import main

if __name__ == "__main__":
    for words in {steps!r}:
        try:
            main(words)
        except SystemExit as end:
            assert not end.code, words
    {script.replace("seeds=5", "seeds=1").replace(chr(10), chr(10) + "    ")}
"""
    program = program.replace("DIR_OR_HUB_ID", str(tiny_encoder))
    process = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stderr[-3000:]
    assert (tmp_path / "predictions.html").is_file() and (tmp_path / "model" / "README.md").is_file()


def test_every_command_has_examples_that_it_understands_and_that_fit_80_columns():
    group = typer.main.get_command(app)
    nested = {f"{name} {sub}" for name in ("data", "store") for sub in group.commands[name].commands}
    assert set(EXAMPLES) == {"", *group.commands, *nested}
    for name, lines in EXAMPLES.items():
        assert "\n".join(lines) in (PROJECT / "docs" / "cli.md").read_text(encoding="utf-8")
        for line in lines:
            assert len(line) <= 78, line  # two columns are taken by the margin
            words = shlex.split(line.partition(" | ")[2] or line)[1:]
            command, rest = click_command(words)
            assert name in " ".join(words)
            command.make_context(line, expand_arguments(rest)).close()
