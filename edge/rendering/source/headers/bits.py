"""Numbers of any width out of a string of bytes, as video streams write them."""


class Bits:
    """Reads from the most significant bit on. Whoever reads past the end gets an `IndexError`.

    Args:
        data: a few hundred bytes; what is wanted of a stream stands at its start.
    """

    def __init__(self, data: bytes) -> None:
        self._whole = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        self._left -= count
        if self._left < 0:
            raise IndexError("the stream ends within its header")
        return self._whole >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """A number written as so many zeros, a one, and as many bits again: ue(v) of H.265, section
        9.2, and uvlc of AV1, section 4.10.3."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
