"""Exports of Go programs: a gob slice of Exportable{MsgStruct, MsgTxs, Version}.

Layout: `shapes` the structs and their fields, `records` the hot loop from transitions to columns,
`importer` gob to session, `values` a session as Go-shaped dicts, `exporter` session to gob.
"""
