"""Reads a packet as a page does."""

import json

import numpy as np

TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "i4": np.int32, "f8": np.float64}


def unpack(packet):
    size = int.from_bytes(packet[:4], "little")
    header = json.loads(packet[4 : 4 + size])
    base = 4 + size
    arrays = {}
    for name, (kind, offset, count) in header["arrays"].items():
        assert (base + offset) % 8 == 0, name
        arrays[name] = np.frombuffer(packet, np.dtype(TYPES[kind]).newbyteorder("<"), count, base + offset)
    return header, arrays


def ragged(flat, ends):
    starts = [0, *ends.tolist()[:-1]]
    return [flat[a:b].tolist() for a, b in zip(starts, ends.tolist(), strict=True)]
