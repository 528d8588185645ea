"""Fixtures: an empty home with the toy encoder, on SQLite and, where it is installed, on PostgreSQL."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import text

from indexer.collection import Collection
from indexer.config import Settings
from tests import postgres
from tests.toys import ToyEncoder, picture

DATABASES = ["sqlite", "postgresql"] if postgres.binaries() else ["sqlite"]
_numbers = itertools.count()


def toy_load(_name: str, _settings: Settings) -> ToyEncoder:
    """A loader that knows one encoder."""
    return ToyEncoder()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server that lives as long as the test session."""
    with postgres.server() as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite, or the URL of a fresh PostgreSQL database."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres_server")
    name = f"pixloom{next(_numbers)}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home with the toy encoder and SQLite."""
    return Settings(home=tmp_path / "home", encoder="toy", workers=2)


@pytest.fixture
def collection(settings: Settings) -> Iterator[Collection]:
    """An empty collection on SQLite."""
    with Collection(settings, toy_load) as opened:
        yield opened


@pytest.fixture
def any_collection(settings: Settings, database_url: str | None) -> Iterator[Collection]:
    """An empty collection, once on each kind of database."""
    with Collection(settings.model_copy(update={"database_url": database_url}), toy_load) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Writes plain pictures, `photos("red", "sub/blue")`, and gives their folder."""
    folder = tmp_path / "photos"

    def write(*names: str) -> Path:
        for place, name in enumerate(names):
            path = folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Sizes differ, so that two pictures of a colour are two contents.
            picture(path.stem.split("-")[0], (64 + place, 48)).save(path)
        return folder

    return write
