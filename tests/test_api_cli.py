"""The command line in this process, with the toy encoder."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli import COMMANDS, main
from api.cli.output import duration, plain
from api.cli.similar import named
from indexer.config import Settings
from tests.homes import toy_load
from tests.toys import ToyEncoder

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line over an empty home and gives (exit code, stdout, stderr)."""

    def call(*args: object) -> tuple[int, str, str]:
        code = main([*map(str, args), "--home", str(settings.home)], load=toy_load)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def found(run: Run, *args: object) -> dict[str, Any]:
    code, out, _ = run(*args, "--json")
    assert code == 0
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_help_lists_every_command_and_each_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == main([]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in shown
    subcommands = {"train lit", "models pull", "models switch", "tag teach", "tag add", "tag merge", "tag threshold"}
    for name in {*COMMANDS, *subcommands} - {"demo", "train", "tag"}:  # the last two have no options of their own
        assert main([*name.split(), "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"pixloom {name}" in shown and "--json" in shown and "--home" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()


def test_index_says_what_it_did(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue")
    code, out, err = run("index", folder)
    assert code == 0
    assert out.startswith("Added 2, changed 0, moved 0, gone 0, unchanged 0")
    assert "scan" in err
    (folder / "blue.png").unlink()
    report = found(run, "index")
    assert (report["gone"], report["unchanged"], report["failed"], report["encoder"]) == (1, 1, [], "toy")


def test_index_lists_the_first_failures(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red")
    for number in range(7):
        (folder / f"broken{number}.jpg").write_bytes(b"no picture")
    code, out, _ = run("index", folder)
    assert code == 1
    assert out.count("broken") == 5
    assert "and 2 more: see `pixloom status`" in out
    assert run("index")[0] == 0, "an old failure is not one of this run"
    code, out, _ = run("index", "--retry", "--json")
    assert code == 1 and len(json.loads(out)["failed"]) == 7
    code, out, _ = run("status")
    assert code == 0 and out.count("broken") == 7


def test_ctrl_c_keeps_what_was_read(
    settings: Settings, photos: Callable[..., Path], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(ToyEncoder):
        def encode_pictures(self, batch: Any) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
            return super().encode_pictures(batch)

    folder = photos("red", "blue", "green")
    args = ["index", str(folder), "--home", str(settings.home)]
    assert main(args, load=lambda *_: Interrupted()) == 130
    assert "is kept" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert run("index")[0] == 0
    assert found(run, "status")["files"] == 3


def test_ctrl_c_while_the_model_loads(
    settings: Settings, photos: Callable[..., Path], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> ToyEncoder:
        raise KeyboardInterrupt

    folder = photos("red")
    assert main(["index", str(folder), "--home", str(settings.home), "--json"], load=stop) == 130
    assert json.loads(capsys.readouterr().out)["interrupted"]
    assert found(run, "status")["files"] == 0, "nothing is done before the model is there"


def test_search_prints_a_ranked_table(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue", "green", "red-2")
    run("index", folder)
    code, out, err = run("search", "red", "-k", 3)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["rank", "id", "score", "percentile", "verdict", "path"]
    assert {line.split()[-1] for line in lines[1:3]} == {str(folder / "red.png"), str(folder / "red-2.png")}
    assert len(lines) == 4 and "1 more match" in err


def test_search_json_is_the_interface(run: Run, photos: Callable[..., Path]) -> None:
    run("index", photos("red", "blue"))
    answer = found(run, "search", "red")
    assert list(answer) == ["query", "encoder", "notice", "took_ms", "total", "results"]
    first = answer["results"][0]
    assert list(first) == ["id", "path", "score", "percentile", "verdict", "tags", "parent"]
    assert first["path"].endswith("red.png")


@pytest.mark.parametrize(
    "words, query",
    [
        (["red", "-", "blue"], '"red" - "blue"'),
        (["red", "-blue", "--all"], '"red" - "blue"'),
        (["red", "-kitten"], '"red" - "kitten"'),
        (["-k", "1", "red", "+", "2*blue"], '"red" + 2*"blue"'),
        (["-k1", "red", "-k2"], '"red"'),
        (["--", "red", "-k"], '"red" - "k"'),
        (["red - #1"], '"red" - #1'),
    ],
)
def test_search_leaves_minuses_to_the_query(
    run: Run,
    photos: Callable[..., Path],
    words: list[str],
    query: str,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("index", photos("red", "blue"))
    assert main(["search", "--json", "--home", str(settings.home), *words], load=toy_load) == 0
    assert json.loads(capsys.readouterr().out)["query"] == query


def test_search_without_an_index_says_how_to_begin(run: Run) -> None:
    code, out, _ = run("search", "red")
    assert code == 0 and "pixloom index" in out


def test_similar_takes_an_id_or_a_file(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue", "red-2")
    run("index", folder)
    ids = {Path(result["path"]).stem: result["id"] for result in found(run, "search", "red", "--all")["results"]}
    for picture in (ids["red"], f"#{ids['red']}", folder / "red.png"):
        answer = found(run, "similar", picture, "-k", 1)
        assert [result["id"] for result in answer["results"]] == [ids["red-2"]]
    boxed = found(run, "similar", ids["blue"], "--box", "0,0,8,8")
    assert ids["blue"] not in [result["id"] for result in boxed["results"]]


def test_named_pictures() -> None:
    assert named("12") == named("#12") == 12
    assert named("./12") == Path("12")
    assert named("#12.png") == Path("#12.png")


def test_status_check_rebuild_and_models(run: Run, photos: Callable[..., Path], settings: Settings) -> None:
    assert "none yet" in run("status")[1]
    run("index", photos("red", "blue"))
    assert found(run, "check") == {"ok": True, "pictures": 2, "vectors": 2, "problems": []}
    for thumbnail in settings.thumbnails.rglob("*.webp"):
        thumbnail.unlink()
    code, out, err = run("check")
    assert code == 1 and "2 thumbnails are missing" in out and "pixloom rebuild" in err
    assert found(run, "rebuild")["vectors"] == 2
    assert run("check")[0] == 0
    assert found(run, "status")["pictures"] == 2
    code, out, _ = run("models")
    assert code == 0 and out.splitlines()[1].startswith("*  toy")
    assert not any(model["active"] for model in found(run, "models")["models"])


def test_evaluate(run: Run, photos: Callable[..., Path], tmp_path: Path) -> None:
    folder = photos("red/red", "red/red-2", "blue/blue", "blue/blue-2")
    figures = found(run, "evaluate", "labels", folder)
    assert figures["accuracy"] == 1.0 and figures["pictures"] == 4
    data = tmp_path / "captions.jsonl"
    rows = [{"image": f"{name}/{name}.png", "split": "dev", "captions": [f"all {name}"]} for name in ("red", "blue")]
    data.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = run("evaluate", "captions", data, "--images", folder, "--split", "dev")
    assert code == 0 and "text to picture recall@1" in out and "1.000" in out
    assert run("evaluate", "labels", folder, "--split", "dev")[0] == 2


def test_errors_are_documents_for_scripts(run: Run) -> None:
    code, out, err = run("similar", 7, "--json")
    assert code == 2
    assert json.loads(out) == {
        "type": "urn:pixloom:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no picture #7 in the collection.",
    }
    assert err == "pixloom: There is no picture #7 in the collection.\n"


@pytest.mark.parametrize(
    "args", [["serch"], ["search", "--colour", "x"], ["search"], ["status", "more"], ["serve", "--port", "x"]]
)
def test_wrong_use_is_one_sentence(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pixloom: ") and "--help`" in said.err and said.err.count("\n") == 1


def test_unforeseen_errors_are_one_sentence(
    settings: Settings, photos: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(*_: object) -> ToyEncoder:
        raise RuntimeError("the model\nburst")

    args = ["index", str(photos("red")), "--home", str(settings.home)]
    assert main(args, load=burst) == 2
    err = capsys.readouterr().err
    assert "RuntimeError: the model burst" in err and "PIXLOOM_DEBUG=1" in err and "Traceback" not in err
    monkeypatch.setenv("PIXLOOM_DEBUG", "1")
    assert main(args, load=burst) == 2
    assert "Traceback" in capsys.readouterr().err


def test_names_cannot_steer_the_terminal(run: Run, photos: Callable[..., Path]) -> None:
    folder = photos("red")
    (folder / "red.png").rename(folder / "red \x1b[2J[bold].png")
    run("index", folder)
    out = run("search", "red")[1]
    assert "\x1b" not in out and "red \\x1b[2J[bold].png" in out


def test_serve_answers_and_refuses_a_port_in_use(settings: Settings, run: Run) -> None:
    command = [sys.executable, "-m", "api", "serve", "--port", "0", "--json", "--home", str(settings.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            watchdog = threading.Timer(60, server.kill)
            watchdog.start()
            url = json.loads("".join(server.stdout.readline() for _ in range(3)))["url"]
            code, _, err = run("serve", "--port", url.rsplit(":", 1)[1])
            assert code == 2 and "is in use: choose another with --port" in err
        finally:
            watchdog.cancel()
            server.send_signal(signal.SIGINT)
            said = server.communicate(timeout=30)[1]
    assert "Traceback" not in said and server.returncode == 130


def test_a_reader_that_goes_away_is_no_error(run: Run, photos: Callable[..., Path], settings: Settings) -> None:
    run("index", photos("red"))
    command = [sys.executable, "-m", "api", "status", "--home", str(settings.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 141


def test_small_words() -> None:
    assert duration(3.21) == "3.2 s" and duration(192) == "3 min 12 s" and duration(7300) == "2 h 1 min"
    assert plain("a\tb\u202ec é 図") == "a\\tb\\u202ec é 図"
