"""The bytes that one sound becomes, kept beside their versions: whoever changes them must raise one of them.

PIPELINE_VERSION where all sounds change, the one in ENCODERS where those of a format do.

Stored sounds are found by an address that holds the version. With other bytes under the old one, a cached answer and a
new one for the same request would differ.

Only what no processor changes is compared bit by bit: WAV, the samples in FLAC, and before both a finish that needs
one gain and no limiting. The limiter without FMA, soxr, libFLAC, libopus, LAME and FFmpeg choose code by the processor,
whose sums differ in the last digits: of theirs some samples, the header, the size and the decoded sound are compared.
"""

import hashlib
import io
from typing import Any

import av
import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from deployments.contract import Audio
from serve_app.deliver.delivery import File
from serve_app.deliver.encode import encode
from serve_app.deliver.finish import Finished, finish
from serve_app.deliver.formats import ENCODERS, Format
from serve_app.jobs.plan import PIPELINE_VERSION

RATE_HZ = 48_000  # one that every format has, so that nothing is resampled
# By version: what was told when it was new. A change of bytes is a new version with an entry of its own.
GOLDEN: dict[int, dict[str, Any]] = {
    1: {
        "wav 16": "8cfd094592f60724",
        "wav 24": "37d963af19593035",
        "wav 32": "dae06f4ac8f9fd56",
        "flac 16": ("664c614300000022100010000bb802f00000bb80", "9717e126ed2a6817", 141054),
        "flac 24": ("664c614300000022100010000bb803700000bb80", "a78da10837bf4696", 237064),
        "opus 2": ("4f707573486561640102380180bb0000000000", 15746, -16.28),
        "mp3 2": ("fffb5444", 23904, -22.67),
        "aac 1": ("656c737400000000000000010000bb8000000400", 24767, -16.87),
        "resampled": [
            0.068036,
            -0.0088316,
            -0.0521076,
            0.2101133,
            0.0157113,
            -0.0886008,
            -0.0358512,
            -0.1492951,
            -0.0060334,
            -0.0245045,
            -0.004557,
            0.0435984,
            0.1155467,
            0.2081497,
            -0.2312512,
            -0.1518006,
        ],
        "limited": [
            0.0465054,
            -0.0423253,
            -0.0969002,
            -0.00291,
            -0.3344257,
            -0.1301044,
            0.1186921,
            -0.0238101,
            -0.0884281,
            -0.0367107,
            -0.3164918,
            -0.3881048,
            -0.0779384,
            0.1896053,
            -0.0691378,
            0.118729,
        ],
    }
}
ADVICE = (
    "the same sound becomes other bytes than before. If that is meant, raise PIPELINE_VERSION in "
    "serve_app/jobs/plan.py, or for one format its number in ENCODERS in serve_app/deliver/sound.py, and add an entry "
    "for it to GOLDEN; found: "
)


def made(rate_hz: int = RATE_HZ, to_hz: int = RATE_HZ, spike: float = 1, loudness_lufs: float = -16) -> Finished:
    """A second of finished stereo noise that begins and ends at once, from integers: no libm has a part in it."""
    drawn = np.random.SFC64(7).random_raw(rate_hz + 64)
    channels = np.stack([(drawn >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (40, 8)])
    sums = np.cumsum(channels.astype(np.int64) - (1 << 15), axis=1)
    low = sums[:, 64:] - sums[:, :-64]  # a running sum of 64: codecs have something to predict
    samples = low.astype(np.float32) / np.float32(1 << 22)
    samples[:, ::4800] *= np.float32(spike)
    return finish(Audio(samples, rate_hz), sample_rate_hz=to_hz, loudness_lufs=loudness_lufs)


def some(sound: Finished) -> list[float]:
    return [round(float(value), 7) for value in sound.samples[:, 100::6000].ravel()]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def decoded(encoded: File, dtype: str) -> NDArray[Any]:
    if encoded.media_type == "audio/mp4":
        with av.open(io.BytesIO(encoded.data)) as container:
            return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T[:RATE_HZ]
    samples: NDArray[Any] = sf.read(io.BytesIO(encoded.data), dtype=dtype, always_2d=True)[0]
    return samples


def header(encoded: File) -> bytes:
    """What stands before the sound and no processor changes."""
    data = bytes(encoded.data)
    if encoded.media_type == "audio/flac":  # the sizes of the smallest and the largest frame stand between
        return data[:12] + data[18:26]
    if encoded.media_type == "audio/ogg":
        return data[28:47]  # OpusHead: version, channels, pre-skip, rate, gain
    if encoded.media_type == "audio/mp4":
        return data[data.index(b"elst") : data.index(b"elst") + 20]  # which frames are sound
    return data[:4]  # of an MP3 frame


def error_db(encoded: File, sound: Finished) -> float:
    """The power of what the codec changed, against that of the sound, in dB."""
    difference = decoded(encoded, "float64").T - sound.samples
    return float(10 * np.log10(np.mean(difference**2) / np.mean(sound.samples.astype(np.float64) ** 2)))


def golden(name: str) -> Any:
    assert PIPELINE_VERSION in GOLDEN, f"GOLDEN has no entry for version {PIPELINE_VERSION}"
    return GOLDEN[PIPELINE_VERSION][name]


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
def test_wav(bit_depth: Any) -> None:
    sound = made()
    found = digest(bytes(encode(sound.samples, RATE_HZ, "wav", bit_depth).data))
    assert found == golden(f"wav {bit_depth}"), ADVICE + repr(found)


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_flac(bit_depth: Any) -> None:
    encoded = encode(made().samples, RATE_HZ, "flac", bit_depth)
    head, samples, size = golden(f"flac {bit_depth}")
    found = (header(encoded).hex(), digest(decoded(encoded, "int32").tobytes()), len(encoded.data))
    assert found[:2] == (head, samples), ADVICE + repr(found)
    assert found[2] == pytest.approx(size, rel=0.001), ADVICE + repr(found)


@pytest.mark.parametrize("format", ["opus", "mp3", "aac"])
def test_lossy(format: Format) -> None:
    sound = made()
    encoded = encode(sound.samples, RATE_HZ, format)
    head, size, decibel = golden(f"{format} {ENCODERS.get(format, 1)}")
    found = (header(encoded).hex(), len(encoded.data), round(error_db(encoded, sound), 2))
    assert found[0] == head, ADVICE + repr(found)
    assert found[1] == pytest.approx(size, rel=0.01), ADVICE + repr(found)
    assert found[2] == pytest.approx(decibel, abs=0.1), ADVICE + repr(found)


def test_resampling() -> None:
    found = some(made(rate_hz=44_100))
    assert found == pytest.approx(golden("resampled"), abs=3e-6), ADVICE + repr(found)


def test_limiting() -> None:
    sound = made(spike=4, loudness_lufs=-9)
    assert np.abs(sound.samples).max() > 0.8, "nothing was limited"
    found = some(sound)
    assert found == pytest.approx(golden("limited"), abs=3e-6), ADVICE + repr(found)


def test_the_versions_differ() -> None:
    assert len({repr(entry) for entry in GOLDEN.values()}) == len(GOLDEN)
