import os

import pytest

from tests.engine.ray.cluster import NODE


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two machines of one CPU each; this process is the driver."""
    ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    from ray.cluster_utils import Cluster

    flag = tmp_path_factory.mktemp("flag") / "hung"
    os.environ["BLURBSTUDY_TEST_FLAG"] = str(flag)
    with pytest.MonkeyPatch.context() as environment:  # the machines have another cache
        environment.setenv("BLURBSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = Cluster(initialize_head=True, head_node_args=NODE)
        made.add_node(**NODE)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()
