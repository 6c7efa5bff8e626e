"""Settings of all tests: one thread, no network, one cache folder per session, browsers that must be there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import pytest

pytest_plugins = ("tests.fixtures.records", "tests.fixtures.grids")
PROJECT = Path(__file__).resolve().parent.parent

os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a hub
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # tokenizers warn when a process forks after using their threads
os.environ["OMP_NUM_THREADS"] = "1"  # also in the processes that tests start
os.environ["MPLBACKEND"] = "agg"
# Kernels and processes that tests start import this checkout, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))

REQUIRE_BROWSER = "BLURBSTUDY_REQUIRE_BROWSER"  # 1: a browser test that skips has failed (continuous integration)
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    """One cache folder per session: what is generated or pretrained once serves all tests and all workers."""
    import torch

    torch.set_num_threads(1)
    if not hasattr(config, "workerinput"):  # workers of pytest-xdist inherit the setting
        config._blurbstudy_cache = tempfile.mkdtemp(prefix="blurbstudy-tests-")
        os.environ["BLURBSTUDY_CACHE"] = config._blurbstudy_cache


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = getattr(config, "_blurbstudy_cache", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    if "tiny_study" in getattr(item, "fixturenames", ()):  # executes all notebooks
        item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.skipped and item.get_closest_marker("browser") and os.environ.get(REQUIRE_BROWSER) == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, but {REQUIRE_BROWSER}=1: {report.longrepr}"
    return report


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request) -> str:
    """Each device in turn: what is claimed of a GPU goes through the same lines on a CPU too."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here; run `pytest -m gpu` on a machine with one")
    return request.param


@pytest.fixture(scope="session")
def mini_data():
    """The folder of mini-BLURB."""
    from blurbstudy.tasks.mini_blurb import mini_blurb_folder

    return mini_blurb_folder()


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory, mini_data):
    """A checkpoint directory: random weights, two layers of width 32, and a vocabulary of mini-BLURB's corpus."""
    from blurbstudy.models import Architecture, export_checkpoint, random_checkpoint
    from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary

    with (mini_data / "corpus.jsonl").open(encoding="utf-8") as lines:
        sentences = [sentence for line in islice(lines, 100) for sentence in json.loads(line)["sentences"]]
    tokenizer = train_vocabulary(sentences, size=300)
    architecture = Architecture(
        family="bert", vocab_size=300, n_layers=2, width=32, n_heads=2, intermediate=64, max_positions=128
    )
    weights = random_checkpoint(architecture, seed=1).weights
    folder = tmp_path_factory.mktemp("encoder")
    return export_checkpoint(weights, architecture, folder=folder, tokenizer=tokenizer)


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory, mini_data):
    """A checkpoint directory as RoBERTa's: random weights, no pooler, one segment, and a byte-level BPE of mini-BLURB's
    corpus in vocab.json and merges.txt.
    """
    from tokenizers import ByteLevelBPETokenizer

    from blurbstudy.models import Architecture, export_checkpoint, random_checkpoint

    with (mini_data / "corpus.jsonl").open(encoding="utf-8") as lines:
        sentences = [sentence for line in islice(lines, 100) for sentence in json.loads(line)["sentences"]]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(sentences, vocab_size=400, special_tokens=special, show_progress=False)
    architecture = Architecture(
        family="roberta",
        vocab_size=400,
        n_layers=2,
        width=32,
        n_heads=2,
        intermediate=64,
        max_positions=128,
        n_segments=1,
        norm_eps=1e-5,
        pad_id=1,
    )
    folder = tmp_path_factory.mktemp("roberta")
    tokenizer.save_model(str(folder))
    return export_checkpoint(random_checkpoint(architecture, seed=3).weights, architecture, folder=folder)


# Encoders that only transformers has a module for: what their configurations need beside the sizes.
OTHER_SHAPE = dict(
    vocab_size=60,
    hidden_size=16,
    num_attention_heads=4,
    num_hidden_layers=3,
    intermediate_size=40,
    max_position_embeddings=32,
)
OTHER_ENCODERS = {
    "modernbert": dict(
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
        global_attn_every_n_layers=2,
        local_attention=4,
    ),
    "deberta-v2": dict(
        relative_attention=True,
        position_buckets=8,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        conv_kernel_size=3,
    ),
    "deberta": dict(relative_attention=True, pos_att_type=["p2c", "c2p"], type_vocab_size=2),
    "distilbert": dict(hidden_dim=40),
    "mpnet": dict(max_position_embeddings=34),
    "camembert": dict(max_position_embeddings=34, type_vocab_size=1),
    "roformer": dict(embedding_size=16),
}


@pytest.fixture(scope="session")
def make_base():
    """Makes a tiny encoder by a model type and what differs from OTHER_ENCODERS' settings."""
    return base_of_transformers


def base_of_transformers(family: str, *, seed: int = 7, **changes):
    """transformers' encoder, without dropout, of weights so large that a wrong term anywhere is seen."""
    import torch
    import transformers

    settings = OTHER_SHAPE | OTHER_ENCODERS.get(family, {}) | changes
    names = transformers.CONFIG_MAPPING[family].attribute_map
    config = transformers.AutoConfig.for_model(family, **{names.get(k, k): v for k, v in settings.items()})
    for name, value in config.to_dict().items():
        if "dropout" in name and isinstance(value, float):
            setattr(config, name, 0.0)
    torch.manual_seed(seed)
    model = transformers.AutoModel.from_config(config)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            one = parameter.ndim == 1 and not name.endswith("bias")
            torch.nn.init.normal_(parameter, 1.0 if one else 0.0, 0.2)
    return model.eval()


@pytest.fixture(params=sorted(OTHER_ENCODERS))
def other(request, tmp_path, make_base):
    """(model type, transformers' encoder, its checkpoint) of each."""
    from blurbstudy.models import load_checkpoint

    model = make_base(request.param)
    model.save_pretrained(tmp_path)
    return request.param, model, load_checkpoint(tmp_path)


@pytest.fixture(scope="session")
def tiny_modernbert(tmp_path_factory, tiny_encoder, make_base):
    """A checkpoint directory: ModernBERT with the vocabulary of tiny_encoder."""
    from blurbstudy.models import load_checkpoint

    tokenizer = load_checkpoint(tiny_encoder).tokenizer()
    ids = {"pad_token_id": tokenizer.pad_token_id, "cls_token_id": tokenizer.cls_token_id}
    ids |= {"sep_token_id": tokenizer.sep_token_id, "bos_token_id": tokenizer.cls_token_id}
    folder = tmp_path_factory.mktemp("modernbert")
    model = make_base(
        "modernbert", vocab_size=300, max_position_embeddings=128, eos_token_id=ids["sep_token_id"], **ids
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_large_encoder(tmp_path_factory, tiny_encoder):
    """A checkpoint directory: as tiny_encoder, one layer deeper, with the same vocabulary."""
    from blurbstudy.models import export_checkpoint, load_checkpoint, random_checkpoint

    small = load_checkpoint(tiny_encoder)
    architecture = small.architecture.with_layers(small.architecture.n_layers + 1)
    weights = random_checkpoint(architecture, seed=2).weights
    folder = tmp_path_factory.mktemp("large-encoder")
    return export_checkpoint(weights, architecture, folder=folder, tokenizer=small.tokenizer())


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium as it is installed; nothing is downloaded. For a module, not longer: meanwhile Playwright has
    the event loop that notebooks need.
    """
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        pytest.skip("no Chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tiny_study(tiny_encoder, tiny_large_encoder):
    """Folders of a run store and of a report: all notebooks executed once by the command line, at tiny settings."""
    folder = Path(os.environ["BLURBSTUDY_CACHE"]) / "tiny-study"
    return study_made_once(folder, encoder=tiny_encoder, large=tiny_large_encoder)


def study_made_once(folder: Path, *, encoder: Path, large: Path) -> Path:
    """Workers of pytest-xdist share the study: the first makes it, the others wait."""
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        for _ in range(1800):  # a quarter of an hour, on a slow machine
            if done.is_file():
                break
            time.sleep(0.5)
    else:
        settings = {"encoders": f"{{BERT: '{encoder}', 'BERT (no NSP)': null}}", "seeds": "2", "workers": "1"}
        settings |= {"epochs_long": "1", "epochs_standard": "0.5", "biosses_epochs": "1", "qa_epochs": "0.5"}
        settings |= {"max_length": "48", "biosses_max_length": "48", "qa_max_length": "48", "qa_epochs_long": "1"}
        settings |= {"brief_tokens": "0", "show_paper": "true"}
        kinds = ("ner", "pico", "relation", "similarity", "document", "question")
        settings |= {"epochs": str(dict.fromkeys(kinds, 0.05) | {"similarity": 1, "question": 0.5})}
        settings |= {"max_lengths": str(dict.fromkeys(kinds, 48)), "combinations": "true"}
        settings |= {"search_tasks": "[BIOSSES]", "search_epochs": "{similarity: [0.5]}", "search_seeds": "[101]"}
        settings |= {"search_trials": "3", "search_per_ask": "2", "large_tasks": "[BIOSSES]"}
        settings |= {"scoring_epochs": "0.5", "scoring_max_length": "48"}
        settings |= {"large_encoders": f"{{PubMedBERT-LARGE: '{large}', BioBERT-LARGE: null}}", "freeze": "1"}
        settings |= {"base_counterparts": "{PubMedBERT-LARGE: BERT}"}
        settings |= {"ner_epochs": "0.05", "ner_max_length": "48", "spacy_epochs": "3"}
        words = [word for name, value in settings.items() for word in ("-p", name, value)]
        command = [sys.executable, "-m", "blurbstudy.cli.app", "run", *words]
        command += ["--store", str(folder / "store"), "--report", str(folder / "report")]
        made = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        done.write_text(made.stderr if made.returncode else "", encoding="utf-8")
    assert done.read_text(encoding="utf-8") == ""
    return folder


@pytest.fixture
def command(tmp_path, capsys, monkeypatch):
    """Runs a command in an empty folder; exit code, stdout, stderr."""
    from blurbstudy.cli.app import main

    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(map(str, words)))
        return end.value.code or 0, *capsys.readouterr()

    return run
