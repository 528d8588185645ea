"""What is refused before it reaches an endpoint: other host names, other sites' forms, bodies too large."""

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ProblemResponse, plain_problem

_FORM_BYTES = 64 * 1024
"""What a form may carry beside the picture."""
_OTHER_BYTES = 2**20
"""What a request without a form may carry."""
_SAFE = {"GET", "HEAD", "OPTIONS"}


class Guards:
    """ASGI middleware; `hosts` are the names under which the server may be asked, None for any."""

    def __init__(self, app: ASGIApp, max_bytes: int, hosts: Sequence[str] | None) -> None:
        self.app, self.max_bytes, self.hosts = app, max_bytes, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with a problem document, or pass on with the body's size watched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(headers)
        refusal = self._refusal(scope["method"], headers, limit)
        if refusal:
            status, detail = refusal
            await ProblemResponse(plain_problem(status, detail), {"Connection": "close"})(scope, receive, send)
        else:
            await self.app(scope, _counted(receive, limit), send)

    def _refusal(self, method: str, headers: Headers, limit: int) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = _split(f"//{host}").hostname if host.isascii() else None
        if self.hosts is not None and name not in self.hosts:
            return 421, f"This server is not {host[:200]!r}: ask for {' or '.join(self.hosts)}."
        origin = headers.get("origin")
        if method not in _SAFE and origin is not None and _split(origin).netloc != host:
            return 403, "A page of another site may not change the collection."
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > limit:
            return 413, _too_large(limit)
        return None

    def _limit(self, headers: Headers) -> int:
        form = headers.get("content-type", "").lower().startswith("multipart/")
        return self.max_bytes + _FORM_BYTES if form else _OTHER_BYTES


def _split(address: str) -> SplitResult:
    """The parts of an address; of one that is none, nothing."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _counted(receive: Receive, limit: int) -> Receive:
    """`receive` that refuses a body once it has grown over the limit."""
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _too_large(limit))
        return message

    return counting


def _too_large(limit: int) -> str:
    remedy = "." if limit == _OTHER_BYTES else ": send fewer pictures at once, or raise PIXLOOM_MAX_BYTES."
    return f"The body of the request is over {limit / 2**20:.1f} MiB{remedy}"
