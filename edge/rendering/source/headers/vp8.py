"""The frame inside a lossy WebP: how coarsely it was quantised (RFC 6386)."""

_START = 10  # bytes: frame tag, start code, sides
_COARSEST = 127


def quality(frame: bytes) -> int | None:
    """1 to 100 on the scale of libwebp's encoder, estimated from the first bytes of a key frame.

    Its busiest segments are quantised more finely or coarsely than what was asked for, so this is
    the middle of what the file uses. None where the frame is cut short or of another kind.
    """
    if len(frame) <= _START or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    steps = _quantisers(_Bits(frame[_START:]))
    # libwebp's QualityToCompression backwards: index = 127 * (1 - cube root of a linear scale)
    linear = (1 - sum(steps) / len(steps) / _COARSEST) ** 3
    share = linear * 1.5 if linear < 0.5 else (linear + 1) / 2
    return max(1, min(100, round(100 * share)))


def _quantisers(bits: "_Bits") -> list[int]:
    """The indices (0 to 127) in use, as section 9.3 to 9.6 of the RFC lay them out."""
    bits.number(2)  # colour space, clamping
    segments: list[int] = []
    absolute = False
    if bits.number(1):
        has_map, has_data = bits.number(1), bits.number(1)
        if has_data:
            absolute = bool(bits.number(1))
            segments = [bits.optional(7) for _ in range(4)]
            for _ in range(4):
                bits.optional(6)  # strength of the loop filter
        if has_map:
            for _ in range(3):
                bits.optional(8, signed=False)
    bits.number(1 + 6 + 3)  # the loop filter
    if bits.number(1) and bits.number(1):
        for _ in range(8):
            bits.optional(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    if not segments:
        return [base]
    used = [index if absolute else base + index for index in segments]
    return [min(_COARSEST, max(0, index)) for index in used]


class _Bits:
    """The arithmetic decoder of section 7, for bits that are as often 0 as 1."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._value = next(self._data, 0) << 8 | next(self._data, 0)
        self._range = 255
        self._shifted = 0

    def number(self, width: int) -> int:
        """An unsigned number, its highest bit first."""
        value = 0
        for _ in range(width):
            value = value << 1 | self._bit()
        return value

    def optional(self, width: int, *, signed: bool = True) -> int:
        """A number behind its flag, with a sign after it; 0 where the flag is not set."""
        if not self._bit():
            return 0
        value = self.number(width)
        return -value if signed and self._bit() else value

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        is_set = self._value >= split << 8
        if is_set:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._range <<= 1
            self._value <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                self._value |= next(self._data, 0)
        return int(is_set)
