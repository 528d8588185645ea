"""Named styles that need no reference picture: drawings, paintings, prints and films by classical filters."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from indexer.types import Floats
from tuner.creative.filters import blurred, brushed, graded, lines, smoothed, stroked, vivid
from tuner.raster import luminance
from tuner.tiles import tiled
from tuner.work import Work

UNIT = 1 / 1000
"""Lengths are measured in this part of the longer side, so that a picture looks alike at any size."""
FINEST = 1600
"""Longer side in pixels that textures are made at; larger pictures have them enlarged."""


@dataclass(frozen=True)
class Preset:
    """One style."""

    summary: str
    draw: Callable[[Floats, Floats, float], Floats]
    """Colours [h, w, 3] in 0..1, texture [h, w], pixels of a unit -> colours."""
    texture: Callable[[Floats, float], Floats]
    """White noise [h, w] of the whole picture, pixels of a unit -> what lies over it: paper, grain, dots."""
    reach: float
    """Units that a pixel depends on others within."""


def apply_preset(name: str, picture: Floats, work: Work) -> Floats:
    """The picture [h, w, 3] in the style of that name, one of PRESETS; part by part, with no seam."""
    preset = PRESETS[name]
    height, width = picture.shape[:2]
    scale = min(1, FINEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    noise = np.random.default_rng(work.seed).standard_normal(size, np.float32)
    texture = preset.texture(noise, max(size) * UNIT)
    if scale < 1:
        texture = np.asarray(cv2.resize(texture, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    unit = max(height, width) * UNIT

    def draw(part: Floats) -> Floats:
        drawn = preset.draw(np.ascontiguousarray(part[..., :3]), part[..., 3], unit)
        return np.clip(drawn, 0, 1).astype(np.float32)

    return tiled(draw, np.dstack([picture, texture]), work, halo=int(preset.reach * unit) + 8, what=name)


def _pencil(rgb: Floats, texture: Floats, unit: float) -> Floats:
    """Lines by dodging, tone by hatching: the darker, the more of the strokes come through."""
    grey = smoothed(luminance(rgb), max(1, round(2 * unit)), 0.06)
    outline = np.clip(grey / (blurred(grey, 5 * unit + 0.5) + 0.02), 0, 1) ** 2.5
    tone = 1 - 0.6 * (1 - np.clip(blurred(grey, 2.5 * unit + 0.3), 0, 1)) ** 1.4
    hatched = tone + 0.3 * texture * (1 - tone)
    return _grey(np.clip(outline, 0, 1) * np.clip(hatched, 0.05, 1) * 0.98)


def _ink(rgb: Floats, _texture: Floats, unit: float) -> Floats:
    grey = smoothed(luminance(rgb), max(1, round(2 * unit)), 0.04)
    return graded(lines(grey, 1.1 * unit + 0.4, 16, 0.42), ("#14161c", "#fbf8f1"))


def _watercolour(rgb: Floats, texture: Floats, unit: float) -> Floats:
    """Flat washes that are thin in light parts, darker along their edges, on grained paper."""
    wash = brushed(smoothed(rgb, max(1, round(6 * unit)), 0.12), 3.5 * unit + 0.5)
    wash = vivid(wash, 1.35) ** 0.8
    rim = luminance(wash - blurred(wash, 3 * unit + 0.5))
    density = 1 + 0.09 * texture + 2.5 * np.maximum(-rim, 0)
    pigment = -np.log(np.clip(wash, 0.02, 0.985))  # thicker paint absorbs more: Beer and Lambert
    painted = np.exp(-pigment * np.clip(density, 0.4, 1.8)[..., None])
    return np.asarray(painted * np.array([1, 0.992, 0.97]), np.float32)  # on paper that isn't quite white


def _oil(rgb: Floats, texture: Floats, unit: float) -> Floats:
    """Strokes with the relief of thick paint, lit from the upper left."""
    paint = vivid(brushed(brushed(rgb, 7 * unit + 0.5), 4 * unit + 0.5), 1.25)
    height = blurred(luminance(paint), 0.6 * unit + 0.3) + 0.02 * texture
    across, down = cv2.Sobel(height, -1, 1, 0, scale=0.25), cv2.Sobel(height, -1, 0, 1, scale=0.25)
    relief = np.clip((across + down) * unit * 0.7, -0.12, 0.12)
    outcome: Floats = paint + relief[..., None]
    return outcome


def _sepia(rgb: Floats, texture: Floats, _unit: float) -> Floats:
    grey = np.clip(_contrasted(luminance(rgb)) + 0.012 * texture, 0, 1)
    return graded(grey, ("#1d120a", "#6b4a2f", "#c09a6b", "#f6e7c8"))


def _duotone(rgb: Floats, _texture: Floats, _unit: float) -> Floats:
    return graded(_contrasted(luminance(rgb)), ("#1b1464", "#c2366b", "#ffd9a0"))


def _pop_art(rgb: Floats, texture: Floats, unit: float) -> Floats:
    """Few flat bright colours, dots for the shades between them, and black outlines."""
    flat = vivid(brushed(rgb, 3 * unit + 0.5), 2.2)
    flat = np.clip((flat - 0.5) * 1.25 + 0.54, 0, 1)
    steps = flat * 3 + (0.42 * texture)[..., None]
    printed = np.clip(np.rint(steps) / 3, 0, 1)
    outline = lines(smoothed(luminance(rgb), max(1, round(2 * unit)), 0.06), 1.4 * unit + 0.4, 12, 0.2)
    outcome: Floats = printed * outline[..., None]
    return outcome


def _film(rgb: Floats, texture: Floats, _unit: float) -> Floats:
    """Lifted blacks, cool shadows, warm lights, grain that is strongest in the middle tones."""
    faded = 0.07 + 0.86 * _contrasted(vivid(rgb, 0.85))
    grey = luminance(faded)[..., None]
    tint = (1 - grey) * np.array([-0.02, 0.005, 0.035], np.float32) + grey * np.array([0.05, 0.015, -0.06], np.float32)
    grain = 0.12 * texture[..., None] * grey * (1 - grey)
    outcome: Floats = faded + tint + grain
    return outcome


def _grey(values: Floats) -> Floats:
    return np.repeat(values[..., None], 3, 2)


def _contrasted(values: Floats) -> Floats:
    """An S-shaped curve, half way between a straight one and a smooth step."""
    curved: Floats = 0.5 * values + 0.5 * values * values * (3 - 2 * values)
    return curved


def _hatching(noise: Floats, unit: float) -> Floats:
    first, second = stroked(noise, 26 * unit, -0.9), stroked(noise[::-1, ::-1], 20 * unit, 0.7)
    hatched: Floats = 0.75 * first + 0.5 * second
    return hatched


def _paper(noise: Floats, unit: float) -> Floats:
    """Grain of rough paper, and the uneven flow of water above it."""
    grain, flow = blurred(noise, 0.9 * unit + 0.3), blurred(noise[::-1], 25 * unit + 1)
    paper: Floats = 0.45 * grain / max(1e-6, float(grain.std())) + flow / max(1e-6, float(flow.std()))
    return paper


def _canvas(noise: Floats, unit: float) -> Floats:
    return stroked(noise, 14 * unit, 0.6)


def _grain(noise: Floats, unit: float) -> Floats:
    grain = blurred(noise, 0.5 * unit + 0.2)
    outcome: Floats = grain / max(1e-6, float(grain.std()))
    return outcome


def _dots(noise: Floats, unit: float) -> Floats:
    """A printer's screen at 45 degrees, -1..1."""
    rows, columns = np.indices(noise.shape, np.float32)
    turn = np.float32(np.pi / (7 * max(unit, 0.3)))
    screen: Floats = np.cos((columns + rows) * turn / 2) * np.cos((columns - rows) * turn / 2)
    return screen


def _plain(noise: Floats, _unit: float) -> Floats:
    return np.zeros_like(noise)


PRESETS = {
    "pencil": Preset("graphite on paper: lines and hatching", _pencil, _hatching, 20),
    "ink": Preset("black pen on white", _ink, _plain, 14),
    "watercolour": Preset("washes with dark rims on rough paper", _watercolour, _paper, 32),
    "oil": Preset("thick strokes on canvas", _oil, _canvas, 32),
    "sepia": Preset("brown tones of an old print", _sepia, _grain, 1),
    "duotone": Preset("two printing colours, blue to peach", _duotone, _plain, 1),
    "pop-art": Preset("flat bright colours, printed dots and outlines", _pop_art, _dots, 16),
    "film": Preset("faded colour film with grain", _film, _grain, 1),
}
"""Name -> style."""
