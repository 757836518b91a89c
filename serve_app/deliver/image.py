"""Pictures on their way to a file: settings, limits, what is refused, encoding, a thumbnail."""

import io
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deployments.contract import Encoded, Image, ImageInfo, ModelInfo, Product
from serve_app.deliver.delivery import Delivered, File, Finding, Kind, Settings, finding
from serve_app.errors import UnusableImage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ImageFormat = Literal["png", "webp", "jpeg"]

MOST_PIXELS = 1 << 26  # 8192 x 8192; of a file that was made elsewhere, known before it is decoded
QUALITY = 90
THUMBNAIL_PX, THUMBNAIL_QUALITY = 256, 80
_LONGEST_SIDE = {"webp": 16_383, "jpeg": 65_535}
_READ = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")  # Pillow also knows formats that start other programs
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)  # what Pillow raises for files


class ImageSettings(Settings):
    """How a finished picture leaves: part of every request for one, whatever model makes it."""

    format: ImageFormat = Field(default="png", description="png is lossless; webp and jpeg are smaller.")
    quality: int | None = Field(
        default=None, ge=0, le=100, description=f"Of webp and jpeg, the higher the larger; {QUALITY} if absent."
    )


class ImageDelivery:
    """Pictures from words. Opacity leaves as it came where the format has it, else the picture lies on white."""

    kind: ClassVar[Kind] = "image"
    settings: ClassVar[type[Settings]] = ImageSettings
    aliases: ClassVar[Mapping[str, str]] = {"output_format": "format", "output_compression": "quality"}
    companions: ClassVar[Mapping[str, str]] = {"thumbnail": "thumbnail.webp"}

    def fits(self, info: ModelInfo) -> bool:
        """It needs ImageInfo."""
        return info.image is not None

    def limits(self, request: Any, settings: ImageSettings, info: ModelInfo, name: str) -> list[Finding]:
        """An empty prompt, a size that the model does not paint or the format does not hold, a quality of png."""
        if not request.prompt.strip():
            return [finding("prompt", "the prompt is empty")]
        if settings.quality is not None and settings.format == "png":
            return [finding("quality", "png is lossless; quality is of webp and jpeg")]
        wrong = request.size_px and _wrong_size(request.size_px, settings.format, _image(info), name)
        return [finding("size", wrong)] if wrong else []

    def settled(self, request: Any, info: ModelInfo) -> Any:
        """As it is."""
        return request

    def for_another(self, given: Mapping[str, Any], asked: ModelInfo, info: ModelInfo) -> dict[str, Any]:
        """As it is."""
        return dict(given)

    def too_large(self, request: Any, settings: ImageSettings, info: ModelInfo, most_bytes: int) -> list[Finding]:
        """A picture that would not fit, with its opacity."""
        width, height = request.size_px or (0, 0)
        size = width * height * 4
        if size <= most_bytes:
            return []
        text = f"{request.size} are {size / 2**20:.0f} MiB in memory, {most_bytes / 2**20:g} MiB are possible"
        return [finding("size", text)]

    def resolved(self, settings: ImageSettings, info: ModelInfo) -> dict[str, Any]:
        """With the quality that is meant."""
        plain = settings.model_dump(mode="json", exclude={"n"})
        quality = QUALITY if settings.quality is None and settings.format != "png" else settings.quality
        return {**plain, "quality": quality}

    def deliver(self, product: list[Product], request: Any, settings: Mapping[str, Any]) -> Delivered:
        """Check and encode, the whole and a thumbnail; nothing but pixels is kept. Raises UnusableImage."""
        clock = [time.perf_counter()]
        picture = _seen(product.pop())
        clock.append(time.perf_counter())
        file = encoded(picture, settings["format"], settings["quality"])
        small = picture.copy()
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        thumbnail = encoded(small, "webp", THUMBNAIL_QUALITY)
        clock.append(time.perf_counter())
        facts = {
            "kind": self.kind,
            "width": picture.width,
            "height": picture.height,
            "flagged": None,  # nobody has looked
            "quality": {"ok": True},
        }
        metrics = {"finish_s": clock[1] - clock[0], "encode_s": clock[2] - clock[1]}
        return Delivered(file, facts, metrics, companions={"thumbnail": thumbnail})

    def score(
        self, parts: Mapping[str, Any], request: Mapping[str, Any], delivered: Delivered
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Nobody scores pictures."""
        return {}, {}


def encoded(picture: "Picture", format: str, quality: int | None) -> File:
    """The bytes of a png, webp or jpeg file: the same pixels give the same bytes."""
    if format == "jpeg" and picture.mode == "RGBA":
        picture = _over_white(picture)
    options: dict[str, Any] = {"png": {"compress_level": 3}, "webp": {"method": 4}, "jpeg": {}}[format]
    if quality is not None:
        options["quality"] = max(1, quality)  # Pillow takes 0 for its default
    made = io.BytesIO()
    picture.save(made, format, **options)
    return File(made.getvalue(), f"image/{format}")


def _over_white(picture: "Picture") -> "Picture":
    from PIL import Image as Pillow

    ground = Pillow.new("RGBA", picture.size, "white")
    return Pillow.alpha_composite(ground, picture).convert("RGB")


def _seen(product: Product) -> "Picture":
    """The product as an RGB picture, or RGBA if any of it is not opaque. Raises UnusableImage."""
    from PIL import Image as Pillow

    if isinstance(product, Encoded):
        picture = _opened(product)
    elif isinstance(product, Image):
        picture = Pillow.fromarray(_pixels(product))
    else:
        raise UnusableImage(f"The model returned {type(product).__name__}; Image is needed")
    extremes: Any = picture.getextrema()
    if picture.mode == "RGBA" and extremes[3] == (255, 255):
        picture, extremes = picture.convert("RGB"), extremes[:3]
    if picture.mode == "RGBA" and extremes[3] == (0, 0):
        raise UnusableImage("The model returned a picture of which nothing is visible")
    if all(low == high for low, high in extremes):
        colour = "#" + "".join(f"{low:02x}" for low, _ in extremes)
        raise UnusableImage(f"The model returned a picture of one single colour, {colour}")
    picture.info = {}  # what Pillow would write beside the pixels: profile, comments, EXIF
    return picture


def _pixels(image: Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image.pixels)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise UnusableImage(f"The model returned shape {pixels.shape}; (height, width, 3 or 4) is needed")
    if pixels.dtype != np.uint8:
        bad = np.issubdtype(pixels.dtype, np.floating) and not np.isfinite(pixels).all()
        raise UnusableImage(f"The model returned {pixels.dtype}{', some of it NaN' if bad else ''}; uint8 is needed")
    return pixels


def _opened(file: Encoded) -> "Picture":
    """The first picture of a file, upright, in sRGB; what format it has is told by its content."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(io.BytesIO(file.data), formats=_READ) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnusableImage(f"The file that the model returned has {picture.width} x {picture.height} pixels")
            return _in_srgb(ImageOps.exif_transpose(picture))
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise UnusableImage("The file that the model returned has too many pixels") from None
    except _BROKEN as error:
        raise UnusableImage(
            f"The file that the model returned ({file.media_type}) cannot be read: {str(error)[:200]}"
        ) from None


def _in_srgb(picture: "Picture") -> "Picture":
    """As RGB or RGBA, of 8 bits, by the profile that the picture brings."""
    from PIL import Image as Pillow
    from PIL import ImageCms

    if picture.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off at 255
        grey = np.asarray(picture)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise UnusableImage("The file that the model returned has over 16 bits of grey")
        picture = Pillow.fromarray((grey >> 8).astype(np.uint8))
    elif picture.mode == "F":
        raise UnusableImage("The file that the model returned holds floating point numbers")
    profile = picture.info.get("icc_profile")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    if picture.mode != "CMYK":
        picture = picture.convert(mode)
    if profile:
        with suppress(ImageCms.PyCMSError, OSError):  # of grey, or none: the colours are taken as they are
            own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            picture = ImageCms.profileToProfile(picture, own, srgb, outputMode=mode) or picture
    return picture.convert(mode)


def _wrong_size(size: tuple[int, int], format: ImageFormat, paints: ImageInfo, name: str) -> str | None:
    pixels, most, grid, longest = size[0] * size[1], paints.max_pixels, paints.multiple_of, _LONGEST_SIDE.get(format)
    if pixels > most:
        return f"{size[0]}x{size[1]} are {pixels} pixels; model '{name}' paints at most {most}"
    if size[0] % grid or size[1] % grid:
        return f"width and height must be multiples of {grid} for model '{name}'"
    if longest is not None and max(size) > longest:
        return f"a side of a {format} has at most {longest} pixels"
    return None


def _image(info: ModelInfo) -> ImageInfo:
    assert info.image is not None  # the catalogue refuses a model of this medium without
    return info.image
