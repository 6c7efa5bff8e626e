"""Tasks of one's own on the command line: from files to scores without a line of YAML, and with some."""

import json

import pytest

WORDS = {"Drug": ["aspirin", "heparin"], "Disease": ["flu", "lung fibrosis"]}


def sentences(n, *, start=0):
    """Typed mentions in IOBES between other words; no two sentences alike."""
    lines = []
    for i in range(start, start + n):
        kind = ("Drug", "Disease")[i % 2]
        words = WORDS[kind][i // 2 % 2].split()
        tags = ["S"] if len(words) == 1 else ["B", "E"]
        lines += [f"case {i} O".replace(" ", "", 1), "had O", f"{kind[:2].lower()} O"]
        lines += [f"{word} {tag}-{kind}" for word, tag in zip(words, tags, strict=True)] + ["today O", ""]
    return "\n".join(lines)


@pytest.fixture
def command(command, tmp_path, monkeypatch):
    """As elsewhere, in a folder with files of one's own."""
    monkeypatch.delenv("BLURBSTUDY_DATA", raising=False)
    (tmp_path / "a.conll").write_text(sentences(120))
    (tmp_path / "b.conll").write_text(sentences(30, start=500))
    (tmp_path / "recipe.yaml").write_text("epochs: 6\nlearning_rate: 5e-3\nmax_length: 32\nn_evaluations: 1\n")
    return command


@pytest.fixture
def finetune(command, tiny_encoder):
    """blurbstudy finetune with a tiny encoder, two seeds."""

    def run(*words):
        options = ["--encoder", tiny_encoder, "--recipe", "recipe.yaml", "--seeds", "1-2", "--store", "store"]
        return command("finetune", *words, *options, "--device", "cpu")

    return run


def test_files_alone_are_enough_and_typed_entities_are_scored_by_type(finetune, command):
    words = ["--task", "ner", "--train", "a.conll", "--dev", "b.conll", "--test", "b.conll"]
    code, out, errors = finetune(*words)
    assert code == 0, errors
    said = errors.splitlines()
    assert said.pop(0) == "a: reading and auditing the files"
    assert said[0] == "a: kind ner, scored by entity_f1"
    assert "read: conll, columns 1 (words) and 2 (tags), scheme iobes" in said
    assert said[1] == "train: 120 sentences, 120 mentions, from a.conll"
    assert "warning: dev has 30 examples: its scores have wide intervals" in said
    assert (
        "by class, on test, mean of 2 seeds:" in out
        and "\nDisease " in out
        and "\n2 runs trained, 0 reused from store\n" in out
    )
    assert out.splitlines()[-1].startswith("model: store-models/a-")

    code, out, errors = finetune(*words, "--json")
    found = json.loads(out)
    assert (code, found["trained"], found["reused"]) == (0, 0, 2)
    assert list(found["classes"]) == ["Disease", "Drug"] and found["audit"]["facts"][0] == said[0]
    assert found["summary"]["test"]["mean"] > 0.5

    run = found["runs"][0]
    code, out, _ = command("score", "--run", run["id"], "--store", "store", "--json", "--export", "p.conll")
    scored = json.loads(out)
    assert code == 0 and scored["score"] == pytest.approx(run["test"])
    assert list(scored["classes"]) == ["Disease", "Drug"]


def test_a_part_of_train_becomes_dev_and_that_is_said_in_words(finetune, command, tmp_path):
    (tmp_path / "mine.yaml").write_text("kind: ner\nfiles: {train: a.conll}\ndev_share: 0.25\nsplit_seed: 3\n")
    code, out, errors = finetune("--task", "mine.yaml")
    assert code == 0, errors
    assert (
        "dev: 30 sentences, 30 mentions, split off train (25%, stratified by label, grouped by document, seed 3)"
    ) in errors.splitlines()
    assert "test: none; scores are reported on dev only" in errors.splitlines()
    assert "test: none; scores are on dev only\n" in out and "by class, on dev, mean of 2 seeds:" in out
    _, out, _ = finetune("--task", "mine.yaml", "--json")
    found = json.loads(out)
    assert found["summary"]["test"] is None and found["runs"][0]["test"] is None and found["reused"] == 2
    run = found["runs"][0]
    code, _, errors = command("score", "--run", run["id"], "--store", "store")
    assert code == 2 and errors.endswith("has no score on test: its task has no test set; use --split dev\n")
    words = ["--store", "store", "--split", "dev", "--export", "p.tsv", "--json"]
    code, out, errors = command("score", "--run", run["id"], *words)
    assert code == 0 and json.loads(out)["score"] == pytest.approx(run["dev"]), errors
    code, out, _ = command("score", "--task", "mine.yaml", "--predictions", "p.tsv", "--split", "dev", "--json")
    assert code == 0 and json.loads(out)["score"] == pytest.approx(run["dev"])


def test_a_dev_set_of_one_document_judges_no_run_a_failure(finetune, tmp_path):
    (tmp_path / "dev.conll").write_text("-DOCSTART- O\n\n" + sentences(30, start=500))
    words = ["--task", "ner", "--train", "a.conll", "--dev", "dev.conll"]
    code, out, errors = finetune(*words)
    assert code == 0, errors
    reason = "not judged: dev is 1 document, too few for a bound"
    assert out.count(reason) == 2 and "failed" not in out
    assert "0 collapsed / 0 no better than trivial / 2 not judged / 0 not shown" in out
    assert "(Wilson over documents, all of which are right)" in out or "over examples none: only 1 document" in out
    model = out.splitlines()[-1].removeprefix("model: ")
    card = (tmp_path / model / "README.md").read_text()
    assert card.count(f"| {reason} |") == 2 and "All runs failed" not in card
    found = json.loads(finetune(*words, "--json")[1])
    assert {run["status"] for run in found["runs"]} == {"not judged"}
    assert found["runs"][0]["status_reason"] == "dev is 1 document, too few for a bound"
    assert found["runs"][0]["dev"] > 0.5 and found["summary"]["dev"]["failed"] == 0
    assert found["best"]["dev_out_of_bag"] is None and "1 document" in found["best"]["dev_out_of_bag_reason"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--task", "ner"],
            "--task ner is a kind of task; name your files too (--train FILE [--dev FILE] [--test "
            "FILE], or --data DIR with train.*, dev.*, test.*)",
        ),
        (
            ["--task", "ner", "--train", "a.conll", "--data", "."],
            "name the files once: --train FILE [--dev FILE] [--test FILE], or --data DIR",
        ),
        (
            ["--task", "ner", "--dev", "a.conll"],
            "files: no train file; name it (--train FILE, or train: FILE under files:)",
        ),
        (["--task", "ner", "--train", "no.conll"], "no.conll: no such file; check the path of the train split"),
        (
            ["--task", "BIOSSES", "--train", "a.conll"],
            "--task BIOSSES: --train needs a kind of task, such as --task ner; a YAML definition names these itself",
        ),
        (
            ["--task", "none.yaml"],
            "none.yaml: found a file that cannot be read (No such file or directory); expected a "
            "readable file; check the path and its permissions",
        ),
        (
            ["--task", "ner", "--train", "a.conll", "--columns", "text"],
            "--columns: expected ROLE=COLUMN, got 'text'; write text=NAME,label=NAME",
        ),
        (
            ["--task", "ner", "--train", "a.conll", "--scheme", "xml"],
            "scheme='xml' is unknown; use iob1, iob2, bio, bio2, iobes, bioes, bilou, bioul",
        ),
        (
            ["--task", "ner", "--data", "nowhere"],
            "--task ner is a kind of task, but --data nowhere is not a folder with train.*, dev.*, test.*; name yours",
        ),
        (["--task", "nonsense"], "task='nonsense' is unknown; `blurbstudy data list` lists BLURB's"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_nothing_is_written(finetune, tmp_path, words, message):
    code, out, errors = finetune(*words)
    assert (code, out) == (2, "") and len(errors.splitlines()) == 1
    assert errors.startswith(f"blurbstudy: {message}") and not (tmp_path / "store").exists()


def test_files_from_which_nothing_can_be_learned_leave_no_store(finetune, tmp_path):
    (tmp_path / "a.conll").write_text("word O\n\n" * 2)
    code, out, errors = finetune("--task", "ner", "--train", "a.conll")
    assert (code, out) == (2, "") and errors.startswith("blurbstudy: a.conll: found 2 examples, of which 0 can be")
    assert not (tmp_path / "store").exists()


def test_joining_dev_is_refused_where_nothing_would_be_left_to_score(finetune, tmp_path):
    (tmp_path / "recipe.yaml").write_text("epochs: 1\nmax_length: 32\ntrain_on_dev: true\n")
    code, _, errors = finetune("--task", "ner", "--train", "a.conll")
    assert code == 2 and errors.splitlines()[-1] == (
        "blurbstudy: train_on_dev=True: a has no test set, so no split remains to score; set it to false"
    )


def test_faulty_entities_are_listed_and_the_ways_on_are_options(finetune, tmp_path):
    rows = [{"text": f"Low TNF‐α in {i}.", "entities": [[4, 9, "Gene"]]} for i in range(20)]
    for row in rows[:3]:
        row["entities"] = [{"start": 4, "end": 9, "text": "TNF-a", "type": "Gene"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    code, out, err = finetune("--task", "ner", "--train", "a.json")
    head, *lines = err.splitlines()
    assert (code, out) == (2, "") and head.startswith("blurbstudy: a.json: 3 of 20 entities do not fit the text; ")
    assert lines == [f"  record {i}: 'TNF‐α' at characters 4 to 9, but 'TNF-a' as their text" for i in (1, 2, 3)]
    both = finetune("--task", "ner", "--train", "a.json", "--trust-offsets", "--skip-mismatched")
    assert both[0] == 2 and "trust_offsets and skip_mismatched exclude each other" in both[2]
    named = finetune("--task", "BIOSSES", "--data", "mini", "--trust-offsets")
    assert named[0] == 2 and "--trust-offsets needs a kind of task" in named[2]


def test_rows_without_a_label_are_left_out_on_request_and_counted(finetune, tmp_path):
    rows = [f"note {i} of ward {i % 7},{('-', 'yes', 'no')[i % 3]}" for i in range(60)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]))
    words = ["--task", "classification", "--train", "a.csv", "--no-model"]
    code, _, errors = finetune(*words)
    assert code == 2 and "a.csv, line 2: found 20 rows without label ('-' 20;" in errors and errors.count("\n") == 1
    code, _, errors = finetune(*words, "--drop-unlabelled")
    assert code == 0 and "train: 20 rows without a label left out (--drop-unlabelled)" in errors.splitlines(), errors
    code, _, errors = finetune("--task", "BIOSSES", "--drop-unlabelled")
    assert code == 2 and "--drop-unlabelled needs a kind of task" in errors
