"""The composed view: where the cursor is, the timeline, the chosen machine's states, and its log.

Knows nothing of: widgets.
"""

from __future__ import annotations

from amlab.dbg.view.still.log import log
from amlab.dbg.view.still.scene import Box, Scene, Stroke, Words, fitted, words_width
from amlab.dbg.view.still.sheet import MARGIN, ROW, Sheet, rows_scene, rows_text
from amlab.dbg.view.still.standing import Standing
from amlab.dbg.view.still.still import Part
from amlab.dbg.view.still.timeline import timeline
from amlab.dbg.view.still.transport import here_rows, notes_of, where_words
from amlab.dbg.view.still.tree import tree

__all__ = ["debugger"]

_HEAD = 26


def debugger(at: Standing) -> Part:
    """The views that stand together."""
    lines, states, logged = timeline(at, lanes=8, states=0), tree(at, most=14), log(at, lines=14)
    seen = set(notes_of(at))
    notes = [n for part in (lines, states) for n in part.sheet.notes if n not in seen] + notes_of(at)
    here = here_rows(at)
    sheet = Sheet("Debugger", where_words(at), [], notes)

    def text() -> list[str]:
        out = rows_text(here)
        for part in (lines, states, logged):
            out += ["", f"{part.sheet.title}: {part.sheet.info}", *part.text()]
        return out

    def scene(width: int) -> Scene:
        top = len(here) * ROW + 6
        over = lines.scene(width)
        half = width // 2
        below = [(part, part.scene(half if k else width - half)) for k, part in enumerate((states, logged))]
        tall = max(s.height for _, s in below) + _HEAD
        made = Scene(width, top + over.height + 6 + tall)
        rows_scene(made, here, MARGIN, 0, width - 2 * MARGIN)
        made.add(Stroke(((0, top - 2), (width, top - 2)), "rule"))
        made.place(over, 0, top)
        y = top + over.height + 4
        made.add(Box(0, y, width, _HEAD - 4, "panel"), Stroke(((0, y), (width, y)), "rule"))
        for k, (part, inner) in enumerate(below):
            x = k * (width - half)
            made.add(Words(x + MARGIN, y + _HEAD / 2 - 2, part.sheet.title, 12, is_bold=True))
            told = fitted(part.sheet.info, half - 110, 11)
            made.add(Words(x + MARGIN + 12 + words_width(part.sheet.title), y + _HEAD / 2 - 2, told, 11, "muted"))
            made.place(inner, x, y + _HEAD)
        made.add(Stroke(((half, y), (half, made.height)), "rule"))
        return made

    return Part(sheet, text, scene)
