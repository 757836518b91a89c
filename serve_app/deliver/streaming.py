"""A sound that leaves while it is made: chunks in, bytes out, and a report at the end.

What `finish` does to a whole sound is done in pieces, in its order: checks, length, channels, rate, edges, loudness.
Only the gain has to be known before. That of a sound which is there whole is what `finish` would take; where chunks are
still to come it is a preset one, from how loud the model's sounds usually are (`SoundInfo.typical_lufs`): the first
moment of a sound says nothing about the rest of it. So a sound streamed in chunks misses its loudness by as much as it
differs from its model's others, and the report says what it came to; the true peak holds for both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import soxr
import synth_native

from deployments.contract import Audio
from serve_app.deliver.delivery import Begun, Delivered, Keep, Send
from serve_app.deliver.encoders.streams import FINAL_HEADER_BYTES, Shape, encoded, final_header
from serve_app.deliver.finish import QUALITY, SILENCE, TRUE_PEAK_DBTP, Samples, checked, peak_of, with_channels
from serve_app.deliver.formats import STREAM_TYPES, encoder_rate_hz
from serve_app.errors import UnusableAudio

PIECE_S = 0.1  # of a sound that is there whole
_CUT_S, _EDGE_S = 0.05, 0.003
_TOO_SHORT, _SLACK_S = 0.05, 0.5  # as for a whole sound
_MOST_LIMITING_DB = 6.0  # of a sound whose loudness is known before
_LIMITED_LU = 0.5


@dataclass(frozen=True)
class Aim:
    """What a streamed sound shall be like: its length and loudness, the rate and channels in which it leaves."""

    duration_s: float | None  # None: as long as what is made
    rate_hz: int
    channels: int
    loudness_lufs: float
    typical_lufs: float  # of the model's sounds as they are made

    @property
    def frames(self) -> int | None:
        """Its length in frames, if that is known."""
        return None if self.duration_s is None else max(1, round(self.duration_s * self.rate_hz))


def stream(
    made: Audio | Iterator[Audio], duration_s: float | None, settings: Mapping[str, Any], send: Send, keep: Keep
) -> tuple[Delivered, Mapping[str, Any]]:
    """Finish, encode, send and store what a model makes; returns the file of what was sent, and the model's facts.

    The file is not finished: whoever called decides that. Without `duration_s` (speech) the sound is as long as what is
    made; the file's header says how long, which that of what was sent could not.
    """
    first = made if isinstance(made, Audio) else next(made, None)
    if first is None:
        raise UnusableAudio("The model made no audio")
    checked(first, silence=True)
    aim = aim_of(first, duration_s, settings)
    finisher = Finisher(aim)
    blocks = finisher.blocks(made if isinstance(made, Audio) else chain([first], made))
    started = [next(blocks)]  # before any header leaves: what is refused until here is an ordinary error
    media_type = STREAM_TYPES[settings["format"]]
    head = {"media_type": media_type, "sample_rate_hz": aim.rate_hz, "channels": aim.channels}
    shape = Shape(aim.frames, aim.rate_hz, aim.channels, settings["bit_depth"])
    upload, begins = keep(media_type), b""
    for part in filter(None, encoded(settings["format"], chain(started, blocks), shape)):
        begins += part[: FINAL_HEADER_BYTES - len(begins)]
        upload.write(part)
        send(part, head)
    final = final_header(settings["format"], shape, finisher.frames, begins)
    facts = {
        "kind": "audio",
        "duration_s": finisher.frames / aim.rate_hz,
        "sample_rate_hz": aim.rate_hz,
        "channels": aim.channels,
        "quality": finisher.quality,
    }
    return Delivered(Begun(upload, None if final == begins else final, media_type), facts, {}), finisher.facts


def aim_of(first: Audio, duration_s: float | None, settings: Mapping[str, Any]) -> Aim:
    """What the request, its model and the first chunk say together."""
    loudness = settings["loudness_lufs"]
    if first.loudness_lufs is not None and not settings["asked_loudness"]:
        loudness = first.loudness_lufs
    rate_hz = encoder_rate_hz(settings["format"], settings["sample_rate_hz"] or first.sample_rate_hz)
    channels = settings.get("channels") or len(first.samples)
    return Aim(duration_s, rate_hz, channels, loudness, settings["typical_lufs"])


@dataclass
class Finisher:
    """Makes the blocks of one sound; `facts` and, after the last block, `frames` and `quality` tell about it."""

    aim: Aim
    facts: dict[str, Any] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    frames: int = 0

    def blocks(self, made: Audio | Iterable[Audio]) -> Iterator[Samples]:
        """Blocks of float32 (channels, frames), together `aim.frames` if those are known. Raises UnusableAudio on the
        way.
        """
        if isinstance(made, Audio):
            gain_db = _known_gain_db(with_channels(checked(made), self.aim.channels), made.sample_rate_hz, self.aim)
            chunks = _pieces(made)
        else:
            gain_db = self.aim.loudness_lufs - self.aim.typical_lufs
            chunks = iter(made)
        first = next(chunks, None)
        if first is None:
            raise UnusableAudio("The model made no audio")
        yield from self._finished(first, chunks, gain_db)

    def _finished(self, first: Audio, others: Iterator[Audio], gain_db: float) -> Iterator[Samples]:
        from_hz = first.sample_rate_hz
        samples = _audible(self._samples(first, others))
        if self.aim.duration_s is not None:
            samples = _of_length(samples, max(1, round(self.aim.duration_s * from_hz)), from_hz)
        samples = (with_channels(block, self.aim.channels) for block in samples)
        if from_hz != self.aim.rate_hz:
            samples = _resampled(samples, from_hz, self.aim)
        if self.aim.frames is not None:
            samples = _exactly(samples, self.aim.frames, self.aim.channels)
        samples = _without_edges(samples, self.aim.rate_hz)
        yield from self._limited(samples, float(np.clip(gain_db, -60, 60)))

    def _samples(self, first: Audio, others: Iterator[Audio]) -> Iterator[Samples]:
        yield self._one_of(first, first)
        for chunk in others:
            yield self._one_of(chunk, first)

    def _one_of(self, chunk: Audio, first: Audio) -> Samples:
        samples = checked(chunk, silence=True)
        if (len(samples), chunk.sample_rate_hz) != (len(first.samples), first.sample_rate_hz):
            raise UnusableAudio("The model returned chunks of different rates or numbers of channels")
        self.facts.update(chunk.facts)
        return samples

    def _limited(self, blocks: Iterator[Samples], gain_db: float) -> Iterator[Samples]:
        limiter = synth_native.Limiter(self.aim.rate_hz, self.aim.channels, gain_db, TRUE_PEAK_DBTP)
        meter = synth_native.Meter(self.aim.rate_hz, self.aim.channels)
        late = limiter.latency
        for block in _and_flushed(blocks, limiter):
            kept = block[:, late:]
            late -= block.shape[1] - kept.shape[1]
            if kept.shape[1]:
                self.frames += kept.shape[1]
                meter.push(kept)
                yield kept
        self.quality = self._report(meter.report(), limiter.limited_db)

    def _report(self, measured: dict[str, Any], limited_db: float) -> dict[str, Any]:
        loudness = measured["loudness_lufs"]
        quieter = loudness is not None and loudness < self.aim.loudness_lufs - _LIMITED_LU
        measured["limited_by"] = "true_peak" if quieter and limited_db > 0 else None
        return {name: measured[name] for name in QUALITY}


def _known_gain_db(samples: Samples, rate_hz: int, aim: Aim) -> float:
    measured = synth_native.measure(samples, rate_hz)
    loudness: float | None = measured["loudness_lufs"]
    room_db: float = TRUE_PEAK_DBTP - measured["true_peak_dbtp"]
    if loudness is None:  # too short to be measured: only the peak is set
        return room_db
    return min(aim.loudness_lufs - loudness, room_db + _MOST_LIMITING_DB)


def _pieces(audio: Audio) -> Iterator[Audio]:
    size = max(1, round(PIECE_S * audio.sample_rate_hz))
    for start in range(0, audio.samples.shape[1], size):
        facts = audio.facts if start == 0 else {}
        yield Audio(audio.samples[:, start : start + size], audio.sample_rate_hz, facts)


def _audible(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Holds silence back until something is heard: a sound without any is refused before it has begun to leave."""
    held: list[Samples] = []
    for block in blocks:
        held.append(block)
        if peak_of(block) >= SILENCE:
            yield from held
            yield from blocks
            return
    raise UnusableAudio("The model returned silence")


def _of_length(blocks: Iterator[Samples], asked: int, rate_hz: int) -> Iterator[Samples]:
    """Cut or padded to `asked` frames; a cut fades out over 50 ms, for which as much is held back."""
    cut, at = min(asked // 4, round(_CUT_S * rate_hz)), 0
    tail: Samples | None = None
    for block in blocks:
        joined = block if tail is None else np.concatenate([tail, block], axis=1)
        if at + joined.shape[1] > asked:
            yield synth_native.fade(np.ascontiguousarray(joined[:, : asked - at]), 0, cut)
            return
        ready = max(0, joined.shape[1] - cut)
        tail = joined[:, ready:]
        at += ready
        if ready:
            yield joined[:, :ready]
    assert tail is not None  # `_audible` gives one block at least
    got = at + tail.shape[1]
    if got < (1 - _TOO_SHORT) * asked - _SLACK_S * rate_hz:
        raise UnusableAudio(f"The model returned {got / rate_hz:.3f} s where {asked / rate_hz:g} s were asked")
    if got < asked:
        faded = synth_native.fade(np.ascontiguousarray(tail), 0, min(tail.shape[1] // 4, round(_EDGE_S * rate_hz)))
        tail = np.pad(faded, ((0, 0), (0, asked - got)))
    yield tail


def _resampled(blocks: Iterator[Samples], from_hz: int, aim: Aim) -> Iterator[Samples]:
    """The filter of a whole sound, which keeps its state from block to block."""
    resampler = soxr.ResampleStream(from_hz, aim.rate_hz, aim.channels, quality="HQ")
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block.T)).T
    yield resampler.resample_chunk(np.zeros((0, aim.channels), np.float32), last=True).T


def _exactly(blocks: Iterator[Samples], left: int, channels: int) -> Iterator[Samples]:
    """Without the frame that a resampler gives too many, or with the one that it leaves out."""
    for block in blocks:
        part = block[:, :left]
        left -= part.shape[1]
        yield part
    if left:
        yield np.zeros((channels, left), np.float32)


def _without_edges(blocks: Iterator[Samples], rate_hz: int) -> Iterator[Samples]:
    """Fades in and out over 3 ms where the sound would begin or end with a click; the last of them are held back."""
    length, highest = round(_EDGE_S * rate_hz), 0.0
    tail: Samples | None = None
    for part in blocks:
        if not part.shape[1]:
            continue
        block = part
        highest = max(highest, peak_of(block))
        if tail is None and float(np.max(np.abs(block[:, 0]))) > 1e-3 * highest:
            block = synth_native.fade(np.ascontiguousarray(block), min(block.shape[1] // 4, length), 0)
        joined = block if tail is None else np.concatenate([tail, block], axis=1)
        ready = max(0, joined.shape[1] - length)
        tail = joined[:, ready:]
        if ready:
            yield joined[:, :ready]
    assert tail is not None
    if float(np.max(np.abs(tail[:, -1]))) > 1e-3 * highest:
        tail = synth_native.fade(np.ascontiguousarray(tail), 0, tail.shape[1])
    yield tail


def _and_flushed(blocks: Iterator[Samples], limiter: synth_native.Limiter) -> Iterator[Samples]:
    for block in blocks:
        yield limiter.process(np.ascontiguousarray(block))
    yield limiter.flush()
