"""One HTML page with a spectrogram of every preset, to look at the library as a whole.

    python scripts/contact_sheet.py [FOLDER]        default: build/contact-sheet

Writes FOLDER/index.html and one PNG per preset: 8 s of the sound alone, time to the right, 30 Hz to 16 kHz upwards
on a logarithmic axis, 80 dB from dark to bright. Needs nothing but numpy.
"""

import html
import struct
import sys
import zlib
from pathlib import Path
from typing import get_args

import numpy as np
import synth_native
from numpy.typing import NDArray

from deployments.contract import Context, Samples
from deployments.synth import Synth, SynthRequest
from deployments.synth.library.presets import Preset, library
from deployments.synth.sound.perform import SAMPLE_RATE_HZ
from deployments.synth.terms.roles import Role

Image = NDArray[np.uint8]  # (height, width, 3)

_WIDTH, _HEIGHT, _WINDOW = 320, 128, 4096
_SECONDS, _RANGE_DB = 8.0, 80.0
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 16_000.0
# Dark blue over red to light yellow, as in the usual perceptual maps.
_COLOURS = np.array([[8, 8, 24], [70, 15, 110], [170, 45, 95], [240, 120, 40], [252, 230, 150]], float)
_STYLE = """body{font:14px/1.35 system-ui,sans-serif;margin:2em;background:#15151c;color:#ddd}
section{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:14px}
figure{margin:0;background:#1f1f29;padding:6px} img{width:100%;image-rendering:pixelated}
figcaption b{color:#fff} figcaption small{color:#999}"""


def sound(preset: Preset) -> Samples:
    """Some seconds of the preset alone, float32 (2, frames)."""
    request = SynthRequest(prompt="sound", preset=preset.id, duration_s=_SECONDS, key="C", scale="minor")
    return np.concatenate([audio.samples for audio in Synth().generate(request, Context(seed=1))], axis=1)


def spectrogram(samples: Samples) -> Image:
    """Both channels together; columns of overlapping windows, rows of log-spaced frequency, highest first."""
    mono = np.pad(samples.mean(axis=0), _WINDOW // 2)
    starts = np.linspace(0, len(mono) - _WINDOW, _WIDTH).astype(int)
    frames = np.stack([mono[start : start + _WINDOW] for start in starts]) * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    frequency_hz = np.geomspace(_HIGHEST_HZ, _LOWEST_HZ, _HEIGHT)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE_HZ)
    shown = np.stack([np.interp(frequency_hz, bins, column) for column in power], axis=1)
    level = np.clip(1 + 10 * np.log10(shown / shown.max() + 1e-12) / _RANGE_DB, 0, 1)
    at = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(level, at, channel) for channel in _COLOURS.T], axis=2).astype(np.uint8)


def png(image: Image) -> bytes:
    """Encode 8-bit RGB as PNG (ISO/IEC 15948): signature, header, rows without filter, end."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def figure(preset: Preset, samples: Samples) -> str:
    """The picture with what is written in the preset and what was measured."""
    measured = synth_native.measure(samples, SAMPLE_RATE_HZ)
    facts = f"{measured['loudness_lufs']:.1f} LUFS, peak {measured['peak']:.2f}, energy {preset.energy:g}"
    words = html.escape(", ".join((*preset.mood, *preset.tags)))
    return (
        f'<figure><img src="{preset.id}.png" alt="spectrogram of {html.escape(preset.name)}"><figcaption>'
        f"<b>{html.escape(preset.name)}</b> <code>{preset.id}</code> {facts}<br>{html.escape(preset.description)}"
        f"<br><small>{words}</small></figcaption></figure>"
    )


def main() -> None:
    """Draw everything and say where it is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/contact-sheet")
    folder.mkdir(parents=True, exist_ok=True)
    page = [f"<!doctype html><meta charset=utf-8><title>Presets</title><style>{_STYLE}</style>"]
    for role in get_args(Role):
        presets = [preset for preset in library().values() if preset.role == role]
        page.append(f"<h2>{role} <small>{len(presets)}</small></h2><section>")
        for preset in presets:
            samples = sound(preset)
            (folder / f"{preset.id}.png").write_bytes(png(spectrogram(samples)))
            page.append(figure(preset, samples))
        page.append("</section>")
    (folder / "index.html").write_text("\n".join(page), encoding="utf-8")
    sys.stdout.write(f"{folder / 'index.html'}: {len(library())} presets\n")


if __name__ == "__main__":
    main()
