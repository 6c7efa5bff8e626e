"""One file over HTTP, by the standard library alone: resumed where it broke off, kept only if its sum is right."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import re
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from ...errors import DataError
from .manifest import DataFile, is_verified, sha256_of

PUBLIC = "https://raw.githubusercontent.com"
ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt; doubled before each further one
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 16  # bytes
AGAIN_LATER = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses worth another attempt

OnBytes = Callable[[int], None]  # told of bytes that arrived; negative where some are thrown away


class Unreachable(DataError):
    """The server answers no attempt: there is no use in asking it for the next file."""


class _Interrupted(Exception):
    """A transfer broke off; what arrived is kept for the next attempt."""


class _NoSuchRange(_Interrupted):
    """What is there cannot be gone on from."""


def address_of(file: DataFile, *, base: str = PUBLIC) -> str:
    """Where a published file lies: BASE/OWNER/NAME/COMMIT/PATH."""
    return f"{base.rstrip('/')}/{file.repository}/{file.commit}/{quote(file.path)}"


def part_of(target: Path) -> Path:
    """Where a transfer gathers its bytes until they are verified."""
    return target.with_name(f".{target.name}.part")


def bytes_waiting(target: Path, file: DataFile) -> int:
    """How many bytes of an interrupted transfer lie there, to go on from."""
    part = part_of(target)
    size = part.stat().st_size if part.is_file() and not part.is_symlink() else 0
    return size if size <= file.size else 0


def clear_way(part: Path) -> None:
    """Remove what lies at `part` and is no file of its own: a link would send the bytes to some other file."""
    with contextlib.suppress(FileNotFoundError):
        about = part.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            part.unlink()


def open_part(part: Path, *, append: bool = False) -> BinaryIO:
    """`part` to be written; a link that somebody puts there meanwhile is not followed (an OSError)."""
    no_link = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
    return open(part, "ab" if append else "wb", opener=lambda path, flags: os.open(path, flags | no_link, 0o666))


def fetch(
    file: DataFile,
    target: Path,
    *,
    base: str = PUBLIC,
    on_bytes: OnBytes = lambda count: None,
    pause: float = PAUSE,
    timeout: float = TIMEOUT,
) -> None:
    """Fetch a file to `target`, whose folder exists, or leave nothing there.

    Raises:
        DataError: the server has no such file or other bytes; nothing is kept.
        Unreachable: no attempt went through; what arrived is kept, and the next call goes on from there.
    """
    url, part = address_of(file, base=base), part_of(target)
    opener = _opener(base)
    problem = ""
    clear_way(part)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        had = bytes_waiting(target, file)
        try:
            if had < file.size:
                had = _transfer(opener, url, part, file, had=had, on_bytes=on_bytes, timeout=timeout)
        except _NoSuchRange as error:
            on_bytes(-had)
            part.unlink()
            problem = str(error)
            continue
        except _Interrupted as error:
            problem = str(error)
            continue
        if is_verified(part, file):
            os.replace(part, target)
            return
        got = f"{part.stat().st_size} bytes, sha256 {sha256_of(part)}"
        on_bytes(-min(part.stat().st_size, file.size))
        part.unlink()
        if not had:  # all of it is the server's; else the older bytes may be to blame, so once more from the start
            raise DataError(_other_bytes(url, file, got=got))
        problem = "what an earlier transfer left was wrong"
    raise Unreachable(
        f"{url}: {ATTEMPTS} attempts failed, the last because {problem}; what arrived is kept: check the network and "
        f"run the same command again"
    )


def check_base(base: str) -> None:
    """Refuse an address to fetch from that is no web address.

    Raises:
        DataError: its scheme is neither https nor, as somebody may say of a mirror, http; or it names no server, or one
            that cannot be, or a user. The message holds no password.
    """
    fault = _fault(base) or ("it has a query or fragment" if set(base) & {*"?#"} else "")
    if fault:
        raise DataError(
            f"mirror {_public_part(base)!r} is no web address to fetch from ({fault}); use such as {PUBLIC} (https, or "
            f"http if you trust it)"
        )


def _fault(address: str) -> str:
    """Why an address cannot be fetched from; "" where it may."""
    if re.search(r"[\s\x00-\x1f\x7f]", address):
        return "it holds a space or control character"
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http"):
            return "it begins with neither https:// nor http://"
        if "@" in parts.netloc:
            return "it holds a user name or password, which are not sent"
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            ipaddress.ip_address(host)
        elif not re.fullmatch(r"[\w.-]+", host) or not host.encode("idna"):
            return "it names no server"
    except ValueError:  # of any of those
        return "its server or port is malformed"
    return "its port is 0" if port == 0 else ""


def _public_part(address: str) -> str:
    """An address for a message: without user, password and query, at most 80 characters."""
    start, *query = re.split("[?#]", address.rpartition("@")[2], maxsplit=1)
    start = f"...@{start}" if "@" in address else start
    return start[:80] + ("..." if query or len(start) > 80 else "")


def _other_bytes(url: str, file: DataFile, *, got: str) -> str:
    return (
        f"{url}: other bytes than the known ones: expected {file.size} bytes, sha256 {file.sha256}; got {got}; "
        f"nothing is kept; try again later or another --mirror"
    )


def _transfer(opener: Any, url: str, part: Path, file: DataFile, *, had: int, on_bytes: OnBytes, timeout: float) -> int:
    """Append to `part` what is missing; how many bytes of it were there before, 0 where the server began anew."""
    request = urllib.request.Request(url, headers={"User-Agent": "blurbstudy", "Accept-Encoding": "identity"})
    if had:
        request.add_header("Range", f"bytes={had}-")
    with _answer(opener, request, timeout=timeout) as response:
        went_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {had}-")
        if had and not went_on:
            on_bytes(-had)
            had = 0
            if response.status == 206:  # some other range: its bytes are of no use
                part.unlink()
                raise _Interrupted("the server sent another part of the file than the one asked for")
        length = response.headers.get("Content-Length", "")
        if response.status == 200 and length.isdecimal() and int(length) < file.size:  # no interruption, another file
            part.unlink(missing_ok=True)
            raise DataError(_other_bytes(url, file, got=f"{length} bytes"))
        size = had
        with open_part(part, append=bool(had)) as out:
            for chunk in _chunks(response):
                out.write(chunk[: file.size + 1 - size])  # a byte too many is enough to know that it is wrong
                on_bytes(min(len(chunk), max(0, file.size - size)))
                size += len(chunk)
                if size > file.size:
                    return had
    if size < file.size:
        raise _Interrupted(f"the connection ended after {size} of {file.size} bytes")
    return had


@contextlib.contextmanager
def _answer(opener: Any, request: urllib.request.Request, *, timeout: float) -> Iterator[Any]:
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            raise _NoSuchRange("the server's file is shorter than what an earlier transfer left") from None
        if error.code in AGAIN_LATER:
            raise _Interrupted(f"the server answered {error.code} {error.reason}") from None
        raise DataError(f"{request.full_url}: the server answered {error.code} {error.reason}") from None
    except http.client.InvalidURL:
        raise DataError(_malformed(request)) from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from None
    except DataError:  # a ValueError too: of a redirect, with its reason
        raise
    except ValueError:
        raise DataError(_malformed(request)) from None
    with response:
        yield response


def _malformed(request: urllib.request.Request) -> str:
    # The error's own words may quote a password.
    return f"{request.full_url}: this address, or that of a redirect or proxy, is malformed; check both"


def _chunks(response: Any) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(CHUNK)
        except (http.client.HTTPException, OSError) as error:
            raise _Interrupted(str(error) or type(error).__name__) from None
        if not chunk:
            return
        yield chunk


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to anything but https, or http where the base itself is."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self.schemes = schemes

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # not followed, or no address at all
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        fault = _fault(newurl) or ("" if urlsplit(newurl).scheme in self.schemes else "it is not https")
        if fault:
            raise DataError(
                f"{req.full_url}: the server points to {_public_part(newurl)!r}, which is not followed ({fault})"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(base: str) -> urllib.request.OpenerDirector:
    # Not build_opener: its director would also open file: and ftp: addresses.
    check_base(base)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _WebOnly(("https", "http") if urlsplit(base).scheme == "http" else ("https",)),
    ):
        opener.add_handler(handler)
    return opener
