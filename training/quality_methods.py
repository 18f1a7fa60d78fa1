"""What the quality page compares: ours as the server does it, interpolation, public networks."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import cv2
import ncnn
import numpy as np
from PIL import Image

from edge.deadline import Deadline
from edge.models.embedded import EmbeddedModels
from edge.models.upscaling import upscale
from training.upscaling import measure

ANCHORS = {2: ("FSRCNN_x2", "ESPCN_x2"), 4: ("FSRCNN_x4", "ESPCN_x4")}
GAN = "Real-ESRGAN"

Method = Callable[[np.ndarray], np.ndarray]


def lanczos(scale: int) -> Method:
    def enlarge(picture: np.ndarray) -> np.ndarray:
        size = picture.shape[1] * scale, picture.shape[0] * scale
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))

    return enlarge


def ours(models: EmbeddedModels, name: str, scale: int) -> Method:
    """As the server does it, tiles and all."""

    def enlarge(picture: np.ndarray) -> np.ndarray:
        larger = asyncio.run(upscale(models, picture, scale, Deadline.after(600), model=name))
        return larger[..., :3]

    return enlarge


def opencv(file: Path, scale: int) -> Method:
    """A TensorFlow graph by OpenCV: it enlarges luma, OpenCV the chroma."""
    network = cv2.dnn_superres.DnnSuperResImpl_create()
    network.readModel(str(file))
    network.setModel(file.stem.split("_")[0].lower(), scale)
    return lambda picture: network.upsample(picture[:, :, ::-1].copy())[:, :, ::-1]


def gan(folder: Path) -> Method:
    """Real-ESRGAN General x4 v3 by ncnn, RGB of 0 to 1 in and out."""
    network = ncnn.Net()
    network.opt.num_threads = 1
    network.load_param(str(folder / "RealESRGAN_General_x4_v3.param"))
    network.load_model(str(folder / "RealESRGAN_General_x4_v3.bin"))

    def enlarge(picture: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
        run = network.create_extractor()
        run.input("data", ncnn.Mat(planes))
        _, made = run.extract("output")
        levels = np.array(made).transpose(1, 2, 0) * 255
        return np.clip(np.rint(levels), 0, 255).astype(np.uint8)

    return enlarge


def methods(models: EmbeddedModels, anchors: Path, scale: int) -> dict[str, Method]:
    """Everything that is compared at one scale, by the name that the tables show."""
    found: dict[str, Method] = {"Lanczos": lanczos(scale)}
    for name in ANCHORS[scale]:
        found[name.split("_")[0]] = opencv(anchors / f"{name}.pb", scale)
    if scale == 4:
        found[GAN] = gan(anchors)
    for name in (f"upscale_x{scale}", f"upscale_x{scale}_photo"):
        found[f"`{name}`"] = ours(models, name, scale)
    return found


def gmsd(made: np.ndarray, truth: np.ndarray, border: int) -> float:
    """Gradient magnitude similarity deviation of luma, 0 is equal (Xue, Zhang, Mou, Bovik 2014)."""

    def magnitude(picture: np.ndarray) -> np.ndarray:
        inner = measure.luma(picture)[border:-border, border:-border]
        half = cv2.blur(inner, (2, 2))[::2, ::2]
        across = cv2.filter2D(half, -1, np.array([[1, 0, -1]] * 3) / 3)
        down = cv2.filter2D(half, -1, np.array([[1, 0, -1]] * 3).T / 3)
        return np.hypot(across, down)

    one, other = magnitude(made), magnitude(truth)
    return float(((2 * one * other + 170) / (one**2 + other**2 + 170)).std())
