"""Errors of the HTTP interface: every one of them is a problem document, none shows a trace."""

import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.problems import document, problem
from api.schemas import Problem
from indexer.database import disk_error
from indexer.errors import PixloomError

PROBLEMS: dict[int | str, dict[str, Any]] = {
    kind: {"description": text, "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
    for kind, text in (("4XX", "The request can't be answered as it is."), ("5XX", "The server can't answer it now."))
}
"""What the interface's description says of errors."""


class ProblemResponse(JSONResponse):
    """A problem document of RFC 9457."""

    media_type = "application/problem+json"

    def __init__(self, told: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(told, told["status"], headers)


def plain_problem(status: int, detail: str = "") -> dict[str, Any]:
    """The document of an HTTP status, by its usual phrase."""
    phrase = HTTPStatus(status).phrase
    return document(status, phrase, detail or phrase)


def install_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with its problem document."""
    app.add_exception_handler(PixloomError, _pixloom)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _pixloom(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, PixloomError)
    return ProblemResponse(problem(error))


async def _validation(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return ProblemResponse(plain_problem(422, "; ".join(said)))


async def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError):  # a large form is laid down in the temporary folder while it is read
        return ProblemResponse(problem(disk_error(error.__cause__, Path(tempfile.gettempdir()))))
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail
    if detail == phrase:
        detail = f"{request.method} {request.url.path}: {phrase.lower()}."
    return ProblemResponse(plain_problem(error.status_code, detail), error.headers)


async def _unforeseen(_: Request, error: Exception) -> ProblemResponse:
    # The server writes the trace to its own log.
    return ProblemResponse(plain_problem(500, f"Something unforeseen went wrong: {type(error).__name__}."))
