"""The attribute decoder against the specification's example and bytes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfe.data.extract.meshopt import MeshoptError, decode_attributes


def _tail(baseline: bytes) -> bytes:
    return baseline.rjust(max(32, len(baseline)), b"\0")


def _encode(elements: np.ndarray, baseline: bytes) -> bytes:
    """Independent encoder: every group as 16 whole bytes (mode 3)."""
    count, stride = elements.shape
    block = min((8192 // stride) & ~15, 256)
    previous, out = np.frombuffer(baseline, np.uint8), b"\xa0"
    for start in range(0, count, block):
        part = elements[start : start + block].astype(int)
        deltas = np.diff(np.vstack([previous, part]), axis=0)  # (n, stride)
        signed = (deltas + 128) % 256 - 128
        codes = np.where(signed < 0, -2 * signed - 1, 2 * signed).astype(np.uint8)
        codes = np.pad(codes, ((0, -len(codes) % 16), (0, 0)))
        groups = len(codes) // 16
        header = bytes([0xFF]) * (groups // 4) + bytes([4 ** (groups % 4) - 1])[: groups % 4 > 0]
        out += b"".join(header + codes[:, i].tobytes() for i in range(stride))
        previous = elements[start + len(part) - 1]
    return out + _tail(baseline)


@given(
    st.sampled_from([4, 8, 12, 40]).flatmap(
        lambda stride: arrays(np.uint8, st.tuples(st.integers(1, 600), st.just(stride)))
    ),
    st.binary(min_size=40, max_size=40),
)
def test_round_trip_over_blocks(elements, baseline):
    stride = elements.shape[1]
    stream = _encode(elements, baseline[:stride])
    np.testing.assert_array_equal(decode_attributes(stream, len(elements), stride), elements)


def test_example_of_the_specification():
    # Appendix A: 4-bit codes with two sentinels; here as byte 0 of 16 elements, the rest constant.
    group = bytes.fromhex("175ff0bc77a92100 34b5")
    stream = b"\xa0" + b"\x02" + group + b"\x00" * 3 + _tail(bytes([0, 1, 2, 3]))
    deltas = [-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0]
    expected = np.tile(np.array([0, 1, 2, 3], np.uint8), (16, 1))
    expected[:, 0] = np.cumsum(deltas) % 256
    np.testing.assert_array_equal(decode_attributes(stream, 16, 4), expected)


def test_two_bit_codes_by_hand():
    # codes 1 0 2 3 | 0 0 0 0 | ... with the sentinel's byte 0x08: deltas -1, 0, 1, 4, then zeros
    group = bytes([0b01_00_10_11, 0, 0, 0, 0x08])
    stream = b"\xa0" + b"\x01" + group + b"\x00" * 3 + _tail(bytes(4))
    decoded = decode_attributes(stream, 5, 4)
    assert decoded[:, 0].tolist() == [255, 255, 0, 4, 4]
    assert not decoded[:, 1:].any()


def test_header_bits_start_with_the_lowest():
    # 32 elements are two groups: the first is zero (mode 0), the second whole bytes (mode 3)
    stream = b"\xa0" + bytes([0b0000_1100]) + bytes([2] * 16) + b"\0" * 3 + _tail(bytes(4))
    assert decode_attributes(stream, 32, 4)[:, 0].tolist() == [0] * 16 + list(range(1, 17))


@pytest.mark.parametrize("cut", [1, 10, 60, 200])
def test_truncation_is_noticed(cut):
    elements = np.random.default_rng(0).integers(0, 256, (50, 4)).astype(np.uint8)
    with pytest.raises(MeshoptError):
        decode_attributes(_encode(elements, bytes(4))[:-cut], 50, 4)


def test_wrong_streams_are_refused():
    good = _encode(np.zeros((16, 4), np.uint8), bytes(4))
    with pytest.raises(MeshoptError, match="'a1' are no attribute stream"):
        decode_attributes(b"\xa1" + good[1:], 16, 4)
    with pytest.raises(MeshoptError, match="follow the last block"):
        decode_attributes(good[:1] + b"\0" * 4 + good[1:], 16, 4)
    with pytest.raises(MeshoptError, match="multiple of 4"):
        decode_attributes(good, 16, 6)
