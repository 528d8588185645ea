"""The connection to the catalogue's database: SQLite in WAL mode or PostgreSQL, brought to the newest
schema when it is opened, its errors said in Pixloom's own words."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from indexer.errors import BusyError, DependencyError, DiskFullError, HomeError, NewerCatalogError

HEAD = "0007"
"""The newest revision in migrations/versions (a test compares)."""
MIGRATIONS = Path(__file__).parent / "migrations"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Database:
    """Transactions on one database; safe to share between threads."""

    def __init__(self, url: str | URL, home: Path) -> None:
        """Open `url`, making or migrating its tables; `home` holds the lock of the migration.

        Raises HomeError where the database can't be opened, NewerCatalogError where a newer version
        of Pixloom wrote it.
        """
        self.home = home
        self.engine = _engine(url)
        with self._errors():
            _migrate(self.engine, home)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the catalogue and writes nothing."""
        with self._errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or leaves no trace where the block raises."""
        connecting = self.engine.connect().execution_options(immediate=True)
        with self._errors(), connecting as connection, connection.begin():
            yield connection

    def scrub(self) -> None:
        """Let what was deleted leave SQLite's files now, as far as no reader still needs it; the log would keep it for
        a while otherwise."""
        if self.engine.dialect.name == "sqlite":
            with (
                self._errors(),
                closing(self.engine.raw_connection()) as connection,
                suppress(sqlite3.OperationalError),
            ):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translate(error, self.home) from error
        except OSError as error:
            raise disk_error(error, self.home) from error


def disk_error(error: OSError, home: Path) -> HomeError:
    """The HomeError that says what an operating system's error means for the home folder."""
    if error.errno in _FULL:
        return DiskFullError(f"No space is left for {home}: free some and run the command again.")
    return HomeError(
        f"{home} can't be written: {error.strerror or error}. Check its permissions, or choose another --home."
    )


def _engine(url: str | URL) -> Engine:
    try:
        engine = create_engine(url)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"The catalogue's database needs the package {error.name}: `pip install 'pixloom[postgres]'`."
        ) from error
    except SQLAlchemyError as error:
        raise HomeError(
            "PIXLOOM_DATABASE_URL is no address of a database: write postgresql+psycopg://USER@HOST/NAME, "
            "or leave it out for a file in the home folder."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is off: it would begin too late for a consistent read.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000", "secure_delete=ON",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    # A writer takes the lock at once, so that no reader has to be upgraded and refused half-way.
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _migrate(engine: Engine, home: Path) -> None:
    if _revision(engine) == HEAD:
        return
    with FileLock(home / "migrate.lock", timeout=60):
        revision = _revision(engine)
        if revision == HEAD:
            return
        known = {path.stem[1:].split("_")[0] for path in (MIGRATIONS / "versions").glob("v*.py")}
        if revision is not None and revision not in known:
            raise NewerCatalogError(
                f"The catalogue in {home} was written by a newer version of Pixloom (schema {revision}, "
                f"this one knows {HEAD}): upgrade Pixloom, or choose another --home."
            )
        _upgrade(engine)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(engine: Engine) -> None:
    # Imported here because Alembic takes .4 s to import and is needed once in a catalogue's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _translate(error: DBAPIError, home: Path) -> HomeError:
    said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    low = said.lower()
    if "full" in low or "disk i/o" in low or "no space" in low:
        return DiskFullError(f"No space is left for {home} ({said}): free some and run the command again.")
    if "locked" in low or "busy" in low:
        return BusyError(f"Another process is writing to {home}: wait for it to end and try again.")
    if "not a database" in low or "malformed" in low:
        return HomeError(
            f"{home / 'catalog.db'} is damaged ({said}): restore a backup, or move it away and index again."
        )
    return HomeError(
        f"The catalogue of {home} can't be used ({said}): check the folder's permissions, or, where "
        "PIXLOOM_DATABASE_URL names a server, that it runs and lets you in."
    )
