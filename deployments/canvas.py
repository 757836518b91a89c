"""The image double: a real model contract with a gradient that shows its prompt and seed, and no weights.

With the option `folder` it takes pictures from there instead, for work on what needs real ones without a model.
"""

import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from deployments.contract import (
    Capability,
    Context,
    Encoded,
    Frozen,
    Image,
    ImageInfo,
    ImageRequest,
    Licence,
    LoadFailed,
    ModelInfo,
)

MOST_PIXELS = 4 << 20  # 2048 x 2048
SHOWN_CHARACTERS = 2000  # of a prompt; no picture has room for more
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp"})


class CanvasRequest(ImageRequest):
    """A picture of the prompt's words."""

    steps: int = Field(default=1, ge=1, le=1000, description="Number of steps that the work is reported in.")
    step_s: float = Field(default=0.0, ge=0, le=10, description="How long each step pretends to work, in seconds.")


class CanvasOptions(Frozen):
    """How the pictures look, or where they come from; `fault`: what is wrong with them."""

    size: str = Field(default="512x512", pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$", description="Unless a request says.")
    colours: tuple[str, str] | None = Field(default=None, description="From and to, as #rrggbb; else the seed's.")
    folder: str | None = Field(default=None, description="Pictures (png, jpeg, webp) to take instead of drawing.")
    fault: Literal["flat"] | None = None

    @field_validator("size")
    @classmethod
    def _drawable(cls, size: str) -> str:
        width, height = pixels_of(size)
        if width * height > MOST_PIXELS:
            raise ValueError(f"{size} are {width * height} pixels, {MOST_PIXELS} are possible")
        return size

    @field_validator("colours")
    @classmethod
    def _named(cls, colours: tuple[str, str] | None) -> tuple[str, str] | None:
        for colour in colours or ():
            if len(colour) != 7 or colour[0] != "#" or not set(colour[1:]) <= set("0123456789abcdefABCDEF"):
                raise ValueError(f"'{colour}' is no colour; write #rrggbb, for instance #20304f")
        return colours


class Canvas:
    """The prompt and the seed over a gradient, whose direction and colours are drawn from the seed.

    From a folder: the picture that the hash of prompt and seed falls on, as it is, or cropped to an asked size.
    """

    info: ClassVar[ModelInfo] = ModelInfo(
        task="image",
        capabilities=frozenset({Capability.SEED, Capability.STEPS}),
        image=ImageInfo(max_pixels=MOST_PIXELS),
        licence=Licence(weights="Apache-2.0", commercial=True),
        revision="canvas-1",
    )
    Request: ClassVar[type[CanvasRequest]] = CanvasRequest
    Options: ClassVar[type[CanvasOptions]] = CanvasOptions

    def __init__(self, options: CanvasOptions | None = None) -> None:
        self.options = options or CanvasOptions()
        self.pictures: list[Path] = []

    def load(self) -> None:
        """Look what is in the folder, if one is given. Raises LoadFailed."""
        if self.options.folder is None:
            return
        folder = Path(self.options.folder).expanduser()
        if not folder.is_dir():
            raise LoadFailed(f"there is no folder {folder}; the option `folder` names one with pictures")
        self.pictures = sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
        if not self.pictures:
            raise LoadFailed(f"{folder} holds no picture ({', '.join(sorted(ENDINGS))})")

    def generate(self, request: CanvasRequest, context: Context) -> Image | Encoded:
        """Return a picture of the asked size, by default the option's. Raises Cancelled between steps."""
        for step in range(request.steps):
            context.check()
            if request.step_s and context.cancelled.wait(request.step_s):
                context.check()
            context.step(step + 1, request.steps)
        if self.pictures:
            return taken(self._chosen(request.prompt, context.seed), request.size_px)
        size = request.size_px or pixels_of(self.options.size)
        pixels = gradient(size, context.seed, self.options.colours)
        if self.options.fault == "flat":
            return Image(np.full_like(pixels, 128))
        return Image(written(pixels, request.prompt, f"seed {context.seed}"))

    def _chosen(self, prompt: str, seed: int) -> Path:
        digest = hashlib.sha256(f"{seed} {prompt}".encode()).digest()
        return self.pictures[int.from_bytes(digest[:8], "big") % len(self.pictures)]


def pixels_of(size: str) -> tuple[int, int]:
    """(width, height) of `512x512`."""
    width, _, height = size.partition("x")
    return int(width), int(height)


def gradient(size: tuple[int, int], seed: int, colours: tuple[str, str] | None) -> NDArray[np.uint8]:
    """Pixels (height, width, 3) from one colour to another, in the seed's direction; unnamed colours are the seed's."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi)
    drawn = rng.integers(0, 256, (2, 3))
    ends = np.array([list(bytes.fromhex(colour[1:])) for colour in colours] if colours else drawn, np.float32)
    width, height = size
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    share = (x + y + np.float32(1.5)) / np.float32(3)  # |x + y| is at most sqrt(2)
    shade = ends[0] + share[:, :, None] * (ends[1] - ends[0])
    pixels: NDArray[np.uint8] = np.rint(shade).astype(np.uint8)
    return pixels


def written(pixels: NDArray[np.uint8], *paragraphs: str) -> NDArray[np.uint8]:
    """The pixels with words over them, in black or white, whichever is read more easily."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    height, width, _ = pixels.shape
    picture = Pillow.fromarray(pixels)
    draw, size_px = ImageDraw.Draw(picture), max(10, min(width, height) // 16)
    font = ImageFont.load_default(size_px)
    margin, line_px = width // 16, round(size_px * 1.4)
    room = max(1, (height - 2 * margin) // line_px)
    lines = [line for text in paragraphs[:-1] for line in wrapped(text, font, width - 2 * margin)][: room - 1]
    ink = "black" if pixels.mean() > 127 else "white"
    for place, line in enumerate([*lines, paragraphs[-1]]):
        draw.text((margin, margin + place * line_px), line, ink, font)
    return np.asarray(picture)


def wrapped(text: str, font: Any, width_px: int) -> Iterator[str]:
    """Lines that fit; a word that does not is broken."""
    line = ""
    for word in text[:SHOWN_CHARACTERS].split():
        wider = f"{line} {word}".lstrip()
        if font.getlength(wider) <= width_px:
            line = wider
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if line and font.getlength(line + letter) > width_px:
                yield line
                line = ""
            line += letter
    if line:
        yield line


def taken(file: Path, size: tuple[int, int] | None) -> Image | Encoded:
    """A picture from a file: as it is, or scaled and cropped to a size."""
    if size is None:
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Encoded(file.read_bytes(), media_type)
    from PIL import Image as Pillow
    from PIL import ImageOps

    with Pillow.open(file) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        return Image(np.asarray(ImageOps.fit(upright, size)))
