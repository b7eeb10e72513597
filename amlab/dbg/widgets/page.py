"""A session as one page that needs nothing else: the debugger, its code and all records, gzipped inside.

Knows nothing of: kernels, widgets.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Any

from amlab.dbg.query.packet import records_packet
from amlab.dbg.session.session import Session
from amlab.dbg.view.still.standing import Standing
from amlab.dbg.view.summary import summary_text
from amlab.dbg.widgets.bundle import bundle, style
from amlab.dbg.widgets.details import BLOCK, Details
from amlab.dbg.widgets.graphs import page_graphs

__all__ = ["page_text"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 12px; font-family: system-ui, sans-serif; background: #fff; color: #1f2328; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e6edf3; }} }}
{css}
</style></head>
<body><main id="amlab"></main><noscript><pre>{text}</pre></noscript>
<script type="application/json" id="amlab-source">{source}</script>
<script>{script}</script>
<script>
const source = JSON.parse(document.getElementById("amlab-source").textContent);
amlab.mount(amlab.View, document.getElementById("amlab"), source, {options});
</script></body></html>
"""


def page_text(
    session: Session,
    *,
    view: str = "debugger",
    title: str = "",
    options: Mapping[str, Any] | None = None,
    focus: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    max_details: int = 200_000,
) -> str:
    """The page as text.

    `max_details` bounds how many records come with their steps, log and arguments; the page says what is left out.

    Raises:
        UsageError: no such view.
    """
    script = bundle(view, is_page=True)
    details = Details()
    blocks: dict[str, str] = {}
    left = max_details
    skipped = 0
    for m in sorted(session.machines.values(), key=len):
        for number in range(-(-len(m) // BLOCK)):
            if left <= 0:
                skipped += min(BLOCK, len(m) - number * BLOCK)
                continue
            records = details.block(m, number)
            left -= len(records)
            blocks[f"{m.number}:{number}"] = _packed_json(records)
    notes = list(Standing(session).missing)
    if skipped:
        notes.append(f"steps, log and arguments of {skipped:,} records are not in this page")
    source = {
        "records": _packed(records_packet(session, about={"notes": notes} if notes else {})),
        "details": blocks,
        "answers": {"graph": page_graphs(session, _packed_json)} if "class GraphView " in bundle(view) else {},
        "focus": dict(focus or {}),
        "filters": dict(filters or {}),
    }
    name = title or session.path.rpartition("/")[2] or "session"
    return _PAGE.format(
        title=escape(name),
        css=style(view),
        text=escape(summary_text(session)),
        source=_script_json(source),
        script=script.replace("</script", "<\\/script"),
        options=_script_json(dict(options or {})),
    )


def _script_json(value: Any) -> str:
    """JSON that no text in it can end, or turn into a comment, where it stands in a script."""
    return json.dumps(value).replace("<", "\\u003c")


def _packed_json(value: Any) -> str:
    return _packed(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _packed(data: bytes) -> str:
    return b64encode(gzip.compress(data, 6, mtime=0)).decode()
