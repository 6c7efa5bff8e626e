"""Where trials are stored: a database by its URL, by default SQLite in the run store's folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ParameterError, StoreError
from ..store.run_store import RunStore

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study

DATABASE_SETTING = "BLURBSTUDY_SEARCH_DATABASE"  # URL of the database; may hold a password, as no parameter may
FILE = "searches.sqlite3"  # in the run store's folder


class SearchDatabase:
    """Optuna's studies, by name."""

    def __init__(self, url: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.url = url
        with self._errors():
            self.storage: RDBStorage = optuna.storages.RDBStorage(url)

    def study(self, name: str) -> Study:
        """The study of a name, made if there is none.

        Raises:
            StoreError: the database cannot be read or written.
        """
        import optuna

        with self._errors():
            return optuna.create_study(
                storage=self.storage, study_name=name, direction="maximize", load_if_exists=True
            )  # fmt: skip

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (StorageInternalError, SQLAlchemyError, ImportError, RuntimeError) as error:
            cause = " ".join(str(error).split())[:200]
            raise StoreError(
                f"{without_password(self.url)}: searches cannot be kept there ({cause}); name another database "
                f"(search_database, or the environment setting {DATABASE_SETTING}), such as sqlite:///searches.sqlite3"
            ) from None


def database_url(given: str | None, store: RunStore) -> str:
    """The one given, the one that the environment names, or a file in the store's folder."""
    return given or os.environ.get(DATABASE_SETTING) or f"sqlite:///{(store.folder / FILE).resolve()}"


def check_url(name: str, url: str) -> None:
    """Refuse what is no URL, and one with a password, which parameters would show in reports.

    Raises:
        ParameterError: says which.
    """
    if "://" not in url:
        raise ParameterError(f"{name}={url!r} is no URL of a database; use such as sqlite:///searches.sqlite3")
    if without_password(url) != url:
        raise ParameterError(
            f"{name}={without_password(url)!r} holds a password, and reports show parameters; "
            f"give the URL by the environment setting {DATABASE_SETTING}"
        )


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    before, at, place = urlsplit(url).netloc.rpartition("@")
    user, colon, _ = before.partition(":")
    return url.replace(f"{before}{at}", f"{user}:***@", 1) if colon else url
