"""The bench of views makes up the same session however it is cut, and says what it lacks."""

import json
import shutil

import numpy as np

from amlab.dbg.bench import views

TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "i4": np.int32, "f8": np.float64}


def unpacked(data):
    size = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + size])
    arrays = {
        name: np.frombuffer(data, TYPES[kind], count, 4 + size + offset)
        for name, (kind, offset, count) in header["arrays"].items()
    }
    return header, arrays


def test_packets_one_after_another_hold_what_one_holds():
    whole = unpacked(views.packet(0, 500))[1]
    parts = [unpacked(views.packet(0, 300))[1], unpacked(views.packet(300, 200))[1]]
    for name, values in whole.items():
        if name.endswith("_ends"):
            parts[1][name] = parts[1][name] + parts[0][name][-1]  # counted within the packet
        assert np.array_equal(np.concatenate([part[name] for part in parts]), values), name


def test_times_of_a_made_up_session_never_fall_and_causes_come_first():
    _, arrays = unpacked(views.packet(0, 5000))
    assert (np.diff(arrays["time"]) >= 0).all()
    assert (arrays["source"] < np.arange(5000)).all()


def test_a_page_holds_the_view_its_packet_and_what_measures_it():
    text = views.page("timeline", views.packet(0, 10))
    assert "class TimelineView" in text
    assert "async function panAndZoom" in text


def test_without_a_browser_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (found,) = views.measure(None, has_peers=False)
    assert found.value is None
    assert "apt-get install chromium" in found.note
