"""Where a browser must be there, a browser test without one has failed; elsewhere it is skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parent
ONE = """
import pytest

@pytest.mark.browser
def test_a_page_opens(browser):
    browser.new_page().close()
"""


@pytest.mark.parametrize(("required", "outcome", "code"), [("1", "1 error", 1), ("", "1 skipped", 0)])
def test_a_test_with_the_shared_browser_fails_for_want_of_one_only_where_it_is_required(
    tmp_path, required, outcome, code
):
    (tmp_path / "test_one.py").write_text(ONE)
    own = {"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ["PYTHONPATH"]])}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "conftest", "-c", os.devnull, "test_one.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | own | {"BLURBSTUDY_REQUIRE_BROWSER": required},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code and outcome in done.stdout, done.stdout + done.stderr
    assert "no Chromium on the PATH" in done.stdout
