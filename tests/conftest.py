"""Settings of all tests: one thread, no network, one cache folder per session, browsers that must be there."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a hub
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # tokenizers warn when a process forks after using their threads
os.environ["OMP_NUM_THREADS"] = "1"  # also in the processes that tests start
os.environ["MPLBACKEND"] = "agg"

REQUIRE_BROWSER = "BLURBSTUDY_REQUIRE_BROWSER"  # 1: a browser test that skips has failed (continuous integration)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.skipped and item.get_closest_marker("browser") and os.environ.get(REQUIRE_BROWSER) == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, but {REQUIRE_BROWSER}=1: {report.longrepr}"
    return report
