"""Pictures as they leave: what they hold, what is refused, what a file from elsewhere becomes."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, PngImagePlugin

from deployments.contract import Audio, Encoded, Image, ImageInfo, ImageRequest, Licence, ModelInfo
from serve_app.deliver import image as module
from serve_app.deliver.delivery import Delivered, File
from serve_app.deliver.image import ImageDelivery, ImageSettings
from serve_app.errors import UnusableImage

DELIVERY = ImageDelivery()
INFO = ModelInfo(
    task="image",
    image=ImageInfo(max_pixels=1 << 20, multiple_of=8),
    licence=Licence(weights="none", commercial=True),
    revision="1",
)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
REQUEST = ImageRequest(prompt="x")


def quarters() -> NDArray[np.uint8]:
    """40 x 20: red and green above, blue and white below."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:10, :20], pixels[:10, 20:], pixels[10:, :20], pixels[10:, 20:] = RED, GREEN, BLUE, WHITE
    return pixels


def corners(picture: Pillow.Image) -> list[tuple[int, ...]]:
    """Colours from the middles of the four quarters, rounded so far that a lossy format has them, too."""
    width, height = picture.size
    places = [(width // 4, height // 4), (width * 3 // 4, height // 4)]
    places += [(x, height * 3 // 4) for x, _ in places]
    found = np.array([picture.convert("RGB").getpixel(place) for place in places])
    return [tuple(int(value) * 255 for value in colour) for colour in np.rint(found / 255)]


def delivered(product: Any, format: str = "png", quality: int | None = None) -> Delivered:
    settings = ImageSettings.model_validate({"format": format, "quality": quality})
    return DELIVERY.deliver([product], REQUEST, DELIVERY.resolved(settings, INFO))


def opened(file: File) -> Pillow.Image:
    picture = Pillow.open(io.BytesIO(file.data))
    picture.load()
    return picture


def made(picture: Pillow.Image, format: str = "PNG", media_type: str = "image/png", **options: Any) -> Encoded:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return Encoded(file.getvalue(), media_type)


def shown(product: Any, format: str = "png") -> Pillow.Image:
    return opened(delivered(product, format).file)


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_pixels_become_a_file_of_the_format(format: str) -> None:
    out = delivered(Image(quarters()), format)
    picture = opened(out.file)
    assert (picture.format, out.file.media_type) == (format.upper(), f"image/{format}")
    assert (picture.size, picture.mode, corners(picture)) == ((40, 20), "RGB", [RED, GREEN, BLUE, WHITE])
    assert out.facts == {"kind": "image", "width": 40, "height": 20, "flagged": None, "quality": {"ok": True}}
    assert out.metrics.keys() == {"finish_s", "encode_s"}
    assert out.file.data == delivered(Image(quarters()), format).file.data


def test_png_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (33, 17, 4), np.uint8)
    assert np.array_equal(np.asarray(shown(Image(pixels))), pixels)


def test_the_thumbnail_is_a_small_webp() -> None:
    big = Image(np.kron(quarters(), np.ones((30, 30, 1), np.uint8)))  # 1200 x 600
    thumbnail = delivered(big, "jpeg").companions["thumbnail"]
    picture = opened(thumbnail)
    assert (picture.format, picture.size, thumbnail.media_type) == ("WEBP", (256, 128), "image/webp")
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]
    assert opened(delivered(Image(quarters())).companions["thumbnail"]).size == (40, 20)


def test_a_higher_quality_is_a_larger_file() -> None:
    pixels = Image(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    for format in ("webp", "jpeg"):
        sizes = [len(delivered(pixels, format, quality).file.data) for quality in (0, 30, 60, 100)]
        assert sizes == sorted(set(sizes))


def test_opacity_stays_where_the_format_has_it() -> None:
    pixels = np.dstack([quarters(), np.full((20, 40), 255, np.uint8)])
    pixels[10:, :20, 3] = 0  # the blue quarter
    for format in ("png", "webp"):
        assert (shown(Image(pixels), format).mode, delivered(Image(pixels), format).facts["width"]) == ("RGBA", 40)
    assert corners(shown(Image(pixels), "jpeg")) == [RED, GREEN, WHITE, WHITE]
    pixels[..., 3] = 255
    assert shown(Image(pixels)).mode == "RGB"


def test_what_is_no_picture_is_refused() -> None:
    flat, clear = np.full((8, 8, 3), (1, 2, 255), np.uint8), np.dstack([quarters(), np.zeros((20, 40), np.uint8)])
    for product, words in (
        (Image(flat), "one single colour, #0102ff"),
        (Image(clear), "nothing is visible"),
        (Image(np.full((8, 8, 3), np.nan, np.float32)), "float32, some of it NaN; uint8"),  # type: ignore[arg-type]
        (Image(quarters().astype(np.int64)), "int64; uint8"),  # type: ignore[arg-type]
        (Image(quarters()[..., 0]), r"shape \(20, 40\)"),
        (Image(quarters()[:0]), r"shape \(0, 40, 3\)"),
        (Audio(np.zeros((2, 9), np.float32), 44_100), "Audio; Image is needed"),
        (made(Pillow.new("RGB", (9, 9), "white")), "one single colour, #ffffff"),
        (Encoded(b"", "image/png"), "image/png"),
        (Encoded(b"<svg/>", "image/svg"), "cannot be read"),
        (Encoded(made(Pillow.fromarray(quarters())).data[:-40], "image/png"), "cannot be read"),
        (Encoded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/png"), "cannot be read"),
    ):
        with pytest.raises(UnusableImage, match=words):
            delivered(product)


def test_a_file_is_what_its_content_says() -> None:
    webp = made(Pillow.fromarray(quarters()), "WEBP", "image/jpeg", lossless=True)
    assert corners(shown(webp)) == [RED, GREEN, BLUE, WHITE]


def test_the_size_is_known_before_a_file_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = made(Pillow.fromarray(quarters()))
    cut = Encoded(picture.data[:50], "image/png")  # a header and no pixels
    monkeypatch.setattr(module, "MOST_PIXELS", 799)
    for file in (picture, cut):
        with pytest.raises(UnusableImage, match="has 40 x 20 pixels"):
            delivered(file)
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)  # Pillow's own limits, whichever is met first
    with pytest.raises(UnusableImage, match="too many pixels"):
        delivered(picture)


def test_a_picture_is_turned_as_its_camera_was() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # its top is at the right
    lying = Pillow.fromarray(quarters()).rotate(90, expand=True)
    picture = shown(made(lying, "JPEG", "image/jpeg", exif=exif, quality=95, subsampling=0))
    assert (picture.size, corners(picture)) == ((40, 20), [RED, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_nothing_but_pixels_leaves(format: str) -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "where the camera was"
    words = PngImagePlugin.PngInfo()
    words.add_text("parameters", "a private prompt")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = Pillow.fromarray(quarters())
    for file in (
        made(source, "PNG", exif=exif, pnginfo=words, icc_profile=profile, dpi=(72, 72)),
        made(source, "JPEG", exif=exif, icc_profile=profile, comment=b"a private prompt", quality=95),
        made(source, "WEBP", exif=exif, icc_profile=profile, xmp=b"a private prompt", lossless=True),
    ):
        out = delivered(file, format)
        for written in (out.file, out.companions["thumbnail"]):
            picture = opened(written)
            assert not picture.getexif()
            assert not picture.info.keys() & {"icc_profile", "exif", "xmp", "comment", "parameters", "dpi"}
            assert b"private" not in bytes(written.data)


def test_colours_are_those_of_the_profile() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = slice(132, 132 + 12 * int.from_bytes(profile[128:132], "big"))
    names = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}  # what it calls red is blue
    for at in range(table.start, table.stop, 12):
        profile[at : at + 4] = names.get(bytes(profile[at : at + 4]), profile[at : at + 4])
    source = Pillow.fromarray(quarters())
    assert corners(shown(made(source, icc_profile=bytes(profile)))) == [BLUE, GREEN, RED, WHITE]
    see_through = source.copy()
    see_through.putalpha(100)
    picture = shown(made(see_through, icc_profile=bytes(profile)))
    assert (picture.mode, corners(picture)) == ("RGBA", [BLUE, GREEN, RED, WHITE])
    assert corners(shown(made(source, icc_profile=b"no profile"))) == [RED, GREEN, BLUE, WHITE]


def test_every_kind_of_pixel_becomes_eight_bits_of_red_green_and_blue() -> None:
    source = Pillow.fromarray(quarters())
    every = [RED, GREEN, BLUE, WHITE]
    assert corners(shown(made(source.quantize(8)))) == every
    assert corners(shown(made(source.convert("CMYK"), "TIFF", "image/tiff"))) == every
    assert corners(shown(made(source.convert("CMYK"), "JPEG", "image/jpeg", quality=100))) == every
    assert corners(shown(made(source.convert("1")))) == corners(source.convert("1"))
    palette = source.quantize(8)
    blue = palette.getpixel((5, 15))
    picture = shown(made(palette, transparency=blue))
    assert (picture.mode, corners(shown(made(palette, transparency=blue), "jpeg"))) == (
        "RGBA",
        [RED, GREEN, WHITE, WHITE],
    )


def test_sixteen_bits_of_grey_are_not_cut_off() -> None:
    grey = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    for format in ("PNG", "TIFF"):
        picture = shown(made(Pillow.fromarray(grey), format))
        assert np.array_equal(np.asarray(picture.convert("L")).ravel(), np.arange(256))
    with pytest.raises(UnusableImage, match="floating point"):
        delivered(made(Pillow.fromarray(grey.astype(np.float32)), "TIFF"))
    with pytest.raises(UnusableImage, match="over 16 bits"):
        delivered(made(Pillow.fromarray(grey.astype(np.int32) * 9), "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_picture_of_several_is_taken(format: str) -> None:
    first, second = Pillow.fromarray(quarters()), Pillow.fromarray(quarters()[::-1].copy())
    options = {} if format != "WEBP" else {"lossless": True}
    picture = shown(made(first, format, save_all=True, append_images=[second], **options))
    assert (getattr(picture, "n_frames", 1), corners(picture)) == (1, [RED, GREEN, BLUE, WHITE])


def limits(size: str | None = None, prompt: str = "x", **settings: Any) -> list[str]:
    request = ImageRequest(prompt=prompt, size=size)
    return [item["pointer"] for item in DELIVERY.limits(request, ImageSettings(**settings), INFO, "m")]


def test_what_cannot_be_is_told_before_it_is_made() -> None:
    assert limits() == limits("1024x1024") == limits(format="webp", quality=0) == []
    assert limits(prompt=" \n") == ["/prompt"]
    assert limits("1024x1032") == limits("1020x1024") == limits("1024x60") == ["/size"]
    assert limits(quality=90) == ["/quality"]
    assert limits("16384x16", format="png") == limits("16376x16", format="webp") == []
    assert limits("16384x16", format="webp") == ["/size"]
    request = ImageRequest(prompt="x", size="1024x1024")
    assert DELIVERY.too_large(request, ImageSettings(), INFO, 4 << 20) == []
    [found] = DELIVERY.too_large(request, ImageSettings(), INFO, (4 << 20) - 1)
    assert (found["pointer"], "4 MiB in memory" in found["detail"]) == ("/size", True)
    assert DELIVERY.too_large(REQUEST, ImageSettings(), INFO, 1) == []


def test_the_quality_that_is_meant_is_part_of_the_address() -> None:
    meant = [DELIVERY.resolved(ImageSettings(format="webp", quality=quality), INFO) for quality in (None, 90, 89)]
    assert meant[0] == meant[1] != meant[2]
    assert DELIVERY.resolved(ImageSettings(n=3), INFO) == {"format": "png", "quality": None}
