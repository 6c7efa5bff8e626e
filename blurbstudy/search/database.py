"""The database of searches: by its URL, otherwise SQLite in the run store's folder."""

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

DATABASE_ENV = "BLURBSTUDY_SEARCH_DATABASE"  # URL of the database; may hold a password, as no parameter may
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
        import optuna

        with self._errors():
            return optuna.create_study(storage=self.storage, study_name=name, direction="maximize", load_if_exists=True)

    def close(self) -> None:
        """Close the connections."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (StorageInternalError, SQLAlchemyError, ImportError, RuntimeError) as error:
            cause = " ".join(str(error).split())[:200]
            raise StoreError(
                f"{without_password(self.url)}: searches cannot be stored there ({cause}); name another database "
                f"(search_database, or the environment variable {DATABASE_ENV}), such as sqlite:///searches.sqlite3"
            ) from None


def database_url(url: str | None, store: RunStore) -> str:
    """The URL, or that of the environment, or of a file in the store's folder."""
    return url or os.environ.get(DATABASE_ENV) or f"sqlite:///{(store.folder / FILE).resolve()}"


def check_url(name: str, url: str) -> None:
    """Reject a text that is no URL, and a URL with a password, which reports would show.
    Raises ParameterError: it is one of these.
    """
    if "://" not in url:
        raise ParameterError(f"{name}={url!r} is not the URL of a database; use for example sqlite:///searches.sqlite3")
    if without_password(url) != url:
        raise ParameterError(
            f"{name}={without_password(url)!r} holds a password, and reports show parameters; "
            f"give the URL by the environment variable {DATABASE_ENV}"
        )


def without_password(url: str) -> str:
    """The URL without its password."""
    before, at, _ = urlsplit(url).netloc.rpartition("@")
    user, colon, _ = before.partition(":")
    return url.replace(f"{before}{at}", f"{user}:***@", 1) if colon else url
