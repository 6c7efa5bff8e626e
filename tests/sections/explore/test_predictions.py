"""Predictions beside the text: what is wrong is marked, what comes from data is escaped, other data are refused."""

import dataclasses
import re

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import DataError, StudyError
from blurbstudy.sections.explore.catalog import read_store
from blurbstudy.sections.explore.predictions import (
    ExampleResult,
    example_html,
    group_texts,
    is_wrong,
    predictions_html,
    word_marks,
)
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import Example, get_task, read_split

NER, PICO, LABEL, SET, SCORE = map(get_task, ("BC5-chem", "EBM PICO", "ChemProt", "HoC", "BIOSSES"))


def judged(task, gold, predicted):
    return ExampleResult(id="1", gold=gold, predicted=predicted, wrong=is_wrong(task, gold, predicted), error=0.0)


def kinds(task, gold, predicted):
    return [mark.kind for mark in word_marks(task, judged(task, gold, predicted))]


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "wrong"),
    [
        (NER, "O B I", "O B I", False),
        (NER, "O B I", "O B O", True),
        (NER, "O O O", "O I O", False),  # an I that continues nothing is no mention, by the study's own reading
        (PICO, "O I-PAR", "O I-INT", True),
        (LABEL, "CPR:3", "CPR:4", True),
        (SET, "a,b", "b,a", False),
        (SET, "a,b", "a", True),
        (SCORE, 4.0, 3.1, False),
        (SCORE, 4.0, 2.9, True),
    ],
)
def test_what_counts_as_wrong(task, gold, predicted, wrong):
    assert is_wrong(task, gold, predicted) is wrong


def test_mentions_are_right_missed_extra_or_of_another_boundary():
    assert kinds(NER, "B I O B O O", "B I O O B O") == ["right", "right", None, "missed", "extra", None]
    assert kinds(NER, "O B I I", "O B I O") == [None, "other", "other", "missed"]


def test_words_with_types_say_which_stands_for_which():
    marks = list(word_marks(PICO, judged(PICO, "I-PAR I-PAR O O", "I-PAR I-INT I-OUT O")))
    assert [(mark.kind, mark.note) for mark in marks] == [
        ("right", "PAR"), ("other", "INT for PAR"), ("extra", "OUT"), (None, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "texts"),
    [
        (NER, "O B O", "O O O", ("<b>", "<script>alert(1)</script>", "&")),
        (LABEL, "CPR:3", "<i>", ("a <b>c</b> & d",)),
        (SET, "<i>", "", ("a <b>c</b> & d",)),
        (SCORE, 4.0, 1.0, ("a <b>c</b>", "<script>")),
    ],
)
def test_everything_from_the_data_is_escaped(task, gold, predicted, texts):
    example = Example("<u>1</u>", "1", texts, gold)
    html = example_html(task, dataclasses.replace(judged(task, gold, predicted), id="<u>1</u>"), example)
    assert set(re.findall(r"<(\w+)", html)) <= {"li", "p", "span", "b", "mark", "small"}
    assert html.count("<b>") == 1  # our own, of right or wrong
    assert "&lt;u&gt;1&lt;/u&gt;" in html and "&amp;" in html or task is SCORE


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, tiny_encoder):
    """Two runs each on pairs of sentences and on tagged ones, of a tiny encoder, on mini-BLURB."""
    store = RunStore(tmp_path_factory.mktemp("predictions"))
    tasks = ["BIOSSES", "BC5-chem"]
    sources = resolve_sources(store, tasks=tasks, encoders={"tiny": str(tiny_encoder)}, data="mini")
    recipe = Recipe(epochs=0.1, max_length=48, n_evaluations=1)
    runs = [sources.run_config(task, "tiny", recipe=recipe, seed=seed) for task in tasks for seed in (1, 2)]
    run_missing(runs, store, sources=sources, engine=LocalEngine(device="cpu", workers=1), progress="silent")
    return read_store(store)


@pytest.mark.parametrize("task", ["BIOSSES", "BC5-chem"])
def test_the_texts_are_those_of_the_data_folder_by_id(catalog, mini_data, task):
    (group,) = catalog.filter(task=task)
    by_id = {example.id: example for example in read_split(group.task, mini_data, split="test")}
    html, total = predictions_html(catalog, group, 1, data="mini", wrong_only=False, count=1000)
    items = re.findall(r"<li .*?</li>", html)
    assert len(items) == total == len(by_id)
    for item in items:
        name = re.search(r'class="id">(.*?)<', item)[1]
        shown = re.sub(r"<small>.*?</small>|<[^>]+>", "", " ".join(re.findall(r'<p class="text">(.*?)</p>', item)))
        assert shown == " ".join(by_id[name].texts)


def test_wrong_ones_alone_are_paged_through(catalog):
    (group,) = catalog.filter(task="BIOSSES")
    html, total = predictions_html(catalog, group, 1, data="mini", count=2)
    assert html.count('<li class="wrong">') == 2 and "fine" not in html
    later, _ = predictions_html(catalog, group, 1, data="mini", start=2, count=2)
    assert later != html and f"{total} of 300 test examples wrong" in later


def test_other_data_than_the_runs_were_made_on_are_refused(catalog, mini_data, tmp_path):
    import shutil

    (group,) = catalog.filter(task="BIOSSES")
    shutil.copytree(mini_data / "BIOSSES", tmp_path / "BIOSSES")
    with (tmp_path / "BIOSSES" / group.task.files["test"]).open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="has another version of BIOSSES"):
        group_texts(str(tmp_path), group)
    with pytest.raises(DataError, match="no such folder"):
        group_texts(str(tmp_path / "nowhere"), group)


def test_a_run_without_predictions_says_why(make_catalog):
    catalog = make_catalog({"Baseline": [None, 90]})
    with pytest.raises(StudyError, match="loss diverged, so it has no predictions"):
        predictions_html(catalog, catalog.groups[0], 1, data="mini")
