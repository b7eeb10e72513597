"""Go's `encoding/gob` in general: types announced on the wire, and values of any of them.

Layout: `types` what a type is, `reader` bytes to plain Python, `writer` the way back, `times` how Go
writes a time.

Knows nothing of: sessions, what a particular file holds.
"""
