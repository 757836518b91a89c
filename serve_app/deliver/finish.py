"""Samples to samples that may leave: checked, of the exact length, at the asked rate and loudness.

The order matters. Resampling comes before loudness because it can raise the true peak; fades come before it
so that they are part of what is measured. Opus, MP3 and AAC overshoot after all of this by some tenths of a dB,
for which the 1 dB under full scale is kept.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
import synth_native
from numpy.typing import NDArray

from deployments.contract import Audio
from serve_app.deliver.formats import Format, encoder_rate_hz
from serve_app.errors import UnusableAudio

Samples = NDArray[np.float32]
TRUE_PEAK_DBTP = -1.0
SILENCE = 10 ** (-80 / 20)  # below this peak there is no sound to make loud
_TOO_LONG, _TOO_SHORT = 0.25, 0.05  # the shares of the asked length by which a model may miss it
_SLACK_S = 0.5  # and what is always forgiven: models work in frames of their own
_EDGE_S, _CUT_S = 0.003, 0.05
QUALITY = (
    "loudness_lufs", "true_peak_dbtp", "peak", "dc_offset", "silence_ratio", "clipped_samples", "clicks",
    "limited_by", "ok",
)  # fmt: skip


@dataclass(frozen=True)
class Finished:
    """Sound that may leave: float32 (channels, frames), its rate in Hz, and what was measured on it."""

    samples: Samples
    sample_rate_hz: int
    quality: dict[str, Any]


def finish(
    audio: Audio,
    *,
    duration_s: float | None = None,
    sample_rate_hz: int | None = None,
    channels: int | None = None,
    loudness_lufs: float = -16.0,
    format: Format = "wav",
) -> Finished:
    """Check, cut to `duration_s`, make mono or stereo, resample for `format`, set integrated loudness and true peak.

    At its peak the sound is in memory twice if nobody else holds `audio`, whose samples go once they are read.
    The result has round(duration_s * rate) frames. Loudness is met within 0.5 LU unless `limited_by` says
    why not: at most 6 dB of limiting holds -1 dBTP. Under 0.4 s only the peak is set. Raises UnusableAudio
    for NaN, silence, a wrong shape, or a length too far from the asked one.
    """
    samples, from_hz = checked(audio), audio.sample_rate_hz
    del audio
    if duration_s is not None:
        samples = _of_length(samples, duration_s, from_hz)
    if channels is not None:
        samples = with_channels(samples, channels)
    rate_hz = encoder_rate_hz(format, sample_rate_hz or from_hz)
    asked_s = samples.shape[1] / from_hz if duration_s is None else duration_s
    samples = _resampled(samples, from_hz, rate_hz, max(1, round(asked_s * rate_hz)))
    samples = _without_edges(samples, rate_hz)
    try:
        finished, report = synth_native.finish(samples, rate_hz, loudness_lufs, TRUE_PEAK_DBTP)
    except (synth_native.NotFinite, synth_native.Silent) as error:
        raise UnusableAudio(str(error)) from error
    return Finished(finished, rate_hz, {name: report[name] for name in QUALITY})


def checked(audio: Audio, *, silence: bool = False) -> Samples:
    """Return the samples if they are a sound, or `silence` where that may be.

    Raises UnusableAudio that says what is wrong.
    """
    samples = np.asarray(audio.samples)
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= 8 or samples.shape[1] == 0:
        raise UnusableAudio(
            f"The model returned shape {samples.shape}; (channels, frames) with 1 to 8 channels is needed"
        )
    if samples.dtype != np.float32:
        raise UnusableAudio(f"The model returned {samples.dtype}; float32 is needed")
    peak = peak_of(samples)
    if not np.isfinite(peak):
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise UnusableAudio(f"The model returned {bad} samples of {samples.size} that are NaN or infinite")
    if peak < SILENCE and not silence:
        raise UnusableAudio(f"The model returned silence: the highest sample is {peak:.2g}")
    return samples


def peak_of(samples: Samples) -> float:
    """The largest magnitude, without a copy of the samples; NaN and infinity go through."""
    return float(np.maximum(np.max(samples), -np.min(samples)))


def _of_length(samples: Samples, duration_s: float, rate_hz: int) -> Samples:
    """Cut or pad to the asked length at the model's own rate; a cut fades out over 50 ms."""
    asked, got = max(1, round(duration_s * rate_hz)), samples.shape[1]
    if got == asked:
        return samples
    if not (1 - _TOO_SHORT) * asked - _SLACK_S * rate_hz <= got <= (1 + _TOO_LONG) * asked + _SLACK_S * rate_hz:
        raise UnusableAudio(f"The model returned {got / rate_hz:.3f} s where {duration_s:g} s were asked")
    if got < asked:
        padded = synth_native.fade(samples, 0, min(got // 4, round(_EDGE_S * rate_hz)))
        return np.pad(padded, ((0, 0), (0, asked - got)))
    return synth_native.fade(samples[:, :asked], 0, min(asked // 4, round(_CUT_S * rate_hz)))


def with_channels(samples: Samples, channels: int) -> Samples:
    """Mono is the mean of all channels, stereo from mono is the same twice; of more than two the mean is spread."""
    if len(samples) == channels:
        return samples
    mono = samples if len(samples) == 1 else samples.mean(axis=0, keepdims=True)
    return np.repeat(mono, channels, axis=0)


def _resampled(samples: Samples, from_hz: int, to_hz: int, frames: int) -> Samples:
    """Convert the rate with soxr's HQ filter (20 bits, linear phase), then drop or add the odd last frame."""
    if from_hz != to_hz:
        return _converted(samples, from_hz, to_hz, frames)
    missing = frames - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :frames]


def _converted(samples: Samples, from_hz: int, to_hz: int, frames: int) -> Samples:
    """So many frames at the new rate, made a second at a time: the bits of all at once without its copies."""
    resampler = soxr.ResampleStream(from_hz, to_hz, len(samples), quality="HQ")
    made, at = np.zeros((len(samples), frames), np.float32), 0
    for start in range(0, samples.shape[1], from_hz):
        end = start + from_hz
        block = np.ascontiguousarray(samples[:, start:end].T)
        part = resampler.resample_chunk(block, last=end >= samples.shape[1])[: frames - at]
        made[:, at : at + len(part)] = part.T
        at += len(part)
    return made


def _without_edges(samples: Samples, rate_hz: int) -> Samples:
    """Fade in and out over 3 ms where the sound would begin or end with a click."""
    length = min(samples.shape[1] // 4, round(_EDGE_S * rate_hz))
    quiet = 1e-3 * peak_of(samples)
    start, end = (length if float(np.max(np.abs(samples[:, i]))) > quiet else 0 for i in (0, -1))
    return synth_native.fade(samples, start, end) if start or end else samples
