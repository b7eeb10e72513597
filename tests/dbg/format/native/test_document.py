"""The document says what is so: its tables name what the header names, its example is what a recorder writes."""

import re
from pathlib import Path

import brotli

from amlab.core.machine.machine import Machine
from amlab.dbg.format.native.items import DETAIL, FORMAT, MOVE, TYPES, VERSION
from amlab.dbg.record.recorder import Recorder

DOCUMENT = (Path(__file__).resolve().parents[4] / "exports" / "FORMAT.md").read_text(encoding="utf-8")


def test_every_type_field_and_key_is_explained():
    for name in [*[name for name, _ in TYPES], *[f for _, fields in TYPES for f in fields], *MOVE, *DETAIL]:
        assert f"`{name}`" in DOCUMENT, name
    assert f"version {VERSION}" in DOCUMENT
    assert FORMAT in DOCUMENT


def test_the_example_is_what_is_written():
    now = [2_048_000]
    machine = Machine({"A": {"remove": ["B"]}, "B": {"remove": ["A"]}}, "m")
    recorder = Recorder(flush_s=0, now_ns=lambda: now[0])
    recorder._encoder._epoch_ns = 0
    recorder.attach(machine)
    now[0] += 2_048_000
    machine.add("A")
    now[0] += 2_048_000
    machine.add("B", args={"x": 1})
    now[0] = 8_192_000
    recorder.close()
    machine.dispose()
    written = brotli.decompress(recorder.data).hex()
    example = DOCUMENT[DOCUMENT.index("## Example") :].split("```")[1]
    lines = [re.split(r"\s{3,}", line.strip())[0].replace(" ", "") for line in example.strip().splitlines()]
    pattern = "".join([re.escape(line).replace(re.escape("..."), ".*") for line in lines])
    assert re.fullmatch(pattern, written)
