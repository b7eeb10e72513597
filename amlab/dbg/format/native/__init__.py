"""Our own export, `NAME.msgpack.br`, both ways; `exports/FORMAT.md` describes it for other languages.

    items.py         names and order of what items hold; all that writers and readers share
    codec.py         what the registry asks for
    reader.py        bytes to items, each checked as it comes
    rows.py          items of one machine: moves, blocks of rows
    bounds.py        what single values of items may be
    expand.py        rows to columns
    details.py       what details tell of single records
    moves.py         moves as arrays
    clocks.py        clocks from ticks
    ids.py           ids of transitions
    replay.py        steps, worked out when somebody looks
    importer.py      all that to a session
    column_items.py  whole columns, both ways
    plain.py         values of any kind, both ways
    exporter.py      any session to items

Files are hostile until shown otherwise: all that is read is checked first, in bounded time and memory.
"""
