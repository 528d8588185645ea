"""A contact sheet as one picture, drawn without a browser."""

import io
from bisect import bisect
from functools import cache
from math import ceil
from pathlib import PurePosixPath

from PIL import Image, ImageDraw, ImageFont

from api.demo.sheet import Card, Row, Sheet
from search.engine import Result

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Point = tuple[int, int]

_SIDE, _GAP, _MARGIN = 180, 16, 40
"""Pixels: of a picture, between two, around all."""
_ASIDE = 300
"""The column of the questions."""
_ROW = _SIDE + 104
_PAPER, _CARD, _INK, _SOFT, _LINE = "#f4f4f2", "#ffffff", "#1c1c1c", "#70706c", "#dcdcd8"
_VERDICTS = {"strong": "#15803d", "weak": "#b45309", "no match": "#70706c"}
_FRAME, _NOTICE = "#e11d48", "#d97706"


def png_sheet(sheet: Sheet, pictures: int = 6) -> Image.Image:
    """The sheet with so many pictures in a row, RGB."""
    width = 2 * _MARGIN + _ASIDE + pictures * (_SIDE + _GAP) - _GAP
    notice = _wrapped(sheet.notice or "", _font(17), width - 2 * _MARGIN - 20, lines=3)
    top = 118 + 26 * len(notice)
    image = Image.new("RGB", (width, top + _ROW * len(sheet.rows) + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, 28), "Pixloom", _INK, _font(36))
    draw.text((_MARGIN, 74), sheet.summary, _SOFT, _font(18))
    for place, line in enumerate(notice):
        draw.text((_MARGIN + 16, 108 + 26 * place), line, _INK, _font(17))
    if notice:
        draw.rectangle((_MARGIN, 106, _MARGIN + 4, 106 + 26 * len(notice)), _NOTICE)
    for place, row in enumerate(sheet.rows):
        _row(image, draw, row, top + place * _ROW, pictures)
    return image


def _row(image: Image.Image, draw: ImageDraw.ImageDraw, row: Row, top: int, pictures: int) -> None:
    draw.line((_MARGIN, top, image.width - _MARGIN, top), _LINE)
    top += 20
    query = _wrapped(row.query, _font(21), _ASIDE - 30, lines=3)
    for place, line in enumerate(query):
        draw.text((_MARGIN, top + 27 * place), line, _INK, _font(21))
    below = top + 27 * len(query)
    draw.text((_MARGIN, below), f"{row.kind}, {row.results.took_ms:.0f} ms", _SOFT, _font(15))
    if row.example:
        _example(image, draw, row, row.example, (_MARGIN, below + 30), top + _ROW - 32)
    if not row.answers:
        draw.text((_MARGIN + _ASIDE, top), "No picture matches.", _SOFT, _font(18))
    for place, (card, result) in enumerate(row.answers[:pictures]):
        _answer(image, draw, card, result, (_MARGIN + _ASIDE + place * (_SIDE + _GAP), top))


def _example(image: Image.Image, draw: ImageDraw.ImageDraw, row: Row, card: Card, corner: _Point, bottom: int) -> None:
    """The picture that a question names, with a frame around the part that is meant."""
    small = _thumbnail(card, (_ASIDE - 60, bottom - corner[1]))
    image.paste(small, corner)
    draw.rectangle((*corner, corner[0] + small.width - 1, corner[1] + small.height - 1), outline=_LINE)
    if row.part:
        sides = (small.width, small.height) * 2
        frame = [
            round(share * side) + corner[i % 2] for i, (share, side) in enumerate(zip(row.part, sides, strict=True))
        ]
        draw.rectangle(tuple(frame), outline=_FRAME, width=3)


def _answer(image: Image.Image, draw: ImageDraw.ImageDraw, card: Card, result: Result, corner: _Point) -> None:
    left, top = corner
    draw.rounded_rectangle((left, top, left + _SIDE, top + _ROW - 36), 8, _CARD, _LINE)
    small = _thumbnail(card, (_SIDE - 14, _SIDE - 14))
    image.paste(small, (left + (_SIDE - small.width) // 2, top + (_SIDE - small.height) // 2))
    below = top + _SIDE
    draw.text((left + 10, below), result.verdict, _VERDICTS[result.verdict], _font(16))
    draw.text((left + _SIDE - 10, below), f"{result.score:.3f}", _INK, _font(16), anchor="ra")
    file = PurePosixPath(card.name).name
    lines = [(card.caption, _INK)] if card.caption else []
    for place, (text, colour) in enumerate([*lines, (f"#{card.id} {file}", _SOFT)]):
        draw.text((left + 10, below + 23 + 20 * place), *_fitting(text, _SIDE - 18, colour))


def _fitting(text: str, width: int, colour: str) -> tuple[str, str, _Font]:
    font = _font(14)
    return "".join(_wrapped(text, font, width, lines=1)), colour, font


def _thumbnail(card: Card, size: _Point) -> Image.Image:
    if card.thumbnail is None:
        return Image.new("RGB", size, _LINE)
    with Image.open(io.BytesIO(card.thumbnail)) as opened:
        small = opened.convert("RGB")
    small.thumbnail(size, Image.Resampling.LANCZOS)
    return small


def _wrapped(text: str, font: _Font, width: int, *, lines: int) -> list[str]:
    """The text broken into so many lines of that width at most; what doesn't fit ends in an ellipsis."""
    broken: list[str] = []
    rest = " ".join(text.split())
    while rest and len(broken) < lines:
        end = max(1, bisect(range(len(rest) + 1), width, key=lambda n: ceil(font.getlength(rest[:n]))) - 1)
        if end < len(rest) and len(broken) == lines - 1:
            broken.append(rest[: end - 1].rstrip() + "…")
            break
        space = rest.rfind(" ", 0, end + 1) if end < len(rest) else -1
        end = space if space > 0 else end
        broken.append(rest[:end])
        rest = rest[end:].lstrip()
    return broken


@cache
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)
