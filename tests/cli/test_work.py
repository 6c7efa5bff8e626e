"""`blurbstudy work`: workers train what a plan lists, also as the Slurm script of the docs starts them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blurbstudy.store.run_store import RunStore

PROJECT = Path(__file__).resolve().parent.parent.parent
DOCS = PROJECT / "docs" / "clusters.md"
SBATCH = """#!/bin/bash
# A scheduler: runs the last argument once per task of its array, in bash, with the variables of --export.
for argument; do case $argument in --export=ALL,*) export "${argument#--export=ALL,}";; esac; script=$argument; done
last=$(sed -n 's/^#SBATCH --array=1-//p' "$script")
for task in $(seq "${LAST:-$last}"); do SLURM_ARRAY_TASK_ID=$task bash "$script" & done
wait
"""
PARAMETERS = ["-p", "seeds", "2", "-p", "tasks", "[BIOSSES]", "-p", "biosses_epochs", "2", "-p", "n_evaluations", "1"]


@pytest.fixture
def blurbstudy(tmp_path):
    """Runs a command of the product, with `blurbstudy` and `sbatch` on the PATH."""
    programs = {"blurbstudy": f'#!/bin/bash\nexec "{sys.executable}" -m blurbstudy "$@"\n', "sbatch": SBATCH}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(command, **environment):
        environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"} | environment
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=500)

    return run


@pytest.fixture
def planned(tmp_path, blurbstudy, tiny_encoder):
    """A store with the plan of a few short runs."""
    store = tmp_path / "shared"
    encoder = ["-p", "encoders", f"{{BERT: {tiny_encoder}}}", "-p", "freeze", "1"]
    command = ["blurbstudy", "run", "--plan-only", "--store", str(store), "--only", "03_layer_adaptation"]
    done = blurbstudy([*command, *encoder, *PARAMETERS])
    assert done.returncode == 0, done.stderr
    assert re.search(r"8 runs wanted; train them: blurbstudy work --store", done.stdout)
    return RunStore(store)


@pytest.mark.slow
def test_the_slurm_script_of_the_docs_trains_the_plan(tmp_path, blurbstudy, planned):
    (script,) = re.findall(r"```\n(#!/bin/bash\n#SBATCH.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "workers.sbatch").write_text(script)
    (command,) = re.findall(r"`(sbatch --export=[^`]+)`", DOCS.read_text(encoding="utf-8"))
    done = blurbstudy(command.replace("/shared/paper", str(planned.folder)).split(), LAST="2")
    assert done.returncode == 0, done.stderr
    assert len(planned) == 8 and not list((planned.folder / "leases").iterdir())
    counts = [int(n) for n in re.findall(r"fine-tuning: (\d+) runs? trained", done.stderr)]
    assert len(counts) == 2


@pytest.mark.slow
def test_a_preempted_worker_gives_its_runs_back(tmp_path, blurbstudy, planned):
    command = [sys.executable, "-m", "blurbstudy", "work", "--store", str(planned.folder)]
    worker = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list((planned.folder / "leases").glob("*.1")):
        assert worker.poll() is None, worker.communicate()
        time.sleep(0.05)
    worker.send_signal(signal.SIGTERM)
    error = worker.communicate(timeout=60)[1]
    assert worker.returncode == 130 and "finished runs are kept" in error
    assert not list((planned.folder / "leases").iterdir())
    done = blurbstudy(["blurbstudy", "work", "--store", str(planned.folder)])
    assert done.returncode == 0 and len(planned) == 8
