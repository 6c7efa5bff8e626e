"""Download one published file over HTTP; it is kept only if its SHA-256 matches."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

from ...errors import DataError
from .manifest import DataFile

PUBLIC = "https://raw.githubusercontent.com"
RETRIES = 2  # after a failed attempt, with pauses of 1 s and 2 s
TIMEOUT = 30.0  # seconds without a byte


class Unreachable(DataError):
    """The server does not answer; further files would fail too."""


def address_of(file: DataFile, *, base: str = PUBLIC) -> str:
    """The address of a published file, BASE/OWNER/NAME/COMMIT/PATH."""
    return f"{base.rstrip('/')}/{file.repository}/{file.commit}/{quote(file.path)}"


def check_base(base: str) -> None:
    """Check the base address of a download.

    Raises:
        DataError: it is not an http or https address, or contains a user name, query or fragment.
    """
    try:
        parts = urlsplit(base)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or any(character in base for character in "?# \t\r\n\\"):
        raise DataError(
            f"mirror: expected an http or https address without user name, query and spaces; use such as {PUBLIC}"
        )


def download_file(file: DataFile, target: Path, *, base: str = PUBLIC, timeout: float = TIMEOUT) -> None:
    """Download a file to `target`, or leave nothing there.

    Args:
        timeout: seconds without a byte after which an attempt fails.

    Raises:
        DataError: the server has no such file, or its checksum differs.
        Unreachable: the server does not answer.
    """
    import pooch
    import requests

    url = address_of(file, base=base)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=timeout)
    registry = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: f"sha256:{file.sha256}"},
        urls={target.name: url},
        retry_if_failed=RETRIES,
    )
    try:
        registry.fetch(target.name, downloader=downloader)  # pyright: ignore[reportArgumentType]
    except requests.HTTPError as error:
        status, reason = (error.response.status_code, error.response.reason) if error.response is not None else (0, "")
        kind = Unreachable if status >= 500 or status == 429 else DataError
        raise kind(f"{url}: the server answered {status} {reason}; try again later or use --mirror") from None
    except requests.RequestException as error:
        raise Unreachable(
            f"{url}: download failed ({type(error).__name__}); check the network and run the same command again"
        ) from None
    except ValueError:
        raise DataError(
            f"{url}: checksum mismatch: expected sha256 {file.sha256} ({file.size} bytes); file discarded; try "
            f"again later or use --mirror"
        ) from None
