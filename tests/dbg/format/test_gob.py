"""Gob in general: the numbers of Go's documentation, every kind of type, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab.dbg.format.gob.reader import GobReader
from amlab.dbg.format.gob.times import GoTime, pack_time, rfc3339, unpack_time
from amlab.dbg.format.gob.types import GobInterface, GobType, Kind
from amlab.dbg.format.gob.writer import Encoded, GobWriter, encode_int, encode_uint
from amlab.errors import FormatError, UsageError

TYPES = (
    GobType(65, Kind.STRUCT, "All", fields=(
        ("Bool", 1), ("Int", 2), ("Uint", 3), ("Float", 4), ("Bytes", 5), ("Text", 6), ("Complex", 7), ("Any", 8),
        ("Array", 66), ("Slice", 67), ("Map", 68), ("Opaque", 69), ("Next", 65), ("Bin", 70), ("Txt", 71),
    )),
    GobType(66, Kind.ARRAY, "[2]int", elem=2, length=2),
    GobType(67, Kind.SLICE, "[]All", elem=65),
    GobType(68, Kind.MAP, "map[string]int", key=6, elem=2),
    GobType(69, Kind.GOB_ENCODER, "Time"),
    GobType(70, Kind.BINARY_MARSHALER, "Bin"),
    GobType(71, Kind.TEXT_MARSHALER, "Txt"),
)  # fmt: skip
ZERO = {
    "Bool": False, "Int": 0, "Uint": 0, "Float": 0.0, "Bytes": b"", "Text": "", "Complex": 0j, "Any": None,
    "Array": [], "Slice": [], "Map": {}, "Opaque": None, "Next": None, "Bin": None, "Txt": None,
}  # fmt: skip


def again(value, type_id=65):
    writer = GobWriter(TYPES)
    return list(GobReader(writer.definitions() + writer.message(type_id, value)).values())


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (7, "07"), (127, "7f"), (128, "ff80"), (256, "fe0100"), (2**64 - 1, "f8ffffffffffffffff")],
)
def test_unsigned_integers_are_as_documented(value, encoded):
    assert encode_uint(value).hex() == encoded
    assert GobReader(bytes.fromhex(encoded)).uint() == value


@pytest.mark.parametrize(
    ("value", "encoded"), [(-129, "fe0101"), (-1, "01"), (-2, "03"), (1, "02"), (-(2**63), "f8" + "ff" * 8)]
)
def test_signed_integers_are_as_documented(value, encoded):
    assert encode_int(value).hex() == encoded
    assert GobReader(bytes.fromhex(encoded)).sint() == value


def test_the_documented_point_struct_reads():
    # type Point struct { X, Y int } and Point{22, 33}, from the documentation of encoding/gob.
    stream = "1fff8103010105506f696e7401ff82000102010158010400010159010400000007ff82012c014200"
    assert list(GobReader(bytes.fromhex(stream)).values()) == [{"X": 22, "Y": 33}]
    writer = GobWriter((GobType(65, Kind.STRUCT, "Point", fields=(("X", 2), ("Y", 2))),))
    assert (writer.definitions() + writer.message(65, {"X": 22, "Y": 33})).hex() == stream


def test_floats_are_as_documented():
    writer = GobWriter(())
    assert writer.encode(4, 17.0).hex() == "fe3140"
    assert list(GobReader(bytes.fromhex("0508 00fe3140".replace(" ", ""))).values()) == [17.0]


def test_every_kind_comes_back():
    value = {
        "Bool": True, "Int": -5, "Uint": 2**64 - 1, "Float": -0.5, "Bytes": b"\0\1", "Text": "né", "Complex": 1 + 2j,
        "Any": GobInterface("pkg.All", {**ZERO, "Int": 1}, 65), "Array": [0, 9], "Slice": [{**ZERO, "Int": 2}, ZERO],
        "Map": {"a": 0, "": -1}, "Opaque": b"xyz", "Next": {**ZERO, "Text": "inner"}, "Bin": b"b", "Txt": b"t",
    }  # fmt: skip
    assert again(value) == [value]


def test_absent_fields_are_zero_and_not_shared():
    first, second = again({})[0], again({})[0]
    assert first == ZERO
    first["Slice"].append(1)
    assert second["Slice"] == []


def test_lone_values_and_several_messages_follow_each_other():
    writer = GobWriter(TYPES)
    data = writer.definitions() + writer.message(6, "a") + writer.message(68, {"k": 1}) + writer.message(65, {"Int": 3})
    assert list(GobReader(data).values()) == ["a", {"k": 1}, {**ZERO, "Int": 3}]


def test_types_announced_inside_an_interface_are_known():
    inner = GobWriter((GobType(80, Kind.STRUCT, "Inner", fields=(("X", 2),)),))
    body = inner.encode(80, {"X": 4})
    definition = inner.definitions()[1:]  # without its length
    interface = b"\x05Inner" + definition + encode_uint(3 + len(body)) + encode_int(80) + encode_uint(len(body)) + body
    message = GobWriter.frame(encode_int(8) + b"\0" + interface)
    assert list(GobReader(message).values()) == [GobInterface("Inner", {"X": 4}, 80)]


def test_errors_name_the_path_inside_nested_values():
    writer = GobWriter(TYPES)
    good = writer.message(65, {"Slice": [{}, {"Map": {"key": 300}}]})
    data = writer.definitions() + good.replace(encode_int(300), b"\xf7\x01\x01")
    with pytest.raises(FormatError) as caught:
        list(GobReader(data).values())
    assert caught.value.path == ".Slice[1].Map['key']"


def test_an_interface_value_of_an_unknown_type_cannot_be_written():
    with pytest.raises(UsageError, match=r"pkg\.Thing"):
        GobWriter(TYPES).encode(8, GobInterface("pkg.Thing", {"a": 1}, 99))


def test_encoded_elements_go_in_as_they_are():
    writer = GobWriter(TYPES)
    element = Encoded(writer.encode(65, {"Int": 7}))
    assert writer.encode(67, [element, {"Int": 7}]) == writer.encode(67, [{"Int": 7}] * 2)


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.dictionaries(st.text(), st.integers(-9, 9)),
)
def test_any_values_come_back(number, real, text, mapping):
    try:
        text.encode()
        "".join(mapping).encode()
    except UnicodeEncodeError:
        return
    value = {**ZERO, "Int": number, "Float": real, "Text": text, "Map": mapping}
    assert again(value)[0] == value


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (GoTime(63_831_000_000, 5, None), "2023-09-22T17:20:00.000000005Z"),
        (GoTime(63_831_000_000, 120_000_000, 7200), "2023-09-22T19:20:00.12+02:00"),
        (GoTime(63_831_000_000, 0, -16_200), "2023-09-22T12:50:00-04:30"),
        (GoTime(0, 0, None), "0001-01-01T00:00:00Z"),
    ],
)
def test_times_print_as_go_prints_them(time, text):
    assert rfc3339(time) == text
    assert unpack_time(pack_time(time)) == time


@pytest.mark.parametrize("zone", [1, -1, 59, -59, 61, 3601, -3601, -20_713])
def test_zones_with_seconds_come_back(zone):
    time = GoTime(1, 2, zone)
    assert pack_time(time)[0] == 2
    assert unpack_time(pack_time(time)) == time


@pytest.mark.parametrize("data", [b"", b"\x01" * 14, b"\x02" + b"\0" * 14, b"\x01" + b"\xff" * 14])
def test_bytes_that_are_no_time_are_refused(data):
    with pytest.raises(ValueError, match="time"):
        unpack_time(data)
