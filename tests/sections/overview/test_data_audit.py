"""The audit of a run: made once, kept as plain numbers, rebuilt from the store alone, and its tables."""

import dataclasses
import json
import shutil

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary
from blurbstudy.sections import overview as section
from blurbstudy.sections.overview import data_audit as module
from blurbstudy.sections.overview.audit_sizes import (
    audit_answer,
    published_sizes,
    size_reason,
    size_table,
)
from blurbstudy.sections.overview.audit_tables import (
    duplicate_table,
    label_table,
    length_table,
    limit_table,
    mention_table,
    percent,
    vocabulary_table,
)
from blurbstudy.sections.overview.data_audit import AUDIT_METADATA, REMEDY, data_audit, words_within_limit
from blurbstudy.sections.overview.general_vocabulary import general_tokenizer
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tasks import SPLITS, TASKS, get_task

STEM = "00_overview"
TABLES = (size_table, length_table, limit_table, label_table, duplicate_table, mention_table, vocabulary_table)
CHOSEN = ["BC5-chem", "EBM PICO", "GAD", "BIOSSES", "HoC", "BioASQ"]  # one of every kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run store that several tests share: the audit is made once."""
    return tmp_path_factory.mktemp("audit") / "store"


@pytest.fixture
def make_study(folder, tiny_encoder):
    """A Study of the overview as its notebook makes it."""

    def make(**changes):
        values = {"store": str(folder), "encoders": {"BERT": str(tiny_encoder), "Twin": str(tiny_encoder)}}
        return Study(
            section,
            scale_parameters("mini", section.NOTEBOOK)
            | values
            | {"tasks": CHOSEN, "general_vocabulary": "trained"}
            | changes,
        )

    return make


@pytest.fixture
def audit(make_study):
    return data_audit(make_study())


def text(table):
    return "\n".join([table.title, *table.columns, *(str(cell) for row in table.rows for cell in row), *table.notes])


def test_every_table_has_a_row_per_task_and_says_where_its_numbers_come_from(audit):
    for make in TABLES:
        table = make(audit)
        assert all(len(row) == len(table.columns) for row in table.rows), make.__name__
        wanted = ["BC5-chem"] if make is mention_table else CHOSEN
        assert [row[0] for row in table.rows] == wanted
        assert "parameters/mini/00_overview.yaml" in table.caption
        assert "<script" not in table._repr_html_()


def test_encoders_with_the_same_vocabulary_are_one_column(audit):
    assert [vocabulary.name for vocabulary in audit.vocabularies] == ["BERT, Twin"]
    assert length_table(audit).columns[-1] == "Sub-words, BERT, Twin"


def test_what_was_audited_is_not_read_again(audit, make_study, monkeypatch):
    monkeypatch.setattr(module, "read_task", lambda *_: pytest.fail("the store has these numbers"))
    assert data_audit(make_study()).data == audit.data


def test_the_store_keeps_numbers_and_no_text(audit, folder, mini_data):
    facts = json.dumps(RunStore(folder).all_metadata(AUDIT_METADATA))
    first = (mini_data / get_task("BioASQ").folder / "test.tsv").read_text().splitlines()[0].split("\t")[1]
    assert first not in facts and len(facts) > 1000


def test_a_report_rebuilds_every_table_from_the_store_alone(audit, make_study, monkeypatch):
    monkeypatch.setattr(module, "read_task", lambda *_: pytest.fail("a report reads no data"))
    monkeypatch.setattr(module, "_encoder_tokenizer", lambda *_: pytest.fail("a report loads no encoder"))
    again = data_audit(make_study(train_missing=False))
    for make in (*TABLES, audit_answer):
        assert make(again) == make(audit), make.__name__


def test_a_report_without_the_facts_says_so(audit, make_study, folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / "facts" / AUDIT_METADATA)
    bare = data_audit(make_study(store=str(tmp_path / "store"), train_missing=False))
    for make in TABLES:
        table = make(bare)
        assert table.rows == [] and REMEDY in text(table)
    assert REMEDY in audit_answer(bare).sentences[0]


def test_generated_sizes_are_no_unexplained_ones(audit):
    shown = text(size_table(audit))
    assert "generated" in shown and "unexplained" not in shown
    assert "generated" in audit_answer(audit).sentences[0]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_sizes_differ_for_a_known_reason_or_are_unexplained(task):
    for split in SPLITS:
        assert size_reason(task, split, task.sizes[split] + 1, generated=False) == "unexplained"
    for split, size in task.known_sizes.items():
        assert size_reason(task, split, size, generated=False) == task.known_differences[split]


def test_published_sizes_name_tasks_of_blurb_and_their_source():
    for other in published_sizes().values():
        assert other["paper"] and other["checked"]
        assert set(other["counts"]) <= set(other["sizes"]) <= {task.name for task in TASKS}
        assert all(set(sizes) == set(SPLITS) for sizes in other["sizes"].values())
    blue = published_sizes()["BLUE"]["sizes"]
    assert blue["BC5-chem"] == dict(get_task("BC5-chem").sizes)
    assert blue["BIOSSES"] == dict(get_task("BIOSSES").sizes)


def test_a_column_left_out_gives_its_reason(make_study):
    table = vocabulary_table(data_audit(make_study(general_vocabulary=None)))
    assert table.columns == ("Task", "Sub-words per word, BERT, Twin", "Unsplit words, %, BERT, Twin")
    assert "general_vocabulary is null" in text(table)


def test_without_an_encoder_words_are_counted_and_sub_words_are_not(make_study):
    bare = data_audit(make_study(encoders={"BERT": None}))
    assert length_table(bare).columns == ("Task", "An example is", "Words")
    assert limit_table(bare).rows == []
    assert "no encoder of this run is available" in text(length_table(bare))
    assert words_within_limit(bare, get_task("BC5-chem"), limit=64, sentences=3) is None


def test_the_trained_vocabulary_says_what_it_was_trained_on(audit):
    assert audit.general.entries == 300 and "general-domain text of mini-BLURB" in audit.general.origin
    assert audit.general.origin in text(vocabulary_table(audit))


def test_a_directory_that_changed_is_another_vocabulary(make_study, tiny_encoder, tmp_path):
    given = shutil.copytree(tiny_encoder, tmp_path / "general")
    before = data_audit(make_study(general_vocabulary=str(given))).general
    train_vocabulary(["other words, another vocabulary"], size=80).save_pretrained(given)
    after = data_audit(make_study(general_vocabulary=str(given))).general
    assert before.fingerprint != after.fingerprint


def test_a_vocabulary_too_small_for_its_letters_is_left_out_with_the_reason():
    tokenizer, _, missing = general_tokenizer("trained", size=20)
    assert tokenizer is None and "vocab_size=20" in missing


def test_a_general_vocabulary_that_is_not_there_is_refused_with_a_remedy(make_study, tmp_path):
    with pytest.raises(ParameterError, match="general_vocabulary=.*cannot be loaded.*null to leave it out"):
        data_audit(make_study(general_vocabulary=str(tmp_path)))


def test_a_directory_serves_as_general_vocabulary(make_study, tiny_encoder):
    found = data_audit(make_study(general_vocabulary=str(tiny_encoder)))
    assert found.general.fingerprint == found.vocabularies[0].fingerprint  # audited once
    assert len(vocabulary_table(found).rows) == len(CHOSEN)


def test_words_kept_within_a_limit_are_those_of_the_longer_sentences_alone(audit):
    task, (vocabulary,) = get_task("BC5-chem"), audit.vocabularies
    limits = {"test": {"64": {"kept": [[1, 40], [3, 7]]}, "128": {"kept": []}}}
    known = dataclasses.replace(audit, with_vocabulary={(task.name, vocabulary.fingerprint): {"limits": limits}})
    assert words_within_limit(known, task, limit=64, sentences=5) == [None, 40, None, 7, None]
    assert words_within_limit(known, task, limit=128, sentences=5) is None  # every sentence fits


def test_shares_are_never_rounded_to_nothing():
    assert [percent(part, 10_000) for part in (0, 1, 50, 10_000)] == ["0.0", "<0.1", "0.5", "100.0"]
    assert percent(0, 0) == "0.0"
