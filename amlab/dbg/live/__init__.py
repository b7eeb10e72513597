"""Sessions that grow while they are watched.

    sources.py   where bytes come from: machines of this process, a collector, a file, an `amlab serve`
    growth.py    arrays that grow, so that what was read of them stays
    machine.py   one machine: new records, appended to those that there are
    order.py     where new records go in the story: behind those that were shown
    pools.py     texts and log entries that grow
    record.py    a machine of a frozen session
    session.py   all machines: `poll`, packets for pages, a frozen session of what there is
    watching.py  serving a recording, while it is written, to those who watch
    stream.py    bytes to items, as they come, for those who count them only
    tally.py     counting what a recording holds, without keeping it
    steering.py  pausing and stepping machines of this process from somewhere else

`amlab.dbg.widgets.live` shows such a session, `amlab.dbg.widgets.attach` finds the source.

Knows nothing of: how views look.
"""
