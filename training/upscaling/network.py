"""The upscaler: plain 3x3 convolutions at source resolution, a residual over the nearest pixel.

Training sees each convolution as a sum of branches (3x3, 1x1 then 3x3, edge filters, identity;
after ECBSR, Zhang et al. 2021, and SESR, Bhardwaj et al. 2022). The sum is linear, so it is taken
over the *kernels* in every step: training costs what the plain network costs, and the collapsed
network is the same function, zero padding included.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1  # of the leaky rectifier: ONNX Runtime fuses it into the convolution, PReLU it does not
EDGES = torch.tensor(
    [
        [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
        [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    ],
    dtype=torch.float32,
)


class Collapsible(nn.Module):
    """A 3x3 convolution, over-parameterised; `kernel` is the one that it amounts to."""

    def __init__(self, inputs: int, outputs: int, middle: int, gain: float = 1.0) -> None:
        super().__init__()
        self.plain = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        nn.init.kaiming_normal_(self.plain, a=SLOPE)
        self.plain.data.mul_(gain)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.squeeze = nn.Parameter(torch.randn(middle, inputs) / inputs**0.5)
        spread = gain * 0.3 / (9 * max(middle, 1)) ** 0.5
        self.expand = nn.Parameter(torch.randn(outputs, middle, 3, 3) * spread)
        self.mix = nn.Parameter(torch.randn(len(EDGES), outputs, inputs) * gain * 0.1 / inputs**0.5)
        self.register_buffer("edges", EDGES.clone(), persistent=False)

    def kernel(self) -> Tensor:
        """float32 [outputs, inputs, 3, 3]"""
        if self.squeeze.numel() == 0:
            return self.plain
        with torch.autocast(self.plain.device.type, enabled=False):
            expanded = torch.einsum("omyx,mi->oiyx", self.expand, self.squeeze)
            return self.plain + expanded + torch.einsum("koi,kyx->oiyx", self.mix, self.edges)

    def forward(self, picture: Tensor) -> Tensor:
        return functional.conv2d(picture, self.kernel(), self.bias, padding=1)


class Plain(nn.Module):
    """What a Collapsible collapses into."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, picture: Tensor) -> Tensor:
        return functional.conv2d(picture, self.weight, self.bias, padding=1)


class Upscaler(nn.Module):
    """RGB in [0, 1], NCHW, to the same `scale` times as large; not clipped."""

    def __init__(self, scale: int, width: int = 32, depth: int = 8, middle: int = 64) -> None:
        super().__init__()
        self.scale, self.width, self.depth, self.middle = scale, width, depth, middle
        self.head = Collapsible(3, width, middle)
        # Blocks start as small changes of the identity, which sits in the same kernel.
        self.body = nn.ModuleList(Collapsible(width, width, middle, 0.5) for _ in range(depth))
        self.tail = Collapsible(width, 3 * scale * scale, middle, 0.1)
        for block in self.body:
            block.plain.data[:, :, 1, 1] += torch.eye(width)

    @property
    def radius(self) -> int:
        """Source pixels on each side that an output pixel depends on."""
        return self.depth + 2

    def residual(self, picture: Tensor) -> Tensor:
        """[N,3,H,W] -> [N, scale*scale*3, H, W]: row, column, colour of the pixels in each cell."""
        first = functional.leaky_relu(self.head(picture), SLOPE)
        features = first
        for block in self.body:
            features = functional.leaky_relu(block(features), SLOPE)
        return self.tail(features + first)

    def cells(self, picture: Tensor) -> Tensor:
        """[N,3,H,W] -> [N, row, column, 3, H, W]: the enlarged picture, cell by cell."""
        n, _, h, w = picture.shape
        residual = self.residual(picture).float().view(n, self.scale, self.scale, 3, h, w)
        return residual + picture[:, None, None]

    def forward(self, picture: Tensor) -> Tensor:
        n, _, h, w = picture.shape
        cells = self.cells(picture).permute(0, 3, 4, 1, 5, 2)
        return cells.reshape(n, 3, self.scale * h, self.scale * w)

    def options(self) -> dict[str, int]:
        return {k: getattr(self, k) for k in ("scale", "width", "depth", "middle")}


def collapse(network: Upscaler) -> Upscaler:
    """The same function with one kernel per convolution."""
    flat = Upscaler(**network.options())

    def plain(layer: Collapsible) -> Plain:
        return Plain(layer.kernel().detach().clone(), layer.bias.detach().clone())

    flat.head, flat.tail = plain(network.head), plain(network.tail)
    flat.body = nn.ModuleList(plain(block) for block in network.body)
    return flat.eval()
