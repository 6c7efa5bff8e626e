"""The benchmarks run end to end at toy size, the one for GPUs without what a bare machine lacks; operations are counted
as torch counts them; both systems of a comparison are given the same.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from blurbstudy.models import Architecture, Classifier, export_checkpoint, load_checkpoint, pack
from blurbstudy.tasks.features import Features

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
LACKING = (  # on a bare GPU machine; tqdm, which transformers needs, is there but not for this package
    "datasets",
    "pandas",
    "scipy",
    "seqeval",
    "typer",
    "papermill",
    "sklearn",
    "matplotlib",
    "seaborn",
    "IPython",
    "nbconvert",
    "nbformat",
    "ipywidgets",
)
# Python runs a module of this name at its start, in every process that the benchmark starts too.
SITECUSTOMIZE = f"""
import builtins, sys

for name in {LACKING!r}:
    sys.modules[name] = None
plain_import = builtins.__import__

def import_without_tqdm(name, globals=None, locals=None, fromlist=(), level=0):
    if name.split(".")[0] == "tqdm" and (globals or {{}}).get("__name__", "").startswith("blurbstudy"):
        raise ModuleNotFoundError("tqdm is blocked", name="tqdm")
    return plain_import(name, globals, locals, fromlist, level)

builtins.__import__ = import_without_tqdm
"""


@pytest.fixture
def benchmark(monkeypatch):
    """A module of the benchmarks' folder, by name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def run(program: str, *words: str, search: Path | None = None) -> subprocess.CompletedProcess:
    actual = os.pathsep.join(filter(None, (str(search or ""), os.environ["PYTHONPATH"])))
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / program), *words],
        env=os.environ | {"PYTHONPATH": actual},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    return done


def call(module, monkeypatch, capsys, *words: str):
    """A program in this process; what it told."""
    monkeypatch.setattr(sys, "argv", [module.__name__, *words])
    module.main()
    return capsys.readouterr()


def cells(markdown: str, first: str) -> list[str]:
    """Of the table's row that begins with this."""
    (line,) = [line for line in markdown.splitlines() if line.startswith(f"| {first}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_cpu_benchmark_runs_at_toy_size(tmp_path):
    out = tmp_path / "found.json"
    done = run("finetuning.py", "--tiny", "--rows", "biosses", "--repeats", "1", "--out", str(out))
    actual = json.loads(out.read_text())
    row = actual["rows"]["biosses"]
    reference, several, each = row["systems"].values()
    assert reference["ratio"] == reference["memory_ratio"] == 1
    assert (several["processes"], each["processes"]) == (min(2, len(os.sched_getaffinity(0))), 1)
    for system in (reference, several, each):
        assert len(system["scores"]) == system["runs"] == 2
        assert all(np.isfinite(score) for score in system["scores"])
        assert system["median"]["whole_seconds"] > system["median"]["seconds"] > 0
        assert system["median"]["peak_mib"] > 50
        assert 0 < system["share_of_rate"] < 1
    assert several["ratio"] == pytest.approx(reference["seconds_per_run"] / several["seconds_per_run"])
    assert several["scores"] == each["scores"]  # a run does not depend on where it is made
    assert sum(row["where_time_goes"].values()) == pytest.approx(1, abs=0.01)
    assert {trial["threads"] for trial in row["reference"]["trials"]} >= {1}
    assert actual["environment"]["versions"]["transformers"] in done.stdout
    assert cells(done.stdout, "BIOSSES, 25%")[6] == f"{100 * reference['share_of_rate']:.0f}%"


def test_the_prediction_benchmark_gives_both_sides_the_same_work(benchmark, monkeypatch, tmp_path, capsys, mini_data):
    """At toy size, its jobs done in this process."""
    prediction, systems = benchmark("prediction"), benchmark("prediction_workers")

    def system(program, jobs):
        assert Path(program).name == "prediction_workers.py"
        answer = systems.prepare(jobs[0])()
        return {"seconds": sum(answer["seconds"]), "whole_seconds": 1.0, "peak_mib": 0.0, "answers": [answer]}

    monkeypatch.setattr(prediction, "run_system", system)
    threads, out = torch.get_num_threads(), tmp_path / "found.json"
    words = ["--tiny", "--texts", "8", "--repeats", "1", "--out", str(out)]
    settings = call(prediction, monkeypatch, capsys, *words)
    torch.set_num_threads(threads)
    actual = json.loads(out.read_text())
    reference, ours, _ = actual["systems"].values()
    assert actual["reference"]["same"] == 1 and actual["texts"]["number"] == 8
    assert ours["entities"] > 10
    assert ours["ratio"] == reference["median"]["seconds"] / ours["median"]["seconds"]
    assert {trial["given"] for trial in actual["reference"]["trials"]} == {"abstracts", "sentences"}
    assert cells(settings.out, "transformers pipeline")[5] == "not told"
    words = [sentence for text in prediction.read_texts(mini_data / "corpus.jsonl", 8) for sentence in text.split()]
    assert 0.03 < ours["entities"] / len(words) < 0.3


def test_the_gpu_benchmark_runs_at_toy_size_with_little_installed(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE)
    out = tmp_path / "found.json"
    done = run("gpu.py", "--tiny", "--budget", "1500", "--out", str(out), search=tmp_path)
    rows = json.loads(out.read_text())["rows"]
    assert list(rows) == ["biosses", "bc5", "large", "pretraining"]
    for row in rows.values():
        assert all("failed" not in system for system in row["systems"].values()), row
        assert set(row["ratios"]) == {"Hugging Face Trainer"}
        assert all(0 < system["achieved"] < 1 for system in row["systems"].values())
    for name in ("biosses", "bc5", "large"):
        ours, reference = rows[name]["systems"].values()
        assert len(ours["scores"]) == rows[name]["members"] == 3
        assert len(reference["scores"]) == len(reference["runs"]) == 1
        assert rows[name]["peer_seconds"] == pytest.approx(3 * reference["runs"][0])
        assert rows[name]["ratios"]["Hugging Face Trainer"] == rows[name]["peer_seconds"] / rows[name]["our_seconds"]
        assert ours["sequences_and_tokens"] == reference["sequences_and_tokens"]
    assert "3 members at once" in cells(done.stdout, "20 BIOSSES runs")[2]


def test_the_gpu_benchmark_finds_its_package_where_it_is_not_installed(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "sys.path[:] = [p for p in sys.path if not os.path.isdir(os.path.join(p or '.', 'blurbstudy'))]\n"
        "sys.meta_path[:] = [finder for finder in sys.meta_path if 'editable' not in repr(finder)]\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    queries = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
    assert subprocess.run([sys.executable, "-c", "import blurbstudy"], **queries).returncode == 1
    done = subprocess.run([sys.executable, str(BENCHMARKS / "gpu.py"), "--help"], **queries)
    assert done.returncode == 0 and "--budget" in done.stdout, done.stderr


def test_a_gpu_row_that_no_longer_fits_the_budget_is_left_out_and_said(benchmark, monkeypatch, tmp_path, capsys):
    out = tmp_path / "found.json"
    settings = call(
        benchmark("gpu"), monkeypatch, capsys, "--tiny", "--rows", "large", "--budget", "0", "--out", str(out)
    )
    row = json.loads(out.read_text())["rows"]["large"]
    assert row["systems"] == {} and "are expected" in row["left_out"]
    assert "left out" in cells(settings.out, "8 BIOSSES runs")[1]


def test_a_population_that_does_not_fit_is_halved(benchmark, monkeypatch, tmp_path):
    gpu = benchmark("gpu")
    queries = []

    def system(program, jobs, timeout):
        queries.append(jobs[0].get("members"))
        fits = jobs[0]["system"] == "reference" or jobs[0]["members"] <= 5
        answer = {"runs": [2.0], "device_mib": 500.0} if fits else {"failed": "out of memory"}
        return {"seconds": 2.0, "answers": [answer]}

    monkeypatch.setattr(gpu, "run_system", system)
    (tmp_path / "base").mkdir()
    args = type("Arguments", (), {"device": "cuda", "tiny": False, "data": "", "tokenizer": None, "corpus": None})
    row = gpu.ROWS["biosses"]
    measured = dict(gpu.measure_systems("biosses", row, args, tmp_path, ends=float("inf")))
    assert queries == [20, 10, 5, None]
    item = {"systems": measured}
    gpu.conclude(item, row)
    assert (item["members"], item["mib_per_member"], item["peer_seconds"]) == (5, 100.0, 40.0)


def test_a_side_that_runs_past_its_time_is_ended_and_says_so(benchmark, tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.raises(RuntimeError, match="not through after 1 s"):
        benchmark("measure").run_system(str(tmp_path / "slow.py"), [{"threads": 1}], timeout=1)


def test_a_system_that_does_not_tell_memory_still_gets_its_table(benchmark):
    ratio = benchmark("measure").ratio
    assert ratio(0.0, 0.0) is None and ratio(5.0, 0.0) is None and ratio(3.0, 2.0) == 1.5
    finetuning = benchmark("finetuning")
    system = {
        "runs": 1,
        "seconds_per_run": 1.0,
        "ratio": 1.0,
        "share_of_rate": 0.5,
        "memory_ratio": None,
        "median": {"peak_mib": 0.0, "whole_seconds": 2.0},
    }
    row = {
        "title": "BIOSSES",
        "goal": 2,
        "fitting": {"share": 1, "epochs": 1},
        "reference": {"chosen": {"threads": 1}},
        "sequences_and_tokens": {"train": [16, 99], "test": [4, 30]},
        "systems": {finetuning.REFERENCE: system, "ours": system},
        "rates": {"one_thread": 1e9, "all_cores": 1e9},
    }
    where = {"cores": 2, "processor": "", "versions": {}}
    settings = "\n".join(finetuning.table({"environment": where, "settings": {"repeats": 1}, "rows": {"biosses": row}}))
    assert cells(settings, "BIOSSES: 16")[7:9] == ["not told", ""]


@pytest.mark.parametrize(("device", "batch"), [("cpu", 8), ("cuda", 128)])
def test_the_peer_predicts_in_batches_that_suit_the_device(benchmark, tmp_path, device, batch):
    reference, inputs = benchmark("reference"), benchmark("inputs")
    data = benchmark("synthetic_text").synthetic_data(tmp_path / "data")
    encoder = inputs.random_encoder(tmp_path / "encoder", "tiny", data=data, tasks=("BIOSSES",))
    read = inputs.read_inputs(
        inputs.FinetuningSettings(task="BIOSSES", epochs=1, max_length=64), encoder=encoder, data=data
    )
    trainer = reference.make_trainer(
        reference.make_model(read, seed=1), read, seed=1, folder=str(tmp_path), device=device
    )
    assert trainer.args.per_device_eval_batch_size == batch
    assert trainer.args.logging_nan_inf_filter == (device == "cpu")


def test_invented_data_has_the_sizes_and_lengths_of_the_real(benchmark, tmp_path):
    """Of the real files, with BERT's vocabulary: 78 and 36 sub-words on average, 152 and 275 at most."""
    inputs, folder = benchmark("inputs"), benchmark("synthetic_text").synthetic_data(tmp_path / "data")
    for task, size, mean, longest in (("BIOSSES", 64, 78, 160), ("BC5-chem", 4560, 36, 280)):
        encoder = inputs.random_encoder(tmp_path / task, "tiny", data=folder, tasks=(task,))
        fitting = inputs.FinetuningSettings(task=task, epochs=1, max_length=512)
        read = inputs.read_inputs(fitting, encoder=encoder, data=folder)
        assert len(read.examples["train"]) == size
        words = np.array([len(" ".join(example.texts).split()) for example in read.examples["train"]])
        assert words.mean() == pytest.approx(mean, rel=0.12)
        assert words.max() < longest


LENGTH, READS = 12, 3


def like_sequences(n: int) -> Features:
    """Sequences of one length, of which some words are read: nothing is padded."""
    indices = np.concatenate([i * LENGTH + np.arange(1, 1 + READS) for i in range(n)])
    return Features(
        ids=np.arange(n * LENGTH, dtype=np.int32) % 50,
        segments=np.zeros(n * LENGTH, np.uint8),
        offsets=np.arange(n + 1) * LENGTH,
        targets=np.zeros(n * READS, np.int64),
        word_starts=indices,
    )


@pytest.mark.parametrize("family", ["bert", "electra"])
@pytest.mark.parametrize("frozen", [0, 1, 2])
@pytest.mark.parametrize("pooled", [False, True])
def test_operations_are_counted_as_torch_counts_them(benchmark, monkeypatch, family, frozen, pooled):
    monkeypatch.setattr(
        "blurbstudy.models.onednn_linear._has_onednn", lambda: False
    )  # torch counts its own products alone
    operations = benchmark("operations").operations
    wide = {"embedding_width": 8} if family == "electra" else {}
    architecture = Architecture(
        family=family, vocab_size=60, n_layers=3, width=16, n_heads=2, intermediate=40, max_positions=32, **wide
    )
    features = like_sequences(2)  # as few rows as are not rounded up
    if pooled:
        features = replace(features, word_starts=None, targets=np.zeros(2, np.int64))
    model = Classifier(architecture, members=1, outputs=5, head="pooler" if pooled else "token")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    for depth, modules in enumerate(model.depths()):
        for module in modules:
            module.requires_grad_(not frozen or depth > frozen)
    reads = None if pooled else [[features.word_starts_of(i) for i in range(2)]]
    packing = pack([[features.sequence(i) for i in range(2)]], n_heads=2, output_positions=reads)
    shape = {"outputs": 5, "pooled": pooled}
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(packing)
    assert operations(architecture, features, **shape, train=False) == forward.get_total_flops()
    with FlopCounterMode(display=False) as both:
        model(packing).sum().backward()
    assert operations(architecture, features, **shape, train=True, frozen=frozen) == both.get_total_flops()


def test_a_share_is_the_same_every_time_and_makes_whole_batches(benchmark):
    sampled = benchmark("inputs").sampled
    examples = list(range(1000))
    some = sampled(examples, 0.2, multiple=16)
    assert some == sampled(examples, 0.2, multiple=16) == sorted(set(some))
    assert len(some) % 16 == 0 and abs(len(some) - 200) <= 8
    assert sampled(examples, 1.0, multiple=16) == examples


@pytest.mark.parametrize("task", ["BC5-chem", "PubMedQA"])
@pytest.mark.parametrize("tool", ["Trainer.predict", "pipeline"])
def test_both_sides_predict_the_same_labels_with_the_same_head(
    benchmark, mini_data, tiny_encoder, tmp_path, task, tool
):
    inputs, systems = benchmark("inputs"), benchmark("finetuning_workers")
    tiny = load_checkpoint(tiny_encoder)
    # Attention so sharp that an untrained encoder tells texts apart.
    weights = {
        name: 60 * weight if "qkv" in name or "attention_out" in name else weight
        for name, weight in tiny.weights.items()
    }
    encoder = export_checkpoint(weights, tiny.architecture, folder=tmp_path, tokenizer=tiny.tokenizer())
    fitting = inputs.FinetuningSettings(task=task, epochs=1, max_length=128, share=0.3)
    read = inputs.read_inputs(fitting, encoder=encoder, data=mini_data)
    job = {"seeds": [3], "tool": tool, "batch": 8}
    theirs, ours = (make(read, job)() for make in (systems.reference_prediction, systems.our_prediction))
    assert len(set(" ".join(theirs["labels"]).split())) > 1
    assert theirs["labels"] == ours["labels"]
    assert len(ours["labels"]) == len(read.examples["test"])


def test_the_peer_is_given_our_sub_words_and_freezes_what_we_freeze(benchmark, mini_data, tiny_encoder):
    inputs, reference = benchmark("inputs"), benchmark("reference")
    fitting = inputs.FinetuningSettings(task="BC5-chem", epochs=1, max_length=64, share=0.3, frozen=1)
    read = inputs.read_inputs(fitting, encoder=tiny_encoder, data=mini_data)
    train = read.features["train"]
    rows = reference.items(train, read.task)
    assert np.concatenate([row["input_ids"] for row in rows]).tolist() == train.ids.tolist()
    labels = np.concatenate([row["labels"] for row in rows])
    assert labels[labels >= 0].tolist() == train.targets.tolist()
    assert np.flatnonzero(labels >= 0).tolist() == train.word_starts.tolist()
    model = reference.make_model(read, seed=1)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen and all(".embeddings." in name or ".layer.0." in name for name in frozen)
    assert sum(".layer.0." in name for name in frozen) == 16


def test_the_peer_starts_where_our_runs_start(benchmark, mini_data, tiny_encoder):
    inputs, reference, systems = benchmark("inputs"), benchmark("reference"), benchmark("finetuning_workers")
    fitting = inputs.FinetuningSettings(task="BIOSSES", epochs=1, max_length=128)
    read = inputs.read_inputs(fitting, encoder=tiny_encoder, data=mini_data)
    model, ours = reference.make_model(read, seed=1), systems.our_model(read, 1)
    for pooler in (model.base_model.pooler.dense.weight, ours.pooler.dense.weight[0]):
        assert torch.equal(pooler, read.checkpoint.weights["pooler.dense.weight"])
    for head in (model.classifier, ours.head):
        assert not head.bias.any()
        assert 0.012 < head.weight.std() < 0.028  # N(0, 0.02), 32 numbers
    rates = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {read.recipe.dropout} == {0.1}
    assert model.config.problem_type == "regression"


def test_agreement_makes_no_run_twice_and_compares_both_sides(
    benchmark, monkeypatch, capsys, tmp_path, mini_data, tiny_encoder
):
    agreement = benchmark("agreement")
    words = ["--encoder", str(tiny_encoder), "--data", str(mini_data), "--epochs", "1", "--out", str(tmp_path)]
    first = call(agreement, monkeypatch, capsys, *words, "--seeds", "1-2", "--systems", "ours")
    assert "2 runs are missing: trainer 1, trainer 2" in first.err
    assert not (tmp_path / "agreement.json").exists()
    kept = (tmp_path / "agreement.jsonl").read_text()
    with (tmp_path / "agreement.jsonl").open("a") as lines:
        lines.write('{"system": "trainer", "se')  # cut off
    done = call(agreement, monkeypatch, capsys, *words, "--seeds", "1-2")
    lines = (tmp_path / "agreement.jsonl").read_text().splitlines()
    assert "\n".join(lines[:2]) + "\n" == kept and len(lines) == 5
    actual = json.loads((tmp_path / "agreement.json").read_text())
    assert actual["differences"]["test"]["n"] == [2, 2]
    assert "Kolmogorov-Smirnov" in done.out
    assert (tmp_path / "agreement.png").stat().st_size > 2000


def test_agreement_is_judged_by_the_whole_interval(benchmark):
    agreement = benchmark("agreement")
    rng = np.random.default_rng(0)
    base = rng.normal(0.7, 0.05, 20)

    def actual(shift: float, spread: float) -> dict:
        systems = {"ours": base, "trainer": 0.7 + shift + spread * rng.standard_normal(20)}
        runs = {system: [{"test": x, "train_loss": 1.0 + x} for x in item] for system, item in systems.items()}
        return agreement.summarize(runs)

    for measure, bound in agreement.BOUNDS.items():
        assert actual(0.0, 0.02)["differences"][measure]["within_bound"]
        assert not actual(2 * bound, 0.02)["differences"][measure]["within_bound"]
        assert not actual(-2 * bound, 0.02)["differences"][measure]["within_bound"]
        assert not actual(0.0, 20 * bound)["differences"][measure]["within_bound"]  # too wide to say
    last = actual(0.03, 0.1)
    ours, theirs = (np.array(item) for item in last["samples"]["test"].values())
    # Welch 1947, by hand
    a, b = ours.var(ddof=1) / 20, theirs.var(ddof=1) / 20
    from scipy import stats

    width = stats.t.ppf(0.975, (a + b) ** 2 / (a**2 / 19 + b**2 / 19)) * np.sqrt(a + b)
    middle = ours.mean() - theirs.mean()
    assert last["differences"]["test"]["interval"] == pytest.approx([middle - width, middle + width])
