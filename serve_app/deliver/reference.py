"""A recording of a voice to a reference that models speak like: trimmed, levelled, and what it is like in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.errors import UnusableAudio

Samples = NDArray[np.float32]

LOUDNESS_LUFS = -18.0
RATES_HZ = (16_000, 48_000)  # what is below or above is resampled
SHORTEST_S = 1.0  # of what is not silent
_TRUE_PEAK_DBTP = -1.0
_FRAME_S, _MARGIN_S, _FADE_S = 0.02, 0.1, 0.01
_SILENT_DBFS = -60.0  # where the loudest frames are below, there is nobody
_DIGITAL_DBFS = -100.0  # frames below are no room's noise: they were cut out
_LOUD_DB, _NOISE_DB, _SPEECH_DB = 40.0, 6.0, 12.0  # speech is so far below its loudest, above the noise, at most below


@dataclass(frozen=True)
class Reference:
    """What is kept: float32 (1, frames) at a rate in Hz; what the recording was like."""

    samples: Samples
    sample_rate_hz: int
    checks: dict[str, Any]


def prepared(recording: Samples, rate_hz: int, clipped_samples: int) -> Reference:
    """Trim a mono recording (frames,), bring it to LOUDNESS_LUFS, measure it as it came.

    Raises UnusableAudio when less than SHORTEST_S of it is not silent.
    """
    import soxr
    import synth_native

    kept_hz = int(np.clip(rate_hz, *RATES_HZ))
    samples = recording if kept_hz == rate_hz else soxr.resample(recording, rate_hz, kept_hz, quality="HQ")
    speech = heard(samples, kept_hz)
    if (speech_s := float(np.count_nonzero(speech.active) * _FRAME_S)) < SHORTEST_S:
        raise UnusableAudio(f"{speech_s:.1f} s of the recording are not silent; {SHORTEST_S:g} s or more are needed")
    report = synth_native.measure(samples[None], kept_hz)
    start, end = speech.bounds(len(samples), kept_hz)
    fade = round(_FADE_S * kept_hz)
    trimmed = synth_native.fade(np.ascontiguousarray(samples[None, start:end]), fade, fade)
    levelled, _ = synth_native.finish(trimmed, kept_hz, LOUDNESS_LUFS, _TRUE_PEAK_DBTP)
    checks = {
        "duration_s": round(len(recording) / rate_hz, 3),
        "sample_rate_hz": rate_hz,
        "speech_s": round(speech_s, 2),
        "silence_ratio": round(1 - float(speech.active.mean()), 3),
        "loudness_lufs": _rounded(report["loudness_lufs"]),
        "true_peak_dbtp": _rounded(report["true_peak_dbtp"]),
        "clipped_samples": clipped_samples,
        "snr_db": round(speech.snr_db, 1),
    }
    return Reference(levelled, kept_hz, checks)


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 2)


@dataclass(frozen=True)
class Speech:
    """Which frames of 20 ms are speech, and how far that is above the quietest ones."""

    active: NDArray[np.bool_]
    snr_db: float

    def bounds(self, frames: int, rate_hz: int) -> tuple[int, int]:
        """The samples from the first speech to the last, with a tenth of a second around them."""
        length, margin = round(_FRAME_S * rate_hz), round(_MARGIN_S * rate_hz)
        places = np.flatnonzero(self.active)
        return max(0, int(places[0]) * length - margin), min(frames, int(places[-1] + 1) * length + margin)


def heard(samples: Samples, rate_hz: int) -> Speech:
    """Tell speech (frames,) from the silence and the noise around it, by level alone."""
    length = round(_FRAME_S * rate_hz)
    blocks = samples[: len(samples) // length * length].reshape(-1, length)
    power = np.var(blocks, axis=1, dtype=np.float64) + 1e-20  # without what is below hearing
    levels = 10 * np.log10(power)
    loud = float(np.percentile(levels, 95))
    room = levels[levels > _DIGITAL_DBFS]
    floor = float(np.percentile(room, 5)) if len(room) else loud
    threshold = max(_SILENT_DBFS, min(max(loud - _LOUD_DB, floor + _NOISE_DB), loud - _SPEECH_DB))
    active = levels > threshold
    active &= np.convolve(active, np.ones(5), "same") >= 3  # a click is not speech
    if not active.any():
        return Speech(active, 0.0)
    return Speech(active, max(0.0, 10 * float(np.log10(power[active].mean())) - floor))


def hints(checks: Mapping[str, Any]) -> list[dict[str, str]]:
    """What of a recording makes a worse voice, as codes with a sentence each; never a reason to refuse it."""
    found = {
        "short": (checks["speech_s"] < 5, f"{checks['speech_s']:g} s of speech; 10 s or more give a better likeness"),
        "too_quiet": (
            checks["loudness_lufs"] is None or checks["loudness_lufs"] < -36,
            f"the recording is quiet ({checks['loudness_lufs']} LUFS): its noise is raised with it",
        ),
        "clipped": (
            checks["clipped_samples"] > 1e-4 * checks["duration_s"] * checks["sample_rate_hz"],
            f"{checks['clipped_samples']} samples are at full scale: record at a lower level",
        ),
        "noisy": (checks["snr_db"] < 20, f"speech is {checks['snr_db']:g} dB above the noise; 30 dB or more are good"),
        "much_silence": (checks["silence_ratio"] > 0.5, f"{checks['silence_ratio']:.0%} of it is silence"),
        "telephone": (
            checks["sample_rate_hz"] < RATES_HZ[0],
            f"a rate of {checks['sample_rate_hz']} Hz leaves out what is bright in a voice",
        ),
        "several_speakers": (
            (checks["speakers"] or 1) > 1,
            "it sounds as if more than one person speaks: cut it to one of them",
        ),
    }
    return [{"code": code, "detail": detail} for code, (is_so, detail) in found.items() if is_so]
