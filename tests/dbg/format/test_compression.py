"""Brotli in, bytes out, whatever the ratio."""

import brotli
import pytest

from amlab.dbg.format.compression import compress, decompress


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 5_000_000])
@pytest.mark.parametrize("quality", [1, 5, 11])
def test_what_packs_a_thousand_times_comes_out_whole(size, quality):
    plain = b"the same again and again; " * (size // 26)
    data, damage = decompress(compress(plain, quality), 1 << 30)
    assert damage is None
    assert data == plain


def test_a_stream_flushed_in_pieces_and_never_ended_gives_all_that_was_flushed():
    packer = brotli.Compressor(quality=5)
    packed = b"".join(packer.process(b"x" * 1_500_000) + packer.flush() for _ in range(3))
    data, damage = decompress(packed, 1 << 30)
    assert data == b"x" * 4_500_000
    assert damage.fields["ends_early"]


def test_a_bomb_is_stopped_at_the_limit():
    data, damage = decompress(compress(b"\0" * 50_000_000, 5), 1_000_000)
    assert len(data) == 1_000_000
    assert "limit" in damage.message
