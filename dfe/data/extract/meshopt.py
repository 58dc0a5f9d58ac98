"""Decoder for buffer views compressed with the glTF extension EXT_meshopt_compression.

Written from the specification's Appendix A, "Mode 0: attributes", bitstream version 0. It reads
elements of a fixed number of bytes; the stored filters, triangles and indices are other formats
and are refused by the caller.
"""

from __future__ import annotations

import numpy as np

_HEADER = 0xA0  # attributes, version 0
_GROUP = 16  # elements per group
_BLOCK_BYTES = 8192  # most bytes of one attribute block
_BLOCK_ELEMENTS = 256  # most elements of one attribute block
_TAIL_BYTES = 32  # least size of the tail that holds the baseline element


class MeshoptError(ValueError):
    """A compressed stream breaks the bitstream specification."""


class _Reader:
    """Bytes with a position; reading past the end is an error and not a short answer."""

    def __init__(self, data: bytes) -> None:
        self._data = np.frombuffer(data, np.uint8)
        self.position = 0

    def take(self, count: int) -> np.ndarray:
        end = self.position + count
        if end > len(self._data):
            raise MeshoptError(f"stream of {len(self._data)} bytes ends before byte {end}")
        chunk = self._data[self.position : end]
        self.position = end
        return chunk


def decode_attributes(data: bytes, count: int, stride: int) -> np.ndarray:
    """Decode `count` elements of `stride` bytes each.

    Parameters
    ----------
    data
        The whole compressed stream, header and tail included.
    count
        Number of elements.
    stride
        Bytes per element: a multiple of 4, at most 256.

    Returns
    -------
    (count, stride) uint8.

    Raises
    ------
    MeshoptError
        If the header, the stride or the length of the stream is wrong.
    """
    if stride % 4 or not 0 < stride <= 256:
        raise MeshoptError(f"stride must be a multiple of 4 up to 256, not {stride}")
    tail = max(_TAIL_BYTES, stride)
    if len(data) < 1 + tail or data[0] != _HEADER:
        raise MeshoptError(f"{len(data)} bytes starting {data[:1].hex()!r} are no attribute stream")
    reader = _Reader(data[1:-tail])
    previous = np.frombuffer(data[-stride:], np.uint8)  # the baseline ends the padded tail
    elements = np.empty((count, stride), np.uint8)
    block = min((_BLOCK_BYTES // stride) & ~(_GROUP - 1), _BLOCK_ELEMENTS)
    for start in range(0, count, block):
        size = min(block, count - start)
        deltas = np.stack([_data_block(reader, size) for _ in range(stride)], axis=1)
        elements[start : start + size] = previous + np.cumsum(deltas, axis=0, dtype=np.uint8)
        previous = elements[start + size - 1]
    if reader.position != len(data) - 1 - tail:
        raise MeshoptError(f"{len(data) - 1 - tail - reader.position} bytes follow the last block")
    return elements


def _data_block(reader: _Reader, size: int) -> np.ndarray:
    """Read the deltas of one byte position: (size,) uint8, two's complement."""
    groups = -(-size // _GROUP)
    header = reader.take(-(-groups // 4))
    modes = (np.repeat(header, 4)[:groups] >> (2 * (np.arange(groups) % 4))) & 3
    codes = np.concatenate([_group(reader, int(mode)) for mode in modes])[:size]
    return (codes >> 1) ^ (-(codes & 1).astype(np.int8)).view(np.uint8)  # undo the zigzag


def _group(reader: _Reader, mode: int) -> np.ndarray:
    """Read the 16 zigzag codes of one group: absent, 2-bit, 4-bit or whole bytes."""
    if mode == 0:
        return np.zeros(_GROUP, np.uint8)
    if mode == 3:
        return reader.take(_GROUP)
    bits = 2 * mode
    sentinel = (1 << bits) - 1  # this code says: the value follows as a byte
    shifts = np.arange(8 - bits, -1, -bits)  # the first code sits in the highest bits
    codes = ((reader.take(2 * bits)[:, None] >> shifts) & sentinel).ravel().astype(np.uint8)
    escaped = codes == sentinel
    codes[escaped] = reader.take(int(escaped.sum()))
    return codes
