"""The page in a real browser, over a server on this machine."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from indexer.collection import Collection
from indexer.config import Settings
from search.tags import edit
from tests.homes import toy_load
from tests.toys import picture

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


@pytest.fixture
def address(collection: Collection, settings: Settings, photos: Callable[..., Path]) -> Iterator[str]:
    """Where a server over four pictures listens; one of them has a name that tries to be markup."""
    folder = photos("red", "blue", "green")
    picture("purple").save(folder / "<img src=x onerror=document.title='owned'>.png")
    collection.index([folder])
    config = uvicorn.Config(create_app(settings, toy_load), port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(address: str) -> Iterator["playwright.Page"]:
    """The page, opened; anything it complains of in its console fails the test."""
    complaints: list[str] = []
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        opened.goto(address)
        yield opened
        browser.close()
    assert [text for text in complaints if "400" not in text] == []


def paths(page: "playwright.Page") -> list[str]:
    """File stems of the pictures that are shown, in order."""
    return [Path(alt).stem for alt in page.locator("#grid img").evaluate_all("all => all.map(one => one.alt)")]


def search(page: "playwright.Page", line: str) -> None:
    page.fill("#query", line)
    page.press("#query", "Enter")
    playwright.expect(page.locator("#message")).not_to_have_text("Searching…")


def test_pictures_are_found_by_words_and_shown(page: "playwright.Page") -> None:
    playwright.expect(page.locator("#grid figure")).to_have_count(4)  # the newest, before anything is asked
    search(page, "something blue")
    playwright.expect(page.locator("#message")).to_contain_text(" of ")
    assert paths(page)[0] == "blue"
    first = page.locator("#grid img").first
    playwright.expect(first).to_have_js_property("complete", True)
    assert first.evaluate("image => image.naturalWidth") > 0


def test_a_picture_from_disk_finds_its_like(page: "playwright.Page", tmp_path: Path) -> None:
    picture("green", (200, 100)).save(tmp_path / "mine.png")
    page.set_input_files("#file", tmp_path / "mine.png")
    playwright.expect(page.locator("#picked")).to_be_visible()
    playwright.expect(page.locator("#grid img").first).to_have_attribute("alt", re.compile("green.png$"))


def test_errors_are_said_on_the_page(page: "playwright.Page") -> None:
    search(page, 'sunset + "beach')
    playwright.expect(page.locator("#message")).to_contain_text("never closed")


def test_names_of_files_are_never_markup(page: "playwright.Page") -> None:
    search(page, "purple")
    assert paths(page)[0].startswith("<img src=x")
    assert page.title() == "Pixloom"


def test_tags_are_chips_that_narrow_the_search(page: "playwright.Page", settings: Settings) -> None:
    with Collection(settings, toy_load) as collection:
        ids = sorted(collection.catalog.newest(10))
        with collection.catalog.database.write() as connection:
            edit.add(connection, ids[:2], "polar bear")
            edit.add(connection, ids[:1], '<b>"odd"</b>')
    search(page, "something blue")
    page.locator(".tags button", has_text="polar bear").first.click()
    playwright.expect(page.locator("#query")).to_have_value('something blue tag:"polar bear"')
    playwright.expect(page.locator("#grid figure")).to_have_count(2)
    page.locator(".tags button", has_text="odd").click()
    playwright.expect(page.locator("#query")).to_have_value('something blue tag:"polar bear" tag:"<b>\\"odd\\"</b>"')
    playwright.expect(page.locator("#grid figure")).to_have_count(1)
