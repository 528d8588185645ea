"""A contact sheet as one HTML file that needs nothing beside it."""

from base64 import b64encode
from html import escape
from pathlib import PurePosixPath

from api.demo.sheet import Card, Row, Sheet
from search.engine import Result

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #777; --strong: #15803d; --weak: #b45309; --card: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --soft: #aaa; --strong: #4ade80; --weak: #fbbf24; --card: #23262b; }
  body { background: #16181c; color: #eee; }
}
@media (prefers-color-scheme: light) { body { background: #f4f4f2; color: #1c1c1c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem; font: 16px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; }
header p { margin: .2rem 0; color: var(--soft); }
header .notice { max-width: 60rem; margin: .8rem 0; padding: .5rem .8rem; border-left: 4px solid #d97706;
  background: #d9770622; color: inherit; }
section { display: grid; grid-template-columns: 13rem 1fr; gap: 1.2rem; padding: 1.3rem 0;
  border-top: 1px solid var(--line); }
h2 { margin: 0; font: 600 1.05rem/1.35 ui-monospace, monospace; overflow-wrap: anywhere; }
.kind { margin: .2rem 0 .6rem; color: var(--soft); font-size: .85rem; }
.example { position: relative; display: inline-block; line-height: 0; }
.example img { max-width: 100%; max-height: 9rem; border-radius: .3rem; background: #fff; }
.example i { position: absolute; border: 2px solid #e11d48; }
.answers { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem; margin: 0;
  padding: 0; list-style: none; }
.answers li { display: flex; flex-direction: column; overflow: hidden; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); font-size: .82rem; }
.answers img, .missing { width: 100%; aspect-ratio: 1; padding: .4rem; object-fit: contain; background: #fff; }
.answers p { margin: 0; padding: 0 .6rem; overflow-wrap: anywhere; }
.answers .verdict { display: flex; justify-content: space-between; padding-top: .4rem; font-weight: 600; }
.strong { color: var(--strong); }
.weak { color: var(--weak); }
.no { color: var(--soft); }
.file { padding-bottom: .5rem !important; color: var(--soft); }
@media (max-width: 42rem) { section { grid-template-columns: 1fr; } }
"""


def html_sheet(sheet: Sheet) -> str:
    """The document; everything that comes from files or users is escaped."""
    notice = f'<p class="notice">{escape(sheet.notice)}</p>' if sheet.notice else ""
    rows = "\n".join(_row(row) for row in sheet.rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pixloom: contact sheet</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>Pixloom</h1><p>{escape(sheet.summary)}</p>{notice}</header>
{rows}
</body>
</html>
"""


def _row(row: Row) -> str:
    answers = "\n".join(_answer(card, result) for card, result in row.answers) or "<li><p>No picture matches.</p></li>"
    return f"""<section>
<div><h2>{escape(row.query)}</h2><p class="kind">{row.kind}, {row.results.took_ms:.0f} ms</p>{_example(row)}</div>
<ol class="answers">
{answers}
</ol>
</section>"""


def _example(row: Row) -> str:
    if row.example is None:
        return ""
    frame = ""
    if row.part:
        left, top, right, bottom = (100 * share for share in row.part)
        place = f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"
        frame = f'<i style="{place}"></i>'
    return f'<span class="example">{_image(row.example)}{frame}</span>'


def _answer(card: Card, result: Result) -> str:
    caption = f"<p>{escape(card.caption)}</p>" if card.caption else ""
    numbers = f"score {result.score:.3f}, above {result.percentile:.1%} of the collection"
    return f"""<li title="{escape(card.name)}&#10;{numbers}">{_image(card)}
<p class="verdict"><span class="{result.verdict.split()[0]}">{result.verdict}</span> {result.score:.3f}</p>
{caption}<p class="file">#{card.id} {escape(PurePosixPath(card.name).name)}</p></li>"""


def _image(card: Card) -> str:
    if card.thumbnail is None:
        return '<div class="missing"></div>'
    alt = escape(card.caption or card.name)
    return f'<img alt="{alt}" src="data:image/webp;base64,{b64encode(card.thumbnail).decode()}">'
