"""Where models come from, in small: a file server that can be cut off, and a model hub."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Source:
    """Files by their path, and how badly they are served."""

    files: dict[str, bytes]
    cut: int | None = None
    """Bytes after which each connection is cut."""
    ranges: bool = True
    status: int | None = None
    """What is answered instead, where it is set."""
    hold: threading.Event | None = None
    """What each answer waits for after its first half."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range) of each GET."""
    url: str = ""


@contextmanager
def served(source: Source, handler: type["_Files"] | None = None) -> Iterator[Source]:
    """Within it, the source answers at its `url`."""
    kind = type("Handler", (handler or _Files,), {"source": source})
    server = _Server(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    source.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """The client has gone: that is what some tests are about."""


class _Files(BaseHTTPRequestHandler):
    source: Source

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.source.asked.append((self.path, wanted))
        if self.source.status or self.path not in self.source.files:
            self.send_error(self.source.status or 404)
            return
        self.send_part(self.source.files[self.path], wanted)

    def send_part(self, whole: bytes, wanted: str | None, **headers: str) -> None:
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.source.ranges else 0
        if start and start >= len(whole):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        self.send_body(whole[start:])

    def send_body(self, body: bytes) -> None:
        half = len(body) // 2 if self.source.hold else 0
        if self.source.hold:
            self.wfile.write(body[:half])
            self.wfile.flush()
            self.source.hold.wait(30)
        self.wfile.write(body[half : self.source.cut])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Hub(_Files):
    """The part of the hub's interface that its client needs to fetch files: keys are 'org/name/file'; with
    'bad:' before them they are what is sent instead, and 'gated:org/name' asks for a licence to be accepted."""

    def do_HEAD(self) -> None:
        if found := re.fullmatch(r"/(.+)/resolve/\w+/(.+)", unquote(self.path)):
            self._file("/".join(found.groups()), head=True)
        else:
            super().do_HEAD()

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self.source.asked.append((path, self.headers.get("Range")))
        if self.source.status:
            self.send_error(self.source.status)
        elif found := re.fullmatch(r"/(.+)/resolve/\w+/(.+)", path):
            self._file("/".join(found.groups()), head=False)
        else:
            self._about(path.removeprefix("/api/models/").partition("/revision/")[0])

    def _file(self, key: str, head: bool) -> None:
        if key not in self.source.files:
            self.send_error(404)
            return
        if f"gated:{'/'.join(key.split('/')[:2])}" in self.source.files:
            self._refuse(403, "GatedRepo")
            return
        body = self.source.files[key]
        headers = {"ETag": f'"{_etag(key, body)}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        if head:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
        else:
            self.send_part(self.source.files.get(f"bad:{key}", body), self.headers.get("Range"), **headers)

    def _about(self, repository: str) -> None:
        files = {key.removeprefix(f"{repository}/"): body for key, body in self.source.files.items()}
        siblings = [
            {"rfilename": name, "size": len(body)} | _lfs(name, body)
            for name, body in sorted(files.items())
            if f"{repository}/{name}" in self.source.files
        ]
        if not siblings:
            self._refuse(404, "RepoNotFound")
            return
        gated = "manual" if f"gated:{repository}" in self.source.files else False
        told = json.dumps({"id": repository, "sha": COMMIT, "gated": gated, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _lfs(name: str, body: bytes) -> dict[str, object]:
    if not _is_large(name):
        return {}
    return {"lfs": {"size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "pointerSize": 134}}


def _etag(key: str, body: bytes) -> str:
    return hashlib.sha256(body).hexdigest() if _is_large(key) else hashlib.sha1(body).hexdigest()


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin", ".pth"))
