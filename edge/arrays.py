"""What arrays hold: a name for each dtype and meaning, with shape and range.

H is a picture's height and W its width in pixels, rows first; h and w are those of a grid of cells
that stands for a larger picture. N counts the pieces of a batch.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
"""bool [H, W]: which pixels or cells belong to something."""

Labels = npt.NDArray[np.int32]
"""int32 [H, W]: the number of the component that a pixel or cell belongs to, from 1; 0 is none."""

Levels = npt.NDArray[np.uint8]
"""uint8 [H, W] or [H, W, channels], 0 to 255: one band, an alpha, or colours in sRGB."""

Pixels = npt.NDArray[np.uint8]
"""uint8 [H, W, 3], 0 to 255, sRGB; a matte or a distance of such colours [H, W], 0 to 255."""

DeepLevels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""uint8 or uint16 [H, W, channels], over the whole range of the dtype."""

Samples = npt.NDArray[Any]
"""[H, W, channels] in the dtype and range of the file that they are from."""

Floats = npt.NDArray[np.float32]
"""float32 of any shape: in levels, shares or what its function says."""

Shares = npt.NDArray[np.float32]
"""float32 [H, W] or [h, w], 0 to 1: alpha, a network's claim, what colours have in common."""

Plane = npt.NDArray[np.float32]
"""float32 [H, W], 0 to 255: one band in levels."""

Light = npt.NDArray[np.float32]
"""float32 [H, W, 3]: linear light from 0 on; what 1 is its function says."""

Lab = npt.NDArray[np.float32]
"""float32 [..., 3]: CIE L* (0 to 100), a* and b* (about -128 to 127)."""

Doubles = npt.NDArray[np.float64]
"""float64 of any shape, where sums are long; of what, its function says."""

Places = npt.NDArray[np.intp]
"""intp [N]: rows, columns or indices into a flat array."""

Coordinates = npt.NDArray[np.floating[Any]]
"""Floating [N]: places along one side, 0 to 1 over the picture, beyond that outside of it."""

Tensor = npt.NDArray[np.uint8]
"""uint8 of any shape, 0 to 255: what networks take and give, [N, ...] in a batch."""

Arrays = Mapping[str, npt.NDArray[Any]]
"""Tensors of any shape and dtype, by name: whose, its function says."""
