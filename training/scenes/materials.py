"""Materials with the small irregularities of real surfaces, from procedural textures."""

from __future__ import annotations

import bpy

SOCKETS = {
    "color": "Base Color",
    "roughness": "Roughness",
    "metallic": "Metallic",
    "ior": "IOR",
    "alpha": "Alpha",
    "transmission": "Transmission Weight",
    "coat": "Coat Weight",
    "coat_roughness": "Coat Roughness",
    "sheen": "Sheen Weight",
    "sheen_roughness": "Sheen Roughness",
    "sheen_tint": "Sheen Tint",
    "specular": "Specular IOR Level",
    "subsurface": "Subsurface Weight",
    "subsurface_scale": "Subsurface Scale",
    "emission": "Emission Color",
    "emission_strength": "Emission Strength",
    "anisotropic": "Anisotropic",
    "normal": "Normal",
}


def rgb(color: str | tuple) -> tuple[float, float, float, float]:
    """`#rrggbb` (sRGB) as linear RGBA; tuples pass as they are, given an alpha."""
    if not isinstance(color, str):
        return (*color[:3], 1.0)
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return (*linear, 1.0)


class Surface:
    """A material under construction: one Principled BSDF and what feeds it."""

    def __init__(self, name: str, color: str | tuple = "#808080", **inputs) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.bsdf = self.tree.nodes["Principled BSDF"]
        self.set(color=rgb(color), **inputs)

    def set(self, **inputs) -> Surface:
        """Set or link inputs of the BSDF by their short names."""
        for key, value in inputs.items():
            self._feed(self.bsdf.inputs[SOCKETS[key]], value)
        return self

    def _feed(self, socket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif isinstance(value, str):
            socket.default_value = rgb(value)
        else:
            socket.default_value = value

    def node(self, kind: str, /, out: int | str = 0, settings: dict | None = None, **inputs):
        """Add a node; keyword names are its inputs (spaces as _). Returns the output socket."""
        node = self.tree.nodes.new("ShaderNode" + kind)
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            name = key.replace("_", " ")
            socket = next((s for s in node.inputs if s.name == name and s.enabled), None)
            self._feed(socket if socket is not None else node.inputs[int(key[1:])], value)
        return node.outputs[out]

    def where(self, space: str = "Object", scale=(1, 1, 1)):
        """Texture coordinates: Object (units), UV or Generated, scaled."""
        return self.node("Mapping", Vector=self.node("TexCoord", space), Scale=scale)

    def noise(self, scale: float, detail: float = 4, space="Object", stretch=(1, 1, 1), rough=0.5):
        """Fractal noise, 0 to 1."""
        return self.node(
            "TexNoise",
            Vector=self.where(space, stretch),
            Scale=scale,
            Detail=detail,
            Roughness=rough,
        )

    def math(self, operation: str, a, b=0.0):
        """One arithmetic node."""
        return self.node("Math", settings={"operation": operation}, _0=a, _1=b)

    def ramp(self, factor, *stops: tuple[float, str | tuple], ease: str = "LINEAR"):
        """Colours at positions along `factor`."""
        out = self.node("ValToRGB", _0=factor)
        band = out.node.color_ramp
        band.interpolation = ease
        while len(band.elements) < len(stops):
            band.elements.new(0.5)
        for element, (position, color) in zip(band.elements, stops, strict=True):
            element.position, element.color = position, rgb(color)
        return out

    def span(self, factor, low: float, high: float):
        """Map 0..1 to low..high."""
        return self.node("MapRange", Value=factor, To_Min=low, To_Max=high)

    def mix(self, factor, a, b, blend: str = "MIX"):
        """Blend two colours."""
        out = self.node("Mix", out=2, settings={"data_type": "RGBA", "blend_type": blend})
        inputs = out.node.inputs
        for socket, value in zip((inputs[0], inputs[6], inputs[7]), (factor, a, b), strict=True):
            self._feed(socket, value)
        return out

    def bump(self, height, strength: float, distance: float = 0.02) -> Surface:
        """Add relief; calls stack."""
        above = self.bsdf.inputs["Normal"].links
        inputs = {"Height": height, "Strength": strength, "Distance": distance}
        if above:
            inputs["Normal"] = above[0].from_socket
        return self.set(normal=self.node("Bump", **inputs))

    def image(self, picture, space: str = "UV"):
        """An image texture's colour output (alpha is output 1 of the same node)."""
        return self.node(
            "TexImage", settings={"image": picture, "extension": "EXTEND"}, Vector=self.where(space)
        )


def plastic(color, roughness: float = 0.35, grain: float = 0.06, **inputs) -> Surface:
    """Moulded plastic or lacquer with slightly uneven gloss."""
    s = Surface("plastic", color, **inputs)
    s.set(roughness=s.span(s.noise(6, 5), max(roughness - 0.08, 0.02), roughness + 0.08))
    return s.bump(s.noise(60, 3), grain, 0.004)


def ceramic(color, roughness: float = 0.22, speckle: str | None = None, **inputs) -> Surface:
    """Glazed ceramic, with iron speckles if given a colour for them."""
    s = Surface("ceramic", color, **{"coat": 0.6, "coat_roughness": 0.08, **inputs})
    s.set(roughness=s.span(s.noise(2.5, 4), roughness * 0.7, roughness * 1.5))
    if speckle:
        cells = s.node("TexVoronoi", "Distance", Vector=s.where(), Scale=15.0)
        size = s.math("MULTIPLY", s.noise(9, 2), 0.36)
        dots = s.math("LESS_THAN", cells, s.math("SUBTRACT", size, 0.13))
        tone = s.mix(s.noise(1.2, 3), rgb(color), tuple(c * 0.8 for c in rgb(color)))
        s.set(color=s.mix(dots, tone, rgb(speckle)))
    return s.bump(s.noise(3, 3), 0.12, 0.02)


def metal(color, roughness: float = 0.2, brushed: float = 0.0, **inputs) -> Surface:
    """Metal; `brushed` stretches the highlights and adds fine lines."""
    s = Surface("metal", color, metallic=1.0, anisotropic=brushed, **inputs)
    s.set(roughness=s.span(s.noise(4, 6), roughness * 0.75, roughness * 1.3))
    if brushed:
        s.bump(s.noise(40, 2, stretch=(1, 1, 30)), 0.05 * brushed, 0.003)
    return s


def glass(color="#ffffff", roughness: float = 0.0, ior: float = 1.5, **inputs) -> Surface:
    """Clear or tinted glass."""
    return Surface("glass", color, transmission=1.0, roughness=roughness, ior=ior, **inputs)


def leather(color, roughness: float = 0.45, scale: float = 14.0, **inputs) -> Surface:
    """Grained leather: cells, creases, and tone that follows them."""
    s = Surface("leather", color, **{"coat": 0.1, "coat_roughness": 0.35, **inputs})
    cells = s.node("TexVoronoi", "Distance", Vector=s.where(), Scale=scale * 2.2)
    broad = s.noise(1.5, 5)
    base = rgb(color)
    s.set(color=s.mix(broad, tuple(c * 0.78 for c in base), tuple(min(c * 1.18, 1) for c in base)))
    s.set(roughness=s.span(s.noise(scale, 4), roughness - 0.1, roughness + 0.15))
    return s.bump(cells, 0.30, 0.008).bump(s.noise(scale * 2, 5), 0.12, 0.006)


def weave(
    color,
    threads: float | tuple = 60.0,
    space: str = "UV",
    second=None,
    depth: float = 0.5,
    **inputs,
) -> Surface:
    """Woven cloth: `threads` per unit of the coordinates, warp and weft in one or two colours."""
    s = Surface("weave", color, **{"roughness": 0.85, "sheen": 0.25, "specular": 0.25, **inputs})
    tu, tv = threads if isinstance(threads, tuple) else (threads, threads)
    scaled = s.node("SeparateXYZ", Vector=s.where(space, (tu * 3.1416, tv * 3.1416, 1)))
    u, v = s.math("SINE", scaled), s.math("SINE", scaled.node.outputs[1])
    over = s.math("MULTIPLY", u, v)
    height = s.math("MAXIMUM", s.math("ABSOLUTE", u), s.math("ABSOLUTE", v))
    base = rgb(color)
    other = rgb(second) if second else tuple(c * 0.82 for c in base)
    blotch = s.mix(s.noise(3, 5), tuple(c * 0.88 for c in base), base)
    s.set(color=s.mix(s.span(over, 0.0, 1.0), blotch, other))
    return s.bump(height, depth, 0.01).bump(s.noise(50, 2), 0.2, 0.01)


def wood(
    dark="#5b3a22",
    light="#a9784c",
    roughness: float = 0.42,
    scale: float = 1.0,
    along: str = "X",
    **inputs,
) -> Surface:
    """Boards with long grain running `along` an axis, pores and a worn finish."""
    long = {"X": (0.08, 1, 1), "Y": (1, 0.08, 1), "Z": (1, 1, 0.08)}[along]
    fine = {"X": (0.03, 1, 1), "Y": (1, 0.03, 1), "Z": (1, 1, 0.03)}[along]
    s = Surface("wood", light, **{"coat": 0.15, "coat_roughness": 0.3, **inputs})
    bands = s.noise(2.2 * scale, 6, stretch=long, rough=0.62)
    rings = s.math("FRACT", s.math("MULTIPLY", bands, 7.0))
    pores = s.noise(24 * scale, 4, stretch=fine, rough=0.7)
    tone = s.mix(s.span(rings, 0.15, 0.85), rgb(light), rgb(dark))
    s.set(
        color=s.mix(
            s.ramp(pores, (0.35, "#ffffff"), (0.6, "#000000")), tone, s.mix(0.45, tone, rgb(dark))
        )
    )
    s.set(roughness=s.span(s.noise(3, 5), roughness - 0.1, roughness + 0.14))
    return s.bump(pores, 0.12, 0.01).bump(rings, 0.04, 0.01)


def painted(color, roughness: float = 0.7, relief: float = 0.15, scale: float = 12.0) -> Surface:
    """A painted wall or paper sweep."""
    s = Surface("painted", color)
    base = rgb(color)
    s.set(color=s.mix(s.noise(0.25, 3), tuple(c * 0.94 for c in base), base))
    s.set(roughness=s.span(s.noise(2, 3), roughness - 0.08, roughness + 0.08))
    return s.bump(s.noise(scale, 5), relief, 0.02)


def printed(picture, roughness: float = 0.4, **inputs) -> Surface:
    """Paper or film printed with an image (UV map)."""
    s = Surface("print", **inputs)
    s.set(color=s.image(picture), roughness=roughness)
    return s.bump(s.noise(40, 3), 0.04, 0.004)
