"""Fetching from a server that breaks off, lies, or does not know ranges; and carrying out a whole download."""

from __future__ import annotations

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request

import pytest

from blurbstudy.errors import DataError, DiskError
from blurbstudy.tasks import get_task
from blurbstudy.tasks.download.download import carry_out, check_terms, plan_download
from blurbstudy.tasks.download.http import (
    ATTEMPTS,
    Unreachable,
    _opener,
    _WebOnly,
    address_of,
    bytes_waiting,
    check_base,
    fetch,
    open_part,
    part_of,
)
from blurbstudy.tasks.download.manifest import DataFile, DatasetSource
from blurbstudy.tasks.download.rebuild import REBUILDS

CONTENT = b"".join(b"%d\tinvented\n" % i for i in range(5000))


class Server(ThreadingHTTPServer):
    """Serves `files`; what it does wrong, one entry a request: a status, or the bytes after which it hangs up."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges = {}, True
        self.statuses, self.hang_ups, self.redirects = [], [], {}
        self.asked = []  # (path, Range header)
        self.base = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        status = server.statuses.pop(0) if server.statuses else 200
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.end_headers()
            return
        data = server.files.get(self.path)
        if data is None or status != 200:
            self.send_error(404 if data is None else status)
            return
        start = 0
        if server.ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        most = server.hang_ups.pop(0) if server.hang_ups else len(data)
        self.wfile.write(data[start : start + most])

    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def published(name, content=CONTENT):
    digest = hashlib.sha256(content).hexdigest()
    facts = {"repository": "someone/somewhere", "commit": "0123456789" * 4, "path": f"data/{name}"}
    return DataFile(name=name, size=len(content), sha256=digest, **facts)


FILE = published("train.tsv")
PATH = address_of(FILE, base="")


def get(server, target, file=FILE, **options):
    fetch(file, target, base=server.base, pause=0.0, timeout=5.0, **options)


def test_a_file_arrives_whole_and_nothing_is_left_beside_it(server, tmp_path):
    server.files[PATH] = CONTENT
    told = []
    get(server, tmp_path / "train.tsv", on_bytes=told.append)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["train.tsv"]
    assert sum(told) == len(CONTENT)


def test_an_interrupted_transfer_goes_on_where_it_broke_off(server, tmp_path):
    server.files[PATH] = CONTENT
    server.hang_ups = [1000, 2000]
    told = []
    get(server, tmp_path / "train.tsv", on_bytes=told.append)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=1000-", "bytes=3000-"]
    assert sum(told) == len(CONTENT)


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, tmp_path):
    server.files[PATH] = CONTENT
    server.hang_ups = [100] * ATTEMPTS
    with pytest.raises(Unreachable, match=f"after {100 * ATTEMPTS} of {len(CONTENT)} bytes.*kept"):
        get(server, tmp_path / "train.tsv")
    assert not (tmp_path / "train.tsv").exists()
    get(server, tmp_path / "train.tsv")
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert server.asked[-1] == (PATH, f"bytes={100 * ATTEMPTS}-")


def test_a_server_without_ranges_makes_it_start_over(server, tmp_path):
    server.files[PATH], server.ranges, server.hang_ups = CONTENT, False, [1000]
    told = []
    get(server, tmp_path / "train.tsv", on_bytes=told.append)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert sum(told) == len(CONTENT)


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(CONTENT), b"x" * 2 * len(CONTENT)])
def test_wrong_bytes_of_an_earlier_transfer_make_it_start_over(server, tmp_path, left):
    server.files[PATH] = CONTENT
    part_of(tmp_path / "train.tsv").write_bytes(left)
    get(server, tmp_path / "train.tsv")
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["train.tsv"]


@pytest.mark.parametrize("sent", [b"y" * len(CONTENT), CONTENT + b"more", CONTENT * 3])
def test_other_bytes_are_not_kept_and_both_sums_are_said(server, tmp_path, sent):
    server.files[PATH] = sent
    with pytest.raises(DataError) as caught:
        get(server, tmp_path / "train.tsv")
    got = hashlib.sha256(sent[: len(CONTENT) + 1]).hexdigest()  # a byte too many ends the transfer
    for part in (f"expected {len(CONTENT)} bytes, sha256 {FILE.sha256}", f"sha256 {got}", "nothing is kept", "mirror"):
        assert part in str(caught.value)
    assert os.listdir(tmp_path) == []
    assert len(server.asked) == 1


def test_a_server_whose_file_is_too_short_has_other_bytes(server, tmp_path):
    server.files[PATH] = CONTENT[:500]
    part_of(tmp_path / "train.tsv").write_bytes(CONTENT[:1000])
    told = []
    with pytest.raises(DataError, match=f"expected {len(CONTENT)} bytes.*got 500 bytes; nothing is kept"):
        get(server, tmp_path / "train.tsv", on_bytes=told.append)
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]
    assert (os.listdir(tmp_path), sum(told)) == ([], -1000)


def test_a_busy_server_is_asked_again_and_a_refusal_is_final(server, tmp_path):
    server.files[PATH], server.statuses = CONTENT, [503, 429]
    get(server, tmp_path / "train.tsv")
    assert len(server.asked) == 3
    server.statuses = [403]
    with pytest.raises(DataError, match="403"):
        get(server, tmp_path / "again.tsv")
    assert len(server.asked) == 4


def test_a_server_that_is_not_there_is_unreachable(tmp_path):
    with Server() as gone:
        base = gone.base
    with pytest.raises(Unreachable, match="attempts failed"):
        fetch(FILE, tmp_path / "train.tsv", base=base, pause=0.0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/train.tsv"])
def test_no_redirect_to_another_scheme_is_followed(server, tmp_path, where):
    server.redirects[PATH] = where
    with pytest.raises(DataError, match="not followed|not allowed"):
        get(server, tmp_path / "train.tsv")
    assert os.listdir(tmp_path) == []


def test_a_redirect_from_https_to_http_is_not_followed():
    (handler,) = (h for h in _opener("https://127.0.0.1").handlers if isinstance(h, _WebOnly))
    request = Request("https://127.0.0.1/train.tsv")
    with pytest.raises(DataError, match="not followed"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://127.0.0.1/train.tsv")
    assert handler.redirect_request(request, None, 302, "Found", {}, "https://127.0.0.1/train.tsv") is not None


def test_a_redirect_to_the_web_is_followed(server, tmp_path):
    server.redirects[PATH] = f"{server.base}/elsewhere"
    server.files["/elsewhere"] = CONTENT
    get(server, tmp_path / "train.tsv")
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


@pytest.mark.parametrize("base", ["file:///tmp", "ftp://host", "/tmp", "https://", "https://host/?x=1", ""])
def test_a_mirror_that_is_no_web_address_is_refused(base):
    check_base("http://127.0.0.1:8000/mirror")
    with pytest.raises(DataError, match="no web address"):
        check_base(base)


@pytest.mark.parametrize(
    "base",
    [
        "http://[::bad/x",
        "http://[::xyz]/x",
        "http://h:abc",
        "http://h:99999",
        "http://h:0",
        "http://a b/",
        "http://h/a b",
        "http://h\n/",
        "http://a..b/",
        "http://h\\x/",
        "https://user:pa55@h",
        "https://user:pa55/wo@rd@h:1/",
        "https://user:pa55@[::bad",
        "user:pa55@h",
        "https://h/?token=pa55",
        "https://pa55@h",
    ],
)
def test_a_mirror_that_cannot_be_or_holds_a_password_is_refused_without_showing_it(base):
    for fine in ("http://[::1]:8000/x", "https://a-b.c_d.org./~x/@y", "https://münchen.example", "http://h:/"):
        check_base(fine)
    with pytest.raises(DataError, match="no web address") as caught:
        check_base(base)
    assert "pa55" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "where", ["http://[::bad/x", "http://h:abc/", "http://user:pa55@127.0.0.1/", "http://a..b/", "http://[x/?k=pa55"]
)
def test_a_redirect_to_an_address_that_cannot_be_is_an_error_at_once(server, tmp_path, where):
    server.redirects[PATH] = where
    with pytest.raises(DataError) as caught:
        get(server, tmp_path / "train.tsv")
    assert not isinstance(caught.value, Unreachable) and "pa55" not in str(caught.value)
    assert (len(server.asked), os.listdir(tmp_path)) == (1, [])


def test_a_malformed_proxy_is_an_error_at_once(server, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", "http://user:pa55@127.0.0.1:abc")
    with pytest.raises(DataError, match="proxy, is malformed") as caught:
        get(server, tmp_path / "train.tsv")
    assert not isinstance(caught.value, Unreachable) and "pa55" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_an_unfinished_file_that_is_a_link_is_not_written_through(server, tmp_path, link):
    server.files[PATH] = CONTENT
    theirs, within = tmp_path / "theirs", tmp_path / "data"
    theirs.write_bytes(CONTENT[:100])
    within.mkdir()
    link(theirs, part_of(within / "train.tsv"))
    get(server, within / "train.tsv")
    assert theirs.read_bytes() == CONTENT[:100]
    assert not (within / "train.tsv").is_symlink() and (within / "train.tsv").read_bytes() == CONTENT
    assert server.asked == [(PATH, None)]


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="no such flag there")
def test_a_link_put_there_during_a_transfer_is_refused(tmp_path):
    (tmp_path / "theirs").write_bytes(b"mine")
    part = part_of(tmp_path / "train.tsv")
    part.symlink_to(tmp_path / "theirs")
    assert bytes_waiting(tmp_path / "train.tsv", FILE) == 0
    for append in (False, True):
        with pytest.raises(OSError):
            open_part(part, append=append)
    assert (tmp_path / "theirs").read_bytes() == b"mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such pipes there")
def test_a_pipe_in_the_place_of_an_unfinished_file_is_not_waited_for(server, tmp_path):
    server.files[PATH] = CONTENT
    os.mkfifo(part_of(tmp_path / "train.tsv"))
    get(server, tmp_path / "train.tsv")
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


# A whole download: BIOSSES with a rebuilt train, DDI with a condition.

RAW = b"raw text"
BUILT = DataFile(
    name="train.tsv", size=8, sha256=hashlib.sha256(RAW.upper()).hexdigest(), rebuild="shout", inputs=("raw/all.txt",)
)


def sources():
    biosses = {f.name: f for f in (BUILT, published("dev.tsv"), published("test.tsv"), published("raw/all.txt", RAW))}
    ddi = {f"{split}.tsv": published(f"{split}.tsv") for split in ("train", "dev", "test")}
    return {"BIOSSES": DatasetSource(files=biosses), "DDI": DatasetSource(files=ddi, condition="no commercial use")}


@pytest.fixture
def shout(monkeypatch):
    monkeypatch.setitem(REBUILDS, "shout", lambda folder, name: (folder / "raw/all.txt").read_bytes().upper())


def plan(folder, *names):
    return plan_download(folder, [get_task(name) for name in names or ("BIOSSES", "DDI")], sources=sources())


def serve(server, *names):
    for name in names or ("train.tsv", "dev.tsv", "test.tsv", "raw/all.txt"):
        server.files[address_of(published(name), base="")] = RAW if "raw" in name else CONTENT


def test_a_download_fetches_rebuilds_and_then_has_nothing_left_to_do(server, tmp_path, shout):
    serve(server)
    done = []
    todo = plan(tmp_path)
    assert todo.bytes_to_fetch == 5 * len(CONTENT) + len(RAW)
    assert carry_out(todo, base=server.base, pause=0.0, on_done=lambda need, how: done.append(how)) == []
    assert (tmp_path / "BIOSSES" / "train.tsv").read_bytes() == RAW.upper()
    assert done == ["fetched"] * 6 + ["rebuilt"]
    again, asked = plan(tmp_path), len(server.asked)
    assert (again.fetches, again.rebuilds, len(again.present)) == ((), (), 7)
    assert carry_out(again, base=server.base) == []
    assert len(server.asked) == asked


def test_raw_files_are_not_fetched_where_what_they_make_is_there(tmp_path):
    (tmp_path / "BIOSSES").mkdir()
    (tmp_path / "BIOSSES" / "train.tsv").write_bytes(RAW.upper())
    assert [need.file.name for need in plan(tmp_path, "BIOSSES").fetches] == ["dev.tsv", "test.tsv"]


def test_terms_are_asked_for_before_anything_is_fetched_and_only_where_something_is(tmp_path):
    with pytest.raises(DataError, match="DDI: no commercial use.*--accept-terms"):
        check_terms(plan(tmp_path))
    assert os.listdir(tmp_path) == []
    check_terms(plan(tmp_path, "BIOSSES"))
    (tmp_path / "DDI").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "DDI" / f"{split}.tsv").write_bytes(CONTENT)
    check_terms(plan(tmp_path))


def test_what_fails_of_one_dataset_says_what_was_tried_and_does_not_stop_the_others(server, tmp_path):
    serve(server, "train.tsv", "dev.tsv", "test.tsv")
    (failure,) = carry_out(plan(tmp_path), base=server.base, pause=0.0)
    raw = address_of(published("raw/all.txt"), base=server.base)
    for part in ("BIOSSES", raw, "404", "by hand", str(tmp_path / "BIOSSES"), "train.tsv, dev.tsv, test.tsv"):
        assert part in failure
    assert sorted(os.listdir(tmp_path / "DDI")) == ["dev.tsv", "test.tsv", "train.tsv"]


def test_an_unreachable_server_is_not_asked_for_every_file(tmp_path, shout):
    (tmp_path / "BIOSSES" / "raw").mkdir(parents=True)
    (tmp_path / "BIOSSES" / "raw" / "all.txt").write_bytes(RAW)
    with Server() as gone:
        base = gone.base
    failures = carry_out(plan(tmp_path), base=base, pause=0.0)
    assert len(failures) == 1
    assert "attempts failed" in failures[0]


def test_a_file_that_somebody_placed_is_not_overwritten(server, tmp_path):
    serve(server)
    (tmp_path / "DDI").mkdir()
    (tmp_path / "DDI" / "dev.tsv").write_bytes(b"mine")
    (failure,) = carry_out(plan(tmp_path, "DDI"), base=server.base, pause=0.0)
    assert "not overwritten" in failure and "move it away" in failure
    assert (tmp_path / "DDI" / "dev.tsv").read_bytes() == b"mine"


def test_a_rebuild_with_other_bytes_is_not_kept(server, tmp_path, monkeypatch):
    serve(server)
    monkeypatch.setitem(REBUILDS, "shout", lambda folder, name: b"something else")
    (failure,) = carry_out(plan(tmp_path, "BIOSSES"), base=server.base, pause=0.0)
    assert BUILT.sha256 in failure and "nothing is kept" in failure
    assert sorted(os.listdir(tmp_path / "BIOSSES")) == ["dev.tsv", "raw", "test.tsv"]


@pytest.mark.skipif(os.name == "nt", reason="no locks on folders there")
def test_two_downloads_into_one_folder_do_not_mix(server, tmp_path):
    serve(server)
    refused = []

    def start_another(need, how):
        with pytest.raises(DataError) as caught:
            carry_out(plan(tmp_path, "DDI"), base=server.base)
        refused.append(str(caught.value))

    assert carry_out(plan(tmp_path, "DDI"), base=server.base, pause=0.0, on_done=start_another) == []
    assert refused == [f"{tmp_path}: another download writes there; wait for its end"] * 3


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_rebuild_does_not_write_through_a_link(server, tmp_path, shout):
    serve(server)
    (tmp_path / "theirs").write_bytes(b"mine")
    (tmp_path / "BIOSSES").mkdir()
    part_of(tmp_path / "BIOSSES" / "train.tsv").symlink_to(tmp_path / "theirs")
    assert carry_out(plan(tmp_path, "BIOSSES"), base=server.base, pause=0.0) == []
    assert (tmp_path / "theirs").read_bytes() == b"mine"
    assert not (tmp_path / "BIOSSES" / "train.tsv").is_symlink()


@pytest.mark.parametrize("name", ["file", "file/deeper"])
def test_a_file_in_the_place_of_the_folder_is_refused_by_the_plan(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written.*file is no folder.*--to"):
        plan(tmp_path / name, "DDI")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    todo = plan(tmp_path / "file", "DDI")
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written.*--to"):
        carry_out(todo)
