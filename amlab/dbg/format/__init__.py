"""Files of sessions: reading and writing them.

Layout: `registry` chooses a format (by content to read, by ending to write), `limits` bounds what a
hostile file can cost, `compression` streams brotli, `native` is our own format (`*.msgpack.br`), `feed` follows
one while it is written, `gob` is Go's encoding in general, `go` the exports of Go programs (`*.gob.br`) as sessions,
`progress` the bar.
"""
