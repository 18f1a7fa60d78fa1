"""Pictures of high dynamic range (PQ and HLG, ITU-R BT.2100-2) as sRGB.

The white of paper is 203 cd/m2 (ITU-R BT.2408-7, section 2.1) and becomes sRGB's white. What is
brighter is brought below it by the roll-off of ITU-R BT.2390-11, section 5.4.1, on the largest of
red, green and blue, so that hues stay. The brightest light that has to be brought in is measured in
the picture itself (as MaxCLL is, CTA-861.3): a picture without anything brighter than paper comes
out as it was drawn.
"""

from collections.abc import Iterable

import numpy as np

from edge.arrays import DeepLevels, Doubles, Levels, Light
from edge.rendering.source.colour_spaces import srgb_of, to_bt709
from edge.rendering.source.headers.cicp import ColourSpace, Transfer

WHITE = 203.0
"""cd/m2 of paper."""

_PEAK = 10_000.0  # cd/m2 that PQ's largest value means
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
"""The screen of BT.2100, table 5, note 5f: 1,000 cd/m2, for which a value of 0.75 is paper."""

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_OUTLIERS = 1e-4
"""Share of pixels that may be brighter than what counts as the brightest: outliers are left out, as
Smith and Zink 2021 have it, "On the Calculation and Usage of HDR Static Content Metadata"."""
_BINS = 4096  # of the count of how bright pixels are, finer for dark ones
_BAND = 2**20  # pixels worked on at a time
_STEPS = 2**14  # of the table of sRGB's levels

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def to_srgb(levels: DeepLevels, space: ColourSpace, bits: int, *, narrow: bool = False) -> Levels:
    """A picture [H, W, 3] of PQ or HLG as 8 bits of sRGB.

    Args:
        bits: of a channel, 8 to 16.
        narrow: black is 16 and white 235 of 255, or as much of more bits.
    """
    out = np.empty(levels.shape, np.uint8)
    rows = max(1, _BAND // max(1, levels.shape[1]))
    bands = [slice(top, top + rows) for top in range(0, levels.shape[0], rows)]
    table = _table(bits, space, narrow=narrow)
    peak = _peak(_light(levels[band], table, space).max(axis=-1) for band in bands)
    matrix = to_bt709(space.primaries).T.astype(np.float32)
    curve = np.rint(255 * srgb_of(np.linspace(0, 1, _STEPS) ** 2)).astype(np.uint8)
    for band in bands:
        linear = _rolled_off(_light(levels[band], table, space), peak) @ matrix
        places = np.sqrt(np.clip(linear, 0, 1)) * (_STEPS - 1)  # about as even as sRGB's own
        out[band] = curve[np.rint(places).astype(np.int32)]
    return out


def pq_light(values: Doubles) -> Doubles:
    """cd/m2 [...] of PQ's values, 0 to 1 (BT.2100, table 4)."""
    power = np.clip(values, 0, 1) ** (1 / _M2)
    return np.asarray(_PEAK * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1))


def pq_values(nits: Doubles) -> Doubles:
    """PQ's values [...], 0 to 1, of cd/m2."""
    power = (np.clip(nits, 0, _PEAK) / _PEAK) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_scene(values: Doubles) -> Doubles:
    """Light of the scene [...], 0 to 1, of HLG's values (BT.2100, table 5: the inverse OETF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)


def _table(bits: int, space: ColourSpace, *, narrow: bool) -> Light:
    """What each level means: light over paper's for PQ, light of the scene for HLG."""
    codes = np.arange(2**bits)
    if narrow:
        unit = 2 ** (bits - 8)
        values = np.clip((codes - 16 * unit) / (219 * unit), 0, 1)
    else:
        values = codes / (2**bits - 1)
    meant = pq_light(values) / WHITE if space.transfer is Transfer.PQ else hlg_scene(values)
    return meant.astype(np.float32)


def _light(levels: DeepLevels, table: Light, space: ColourSpace) -> Light:
    """Light that a screen shows, 1 for paper, [H, W, 3]."""
    meant: Light = table[levels]
    if space.transfer is Transfer.PQ:
        return meant
    luminance = np.maximum(meant @ _LUMINANCE, 1e-9) ** np.float32(_HLG_GAMMA - 1)
    return np.asarray(meant * (luminance * np.float32(_HLG_PEAK / WHITE))[..., None])


def _peak(brightest: Iterable[Light]) -> float:
    """The brightest light of the picture, but for a few outliers; 1 for paper."""
    counts = np.zeros(_BINS, np.int64)
    most = _PEAK / WHITE
    for band in brightest:
        bins = np.sqrt(np.minimum(band.ravel() / most, 1)) * (_BINS - 1)
        counts += np.bincount(bins.astype(np.int64), minlength=_BINS)
    place = np.searchsorted(np.cumsum(counts), (1 - _OUTLIERS) * counts.sum())
    return float((place / (_BINS - 1)) ** 2 * most)


def _rolled_off(light: Light, peak: float) -> Light:
    """What is brighter than paper brought below it; nothing else, where the picture has none."""
    if peak <= 1:
        return light
    largest = light.max(axis=-1)
    white, source = pq_values(np.array([WHITE, WHITE * peak]))
    whitest = white / source
    knee = 1.5 * whitest - 0.5
    grid = np.linspace(0, 1, 1024)
    t = np.clip((grid - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * whitest
    )
    mapped = np.where(grid < knee, grid, spline)
    before, after = pq_light(grid * source) / WHITE, pq_light(mapped * source) / WHITE
    gain = np.interp(largest, before[1:], after[1:] / before[1:])
    return np.asarray(light * gain[..., None].astype(np.float32))
