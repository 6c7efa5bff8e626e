"""Downloading single files with checksums, and executing a download of several datasets."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blurbstudy.errors import DataError, DiskError
from blurbstudy.tasks import get_task
from blurbstudy.tasks.download.download import check_terms, execute, plan_download
from blurbstudy.tasks.download.http import RETRIES, Unreachable, address_of, check_base, download_file
from blurbstudy.tasks.download.manifest import DataFile, DatasetSource
from blurbstudy.tasks.download.rebuild import REBUILDS

CONTENT = b"".join(b"%d\tinvented\n" % i for i in range(5000))


class Server(ThreadingHTTPServer):
    """Serves `files`; `statuses` are the answers to the first requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.statuses, self.requested = {}, [], []
        self.base = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requested.append(self.path)
        status = server.statuses.pop(0) if server.statuses else 200
        data = server.files.get(self.path)
        if data is None or status != 200:
            self.send_error(404 if data is None else status)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def local_and_without_pauses(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


@pytest.fixture
def server():
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def closed_base():
    """The address of a server that is gone."""
    with Server() as closed:
        base = closed.base
    yield base
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # urllib3 leaves refused sockets to the collector
        gc.collect()


def published(name, content=CONTENT):
    digest = hashlib.sha256(content).hexdigest()
    facts = {"repository": "someone/somewhere", "commit": "0123456789" * 4, "path": f"data/{name}"}
    return DataFile(name=name, size=len(content), sha256=digest, **facts)


FILE = published("train.tsv")
PATH = address_of(FILE, base="")


def test_a_download_leaves_the_file_and_nothing_else(server, tmp_path):
    server.files[PATH] = CONTENT
    download_file(FILE, tmp_path / "train.tsv", base=server.base)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["train.tsv"]


@pytest.mark.parametrize("sent", [b"y" * len(CONTENT), CONTENT + b"more", CONTENT[:500]])
def test_a_checksum_mismatch_is_an_error_and_the_file_is_discarded(server, tmp_path, sent):
    server.files[PATH] = sent
    with pytest.raises(DataError) as caught:
        download_file(FILE, tmp_path / "train.tsv", base=server.base)
    for part in (f"expected sha256 {FILE.sha256} ({len(CONTENT)} bytes)", "file discarded", "--mirror"):
        assert part in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_busy_server_is_retried(server, tmp_path):
    server.files[PATH], server.statuses = CONTENT, [503, 429]
    download_file(FILE, tmp_path / "train.tsv", base=server.base)
    assert len(server.requested) == 3
    server.statuses = [503] * (RETRIES + 1)
    with pytest.raises(Unreachable, match="503"):
        download_file(FILE, tmp_path / "again.tsv", base=server.base)


def test_a_refused_file_is_one_line(server, tmp_path):
    with pytest.raises(DataError, match="train.tsv: the server answered 404") as caught:
        download_file(FILE, tmp_path / "train.tsv", base=server.base)
    assert not isinstance(caught.value, Unreachable) and "\n" not in str(caught.value)


def test_an_unreachable_server_is_one_line(closed_base, tmp_path):
    with pytest.raises(Unreachable, match="download failed .*; check the network") as caught:
        download_file(FILE, tmp_path / "train.tsv", base=closed_base)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000/mirror", "http://[::1]:8000/x", "https://a-b.c_d.org/~x"])
def test_web_addresses_are_mirrors(base):
    check_base(base)


@pytest.mark.parametrize(
    "base",
    [
        "",
        "/tmp",
        "file:///tmp",
        "ftp://host",
        "https://",
        "https://host/?x=pa55",
        "http://h:abc",
        "http://h:99999",
        "http://h:0",
        "http://a b/",
        "http://[::bad/x",
        "https://user:pa55@h",
        "user:pa55@h",
    ],
)
def test_other_mirrors_are_refused_without_showing_a_password(base):
    with pytest.raises(DataError, match="expected an http or https address") as caught:
        check_base(base)
    assert "pa55" not in str(caught.value)


# A download of two datasets: BIOSSES with a rebuilt train, DDI with required terms.

RAW = b"raw text"
BUILT = DataFile(
    name="train.tsv", size=8, sha256=hashlib.sha256(RAW.upper()).hexdigest(), rebuild="shout", inputs=("raw/all.txt",)
)


def sources():
    biosses = {f.name: f for f in (BUILT, published("dev.tsv"), published("test.tsv"), published("raw/all.txt", RAW))}
    ddi = {f"{split}.tsv": published(f"{split}.tsv") for split in ("train", "dev", "test")}
    return {
        "BIOSSES": DatasetSource(files=biosses),
        "DDI": DatasetSource(files=ddi, required_terms="no commercial use"),
    }


@pytest.fixture
def shout(monkeypatch):
    monkeypatch.setitem(REBUILDS, "shout", lambda folder, name: (folder / "raw/all.txt").read_bytes().upper())


def plan(folder, *names):
    return plan_download(folder, [get_task(name) for name in names or ("BIOSSES", "DDI")], sources=sources())


def serve(server, *names):
    for name in names or ("train.tsv", "dev.tsv", "test.tsv", "raw/all.txt"):
        server.files[address_of(published(name), base="")] = RAW if "raw" in name else CONTENT


def test_a_download_is_complete_and_a_second_one_does_nothing(server, tmp_path, shout):
    serve(server)
    done = []
    first = plan(tmp_path)
    assert first.download_bytes == 5 * len(CONTENT) + len(RAW)
    assert execute(first, base=server.base, on_done=lambda request, how: done.append(how)) == []
    assert (tmp_path / "BIOSSES" / "train.tsv").read_bytes() == RAW.upper()
    assert done == ["downloaded"] * 6 + ["rebuilt"]
    second, n_requests = plan(tmp_path), len(server.requested)
    assert (second.to_download, second.to_rebuild, len(second.verified)) == ((), (), 7)
    assert execute(second, base=server.base) == []
    assert len(server.requested) == n_requests


def test_raw_files_are_only_downloaded_for_a_rebuild(tmp_path):
    (tmp_path / "BIOSSES").mkdir()
    (tmp_path / "BIOSSES" / "train.tsv").write_bytes(RAW.upper())
    assert [request.file.name for request in plan(tmp_path, "BIOSSES").to_download] == ["dev.tsv", "test.tsv"]


def test_terms_are_required_before_a_download_and_only_if_a_file_is_missing(tmp_path):
    with pytest.raises(DataError, match="DDI: no commercial use.*--accept-terms"):
        check_terms(plan(tmp_path))
    assert os.listdir(tmp_path) == []
    check_terms(plan(tmp_path, "BIOSSES"))
    (tmp_path / "DDI").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "DDI" / f"{split}.tsv").write_bytes(CONTENT)
    check_terms(plan(tmp_path))


def test_a_failure_names_the_address_and_the_manual_way_and_spares_other_datasets(server, tmp_path):
    serve(server, "train.tsv", "dev.tsv", "test.tsv")
    (failure,) = execute(plan(tmp_path), base=server.base)
    raw = address_of(published("raw/all.txt"), base=server.base)
    for part in ("BIOSSES", raw, "404", "by hand", str(tmp_path / "BIOSSES"), "train.tsv, dev.tsv, test.tsv"):
        assert part in failure
    assert sorted(os.listdir(tmp_path / "DDI")) == ["dev.tsv", "test.tsv", "train.tsv"]


def test_an_unreachable_server_is_tried_for_one_file(closed_base, tmp_path, shout):
    (tmp_path / "BIOSSES" / "raw").mkdir(parents=True)
    (tmp_path / "BIOSSES" / "raw" / "all.txt").write_bytes(RAW)
    (failure,) = execute(plan(tmp_path), base=closed_base)
    assert "download failed" in failure


def test_an_existing_different_file_is_not_overwritten(server, tmp_path):
    serve(server)
    (tmp_path / "DDI").mkdir()
    (tmp_path / "DDI" / "dev.tsv").write_bytes(b"mine")
    (failure,) = execute(plan(tmp_path, "DDI"), base=server.base)
    assert "exists with a different checksum" in failure and "move it" in failure
    assert (tmp_path / "DDI" / "dev.tsv").read_bytes() == b"mine"


def test_a_rebuilt_file_with_a_different_checksum_is_discarded(server, tmp_path, monkeypatch):
    serve(server)
    monkeypatch.setitem(REBUILDS, "shout", lambda folder, name: b"something else")
    (failure,) = execute(plan(tmp_path, "BIOSSES"), base=server.base)
    assert BUILT.sha256 in failure and "file discarded" in failure
    assert sorted(os.listdir(tmp_path / "BIOSSES")) == ["dev.tsv", "raw", "test.tsv"]


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_second_download_into_the_same_folder_is_refused(server, tmp_path):
    serve(server)
    refused = []

    def start_another(request, how):
        with pytest.raises(DataError) as caught:
            execute(plan(tmp_path, "DDI"), base=server.base)
        refused.append(str(caught.value))

    assert execute(plan(tmp_path, "DDI"), base=server.base, on_done=start_another) == []
    assert len(refused) == 3 and all("another download" in message for message in refused)


@pytest.mark.parametrize("name", ["file", "file/deeper"])
def test_a_file_in_place_of_the_folder_is_refused_by_the_plan(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file is not a folder.*--to"):
        plan(tmp_path / name, "DDI")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    blocked = plan(tmp_path / "file", "DDI")
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="--to"):
        execute(blocked)
