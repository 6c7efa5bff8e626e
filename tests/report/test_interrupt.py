"""An interrupted kernel tells so in one sentence, and finished runs are kept."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters

PATIENCE = 600  # seconds: the machine may be busy with other tests


@pytest.mark.slow
def test_an_interrupted_run_is_told_in_one_sentence_and_finished_runs_are_kept(tmp_path, tiny_encoder):
    given = {"encoders": {"BERT": str(tiny_encoder)}, "seeds": 500, "tasks": ["BIOSSES"], "workers": 2}
    given |= {"biosses_epochs": 1.0, "biosses_max_length": 48, "population": 2, "store": str(tmp_path / "store")}
    values = scale_parameters("mini", "03_layer_adaptation") | given
    store = RunStore(given["store"])
    manager, client = start_new_kernel(cwd=str(tmp_path), extra_arguments=["--log-level=CRITICAL"])
    try:
        client.execute("\n".join(f"{name} = {value!r}" for name, value in values.items()))
        code = "from blurbstudy.sections import layer_adaptation\nfrom blurbstudy.study.study import Study\n"
        client.execute(
            code + "study = Study(layer_adaptation, globals())\ngrid = layer_adaptation.grids(study)['table4']"
        )
        running = client.execute("study.results(grid)")
        until = time.monotonic() + PATIENCE
        while not len(store):
            assert time.monotonic() < until
            time.sleep(0.2)
        manager.interrupt_kernel()
        outputs = []
        while not outputs or outputs[-1]["msg_type"] != "status" or outputs[-1]["content"]["execution_state"] != "idle":
            message = client.get_iopub_msg(timeout=PATIENCE)
            outputs += [message] if message["parent_header"].get("msg_id") == running else []
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (error,) = [message["content"] for message in outputs if message["msg_type"] == "error"]
    assert error["ename"] == "Interrupted"
    assert error["traceback"] == ["Interrupted. Finished runs are in the store: run this cell again to resume."]
    printed = "".join(message["content"]["text"] for message in outputs if message["msg_type"] == "stream")
    assert "Traceback" not in printed and "KeyboardInterrupt" not in printed
    assert 0 < len(store) < 500 * 4
