"""The table of public files: complete, safe to write by, and true of the real files."""

from __future__ import annotations

import pytest
import yaml

from blurbstudy import paths
from blurbstudy.errors import DataError
from blurbstudy.tasks import SPLITS, TASKS, dataset_folder, split_file
from blurbstudy.tasks.download.download import plan_download
from blurbstudy.tasks.download.manifest import is_verified, load_manifest, manual_instructions, read_sources
from blurbstudy.tasks.download.rebuild import REBUILDS

TABLE = {
    "repositories": {"one": {"name": "someone/somewhere", "commit": "0123456789" * 4}},
    "datasets": {
        "BIOSSES": {
            "files": {
                "train.tsv": {"rebuild": "ddi", "inputs": ["raw/all.tsv"], "bytes": 3, "sha256": "ab" * 32},
                "raw/all.tsv": {"from": "one", "path": "data/all.tsv", "bytes": 3, "sha256": "cd" * 32},
            }
        }
    },
}


def test_every_dataset_has_every_file_that_its_splits_need():
    for task in TASKS:
        files = load_manifest()[task.name].files
        for split in SPLITS:
            assert files.keys() & {task.files[split], task.fallback_files.get(split)}, (task.name, split)
    assert load_manifest().keys() == {task.name for task in TASKS}


def test_every_split_of_the_table_has_its_number_of_examples_and_no_other_file_has_one():
    for task in TASKS:
        files = load_manifest()[task.name].files
        splits = {name: split for named in (task.files, task.fallback_files) for split, name in named.items()}
        assert {name for name, file in files.items() if file.examples} == splits.keys() & files.keys()
        for name in splits.keys() & files.keys() if task.output != "token_labels" else ():
            assert files[name].examples == task.sizes[splits[name]]


def test_every_rebuild_is_one_that_there_is():
    rebuilds = {file.rebuild for source in load_manifest().values() for file in source.rebuilt}
    assert rebuilds == set(REBUILDS)


def test_conditions_stand_where_the_terms_restrict_use_or_ask_for_a_registration():
    asking = {task.name for task in TASKS if "registration" in task.terms or "non-commercial" in task.terms}
    asking |= {task.name for task in TASKS if "no commercial" in task.terms}
    assert {name for name, source in load_manifest().items() if source.required_terms} == asking


def changed(name, **facts):
    table = yaml.safe_load(yaml.safe_dump(TABLE))
    table["datasets"]["BIOSSES"]["files"][name].update(facts)
    return yaml.safe_dump(table)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("raw/all.tsv", {"path": "../secret"}),
        ("raw/all.tsv", {"path": "/etc/passwd"}),
        ("raw/all.tsv", {"sha256": "ab"}),
        ("raw/all.tsv", {"bytes": 0}),
        ("train.tsv", {"inputs": []}),
        ("train.tsv", {"inputs": ["train.tsv"]}),
        ("train.tsv", {"inputs": ["raw/none.tsv"]}),
    ],
)
def test_a_table_that_leaves_its_folder_or_lacks_a_sum_is_refused(name, facts):
    assert read_sources(yaml.safe_dump(TABLE))["BIOSSES"].rebuilt[0].inputs == ("raw/all.tsv",)
    with pytest.raises(ValueError):
        read_sources(changed(name, **facts))


@pytest.mark.parametrize("name", ["../train.tsv", "/train.tsv", "raw\\train.tsv", "c:train.tsv"])
def test_a_file_name_outside_the_folder_is_refused(name):
    table = yaml.safe_load(yaml.safe_dump(TABLE))
    files = table["datasets"]["BIOSSES"]["files"]
    files[name] = files["raw/all.tsv"]
    with pytest.raises(ValueError, match="relative"):
        read_sources(yaml.safe_dump(table))


def test_a_folder_is_found_in_any_letter_case(tmp_path):
    task = next(task for task in TASKS if task.name == "BIOSSES")
    assert dataset_folder(task, tmp_path) == tmp_path / "BIOSSES"
    (tmp_path / "biosses").mkdir()
    assert dataset_folder(task, tmp_path).samefile(tmp_path / "biosses")
    assert dataset_folder(task, tmp_path / "none") == tmp_path / "none" / "BIOSSES"


def test_two_folders_that_differ_in_letter_case_alone_are_refused_by_every_command(tmp_path):
    task = next(task for task in TASKS if task.name == "BIOSSES")
    for name in ("biosses", "Biosses"):
        (tmp_path / name).mkdir(exist_ok=True)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("letter case does not tell folders apart here")
    for look in (
        lambda: dataset_folder(task, tmp_path),
        lambda: split_file(task, tmp_path, split="test"),
        lambda: plan_download(tmp_path, [task]),
    ):
        with pytest.raises(DataError, match="Biosses, biosses differ only in letter case"):
            look()


def test_how_to_place_files_by_hand_names_folder_files_and_substitutes():
    task = next(task for task in TASKS if task.name == "EBM PICO")
    said = manual_instructions(task, load_manifest()[task.name], folder="blurb")
    for part in ("train.tsv, dev.tsv, test.tsv", "train_partial.tsv for train.tsv", "EBM-PICO", "bepnye/EBM-NLP"):
        assert part in said
    assert "\n" not in said


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_real_files_have_the_sums_of_the_table(task):
    within = dataset_folder(task, paths.data_folder())
    for file in load_manifest()[task.name].files.values():
        if (within / file.name).is_file() or file.name in task.files.values():
            assert is_verified(within / file.name, file), file.name
