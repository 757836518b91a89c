"""Outputs as the HTTP interface shows them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from serve_app.http.schemas import AudioOutput, ImageOutput, Output
from serve_app.notify.views import output_view, signed_urls
from serve_app.storage import SignedUrl
from tests.records.test_job_rows import job

ENDS = datetime(2030, 1, 1, tzinfo=UTC)
STORED = {"media_type": "x/y", "bytes": 1, "sha256": "0", "seed": 1}
QUALITY = dict.fromkeys(("loudness_lufs", "limited_by")) | dict.fromkeys(
    ("true_peak_dbtp", "peak", "dc_offset", "silence_ratio", "clipped_samples", "clicks"), 0
)
SOUND = {
    **STORED, "key": "a.flac", "duration_s": 1.0, "sample_rate_hz": 8000, "channels": 1,
    "quality": QUALITY | {"ok": True},
}  # fmt: skip
PICTURE = {
    **STORED, "key": "b.png", "kind": "image", "width": 9, "height": 9, "flagged": None, "quality": {"ok": True},
    "companions": {"thumbnail": "c.webp"},
}  # fmt: skip
PATHS = {key: SignedUrl(f"/v1/files/{key}", ENDS) for key in ("a.flac", "b.png", "c.webp")}
OUTPUT: TypeAdapter[Any] = TypeAdapter(Output)


class Signer:
    """A store that signs, and remembers what."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def url(self, key: str, ttl_s: int, now: float | None = None) -> SignedUrl:
        self.asked.append(key)
        return SignedUrl(f"https://bucket/{key}", None)


def test_an_output_without_a_kind_is_an_old_sound() -> None:
    shown = output_view(SOUND, PATHS, "http://host")
    assert (shown["kind"], shown["url"]) == ("audio", "http://host/v1/files/a.flac")
    assert isinstance(OUTPUT.validate_python(shown), AudioOutput)


def test_what_is_stored_beside_an_output_has_a_url_under_its_name() -> None:
    shown = output_view(PICTURE, PATHS, "http://host")
    assert (shown["kind"], shown["url"]) == ("image", "http://host/v1/files/b.png")
    assert shown["thumbnail_url"] == "http://host/v1/files/c.webp"
    assert shown["expires_at"] == "2030-01-01T00:00:00.000Z"
    assert "companions" not in shown
    assert isinstance(OUTPUT.validate_python(shown), ImageOutput)


@pytest.mark.parametrize(
    ("outputs", "keys"), [([SOUND], ["a.flac"]), ([PICTURE, SOUND], ["a.flac", "b.png", "c.webp"])]
)
def test_every_object_of_a_job_is_signed_once(outputs: list[dict[str, Any]], keys: list[str]) -> None:
    store: Any = Signer()
    urls = signed_urls([job(outputs=tuple(outputs))] * 2, store, 60)
    assert sorted(store.asked) == sorted(urls) == keys
    assert output_view(outputs[0], urls, "http://host")["url"] == f"https://bucket/{outputs[0]['key']}"
