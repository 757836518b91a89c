"""The image double: what it draws, what it takes from a folder, what its options may be."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydantic import ValidationError

from deployments.canvas import Canvas, CanvasOptions, CanvasRequest
from deployments.contract import Context, Encoded, Image, LoadFailed


def canvas(**options: Any) -> Canvas:
    made = Canvas(CanvasOptions.model_validate(options))
    made.load()
    return made


def pixels(model: Canvas, prompt: str = "a lighthouse", seed: int = 1, size: str | None = None) -> NDArray[np.uint8]:
    made = model.generate(CanvasRequest(prompt=prompt, size=size), Context(seed=seed))
    assert isinstance(made, Image)
    return made.pixels


def test_the_size_is_the_asked_one_or_the_options() -> None:
    assert pixels(canvas()).shape == (512, 512, 3)
    assert pixels(canvas(size="96x64")).shape == (64, 96, 3)
    assert pixels(canvas(size="96x64"), size="30x200").shape == (200, 30, 3)


def test_prompt_and_seed_are_drawn() -> None:
    model = canvas(colours=["#203040", "#203040"])
    bare = (pixels(model) == (0x20, 0x30, 0x40)).all(axis=2)
    assert 0.5 < bare.mean() < 0.999  # the rest is ink
    assert not np.array_equal(pixels(model, "a lighthouse"), pixels(model, "a harbour"))
    assert not np.array_equal(pixels(model, seed=1), pixels(model, seed=2))
    assert np.array_equal(pixels(model, "a\n lighthouse "), pixels(model, "a lighthouse"))


def test_the_gradient_goes_from_colour_to_colour_in_the_seeds_direction() -> None:
    model = canvas(colours=["#000000", "#ff0000"])
    for seed in range(5):
        red = pixels(model, "x", seed)[256:, :, 0].astype(int)  # below the words
        assert red.max() - red.min() > 60
    assert not np.array_equal(pixels(model, "x", 1)[256:], pixels(model, "x", 2)[256:])
    assert not np.array_equal(pixels(canvas(), "x", 1)[256:], pixels(model, "x", 1)[256:])


@pytest.mark.parametrize(
    "prompt", ["x" * 32_000, "word " * 6000, "\u96e8 \u0414\u043e\u0436\u0434\u044c \u202e", "\x00 \ud83c"]
)
@pytest.mark.parametrize("size", ["10x10", "2048x16", "512x512"])
def test_any_prompt_is_drawn_into_any_size(prompt: str, size: str) -> None:
    width, height = map(int, size.split("x"))
    assert pixels(canvas(), prompt.encode("utf-8", "replace").decode(), size=size).shape == (height, width, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("red.png", "red"), ("green.jpg", "lime"), ("blue.webp", "blue")):
        Pillow.new("RGB", (60, 40), colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_come_from_a_folder_by_prompt_and_seed(folder: Path) -> None:
    model = canvas(folder=str(folder))

    def chosen(prompt: str, seed: int) -> bytes:
        made = model.generate(CanvasRequest(prompt=prompt), Context(seed=seed))
        assert isinstance(made, Encoded)
        assert made.media_type == {b"\x89P": "image/png", b"\xff\xd8": "image/jpeg", b"RI": "image/webp"}[made.data[:2]]
        return made.data

    files = {file.read_bytes() for file in folder.iterdir() if file.suffix != ".txt"}
    assert {chosen("x", seed) for seed in range(40)} == {chosen(str(at), 1) for at in range(40)} == files
    assert chosen("x", 3) == chosen("x", 3)


def test_a_picture_from_a_folder_is_cropped_to_an_asked_size(tmp_path: Path) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    Pillow.fromarray(wide).save(tmp_path / "wide.png")
    assert (pixels(canvas(folder=str(tmp_path)), size="40x40")[:, 2:-2] == 255).all()  # its middle


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="there is no folder"):
        canvas(folder=str(tmp_path / "nowhere"))
    with pytest.raises(LoadFailed, match=f"{tmp_path} holds no picture"):
        canvas(folder=str(tmp_path))


def test_options_that_cannot_be_are_refused() -> None:
    for options in ({"size": "9x9"}, {"size": "4096x4096"}, {"colours": ["red", "blue"]}, {"colours": ["#12345g"] * 2}):
        with pytest.raises(ValidationError):
            CanvasOptions.model_validate(options)


def test_steps_are_reported() -> None:
    seen: list[tuple[int, int]] = []
    request = CanvasRequest(prompt="x", size="10x10", steps=3)
    canvas().generate(request, Context(seed=1, progress=lambda *step: seen.append(step)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_it_is_what_pillow_opens_again() -> None:
    file = io.BytesIO()
    Pillow.fromarray(pixels(canvas())).save(file, "PNG")
    assert Pillow.open(file).size == (512, 512)
