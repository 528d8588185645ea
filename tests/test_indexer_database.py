import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from indexer import job_tables, signal_tables, tag_tables  # noqa: F401 - they declare tables
from indexer.catalog import Catalog
from indexer.config import Settings
from indexer.database import HEAD, MIGRATIONS, Database
from indexer.errors import BusyError, HomeError, NewerCatalogError
from indexer.tables import Base, RootRow


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_migrations_make_the_tables_that_the_code_declares(any_collection) -> None:
    with any_collection.catalog.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_block_that_raises_leaves_no_trace(any_collection) -> None:
    database = any_collection.catalog.database
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(RootRow).values(path="a"))
        raise ZeroDivisionError
    assert any_collection.catalog.roots() == []


def test_a_newer_catalogue_is_refused_and_left_alone(settings: Settings) -> None:
    Catalog(settings).close()
    file = settings.home / "catalog.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(NewerCatalogError, match="newer version of Pixloom"):
        Catalog(settings)
    assert file.read_bytes() == before


def test_a_file_that_is_no_database(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "catalog.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(HomeError, match=r"catalog\.db"):
        Catalog(settings)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("taken")
    with pytest.raises(HomeError, match="home"):
        Catalog(Settings(home=tmp_path / "home"))


def test_a_writer_that_never_ends_is_named(settings: Settings) -> None:
    catalog = Catalog(settings)
    other = sqlite3.connect(settings.home / "catalog.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = Database(settings.catalog_url, settings.home)
    with database.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    with pytest.raises(BusyError, match="Another process"), database.write():
        pass
    with database.read() as connection:  # readers go on
        assert connection.scalar(select(text("1"))) == 1
    other.close()
    database.close()
    catalog.close()


def test_an_unreachable_server_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(HomeError, match="can't be used"):
        Catalog(Settings(home=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))
