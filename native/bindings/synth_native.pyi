"""Continuo's C++ synthesizer and audio finisher.

Audio is float32, C order, shape (channels, frames), nominal range [-1, 1]. native/README.md has the table of nodes.

Samples may be any finite float, and arrays lie in memory in any way, also as doubles. Whatever takes audio refuses NaN
and infinity (and doubles that no float holds) with NotFinite before it counts; sums that no float holds become its
largest number. Only a renderer's input is not refused: what is not finite or beyond +-1e4 there is silence.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, final, overload

import numpy as np
from numpy.typing import NDArray

__version__: str

class NotFinite(ValueError):
    """The audio holds NaN or infinity; the message names the first place."""

class Silent(ValueError):
    """No sample is above -100 dBFS, so there is no loudness to set."""

@final
class Plan:
    """A compiled graph: immutable, usable by any number of renderers and threads at once."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Raises TypeError: plans come from compile()."""

    @property
    def nodes(self) -> list[str]:
        """Ids of the nodes that the output needs: control nodes, then the others in the order of computing."""

@final
class Renderer:
    """Renders a plan as one endless stereo stream; deterministic for a seed, bit by bit, however it is split.

    `block` (16 to 1024 frames) is the control rate; it is part of the sound. Not for two threads at once: that raises
    RuntimeError. Rendering releases the GIL and allocates only the returned array.
    """

    def __init__(
        self,
        plan: Plan,
        sample_rate_hz: float = 44100.0,
        seed: int = 0,
        block: int = 64,
        max_cpu: float | None = None,
        max_latency_ms: float | None = None,
    ) -> None:
        """Brings a plan to life, sample_rate_hz 8000 to 384000.

        `max_cpu`, a share of one core, 0.0001 to 1: what costs more with every voice playing, as measured on this
        machine, gives up in this order high quality of instruments, unison by halves, high quality of effects, voices
        by halves. status() tells; events do not raise it again. `max_latency_ms` halves the block, down to 16 frames,
        until it is no longer than that. ValueError names what is out of range.

        Low quality may also be asked for: "quality": "draft" among the parameters of a `poly` (half the time; a saw of
        443 Hz aliases at -35 dB, one of 3727 Hz at -23 dB, instead of -106 dB) or a `reverb` (8 lines instead of 16).
        """

    @property
    def frame(self) -> int:
        """Frames rendered since the start or the last reset."""

    def schedule(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Adds events, each at an exact frame counted from the start; one in the past takes place at once.

        {"frame", "type": "note_on", "node", "note", "velocity"?}, {"frame", "type": "note_off", "node", "note"},
        {"frame", "type": "set", "node", "param", "value", "ramp_s"?}, {"frame", "type": "tempo", "tempo_bpm"} (20 to
        400, heard from the next control block on). ValueError when one is wrong; then none is added.
        """

    def render(self, frames: int, input: NDArray[np.floating[Any]] | None = None) -> NDArray[np.float32]:
        """The next frames, shape (2, frames). The array owns its buffer (not copied, pooled when collected).

        `input`, of the same shape, is what nodes of type `input` hear; None is silence. MemoryError for more
        frames than there is memory.
        """

    def render_into(self, out: NDArray[np.float32], input: NDArray[np.floating[Any]] | None = None) -> None:
        """Fills a writable C-ordered float32 array of shape (2, frames) with the next frames.

        `input` as in render; it may be `out`. ValueError for a wrong shape or an address that is not a float's,
        TypeError for another type or order.
        """

    def swap(self, plan: Plan, fade_s: float = 0.05) -> None:
        """Cross-fades to another plan in `fade_s` (0 to 60), in 5 ms at least. Held notes and coming events go over to
        nodes of the same id and type."""

    def reset(self) -> None:
        """Back to frame 0 with the same seed; forgets all events."""

    def status(self) -> dict[str, Any]:
        """What it is doing and what its limits made of what was asked for.

        frame, sample_rate_hz, block, latency_ms (of a block), cpu (estimated share of one core with every voice
        playing), max_cpu, max_latency_ms, degraded (such as "pad: unison 7 -> 3"), events (scheduled), plans (sounding;
        more than one during a swap), bytes (of memory).
        """

@final
class Meter:
    """Measures audio as it comes: the report of measure(), the same however the audio is cut into chunks.

    ITU-R BS.1770-4, EBU R 128, EBU Tech 3341 and 3342, at 8000 to 384000 Hz and 1 to 8 channels (5: L R C Ls Rs;
    6: L R C LFE Ls Rs). Momentary and short-term values move in steps of 10 ms. About 200 bytes per second of audio
    stay in memory.
    """

    def __init__(self, sample_rate_hz: float, channels: int = 2) -> None: ...
    @property
    def frames(self) -> int:
        """Frames measured so far."""

    @property
    def momentary_lufs(self) -> float | None:
        """Loudness of the latest 400 ms; None before that, and for digital silence."""

    @property
    def short_term_lufs(self) -> float | None:
        """Loudness of the latest 3 s; None before that, and for digital silence."""

    def push(self, audio: NDArray[np.floating[Any]]) -> None:
        """The next frames, shape (channels, frames) or (frames,). Raises NotFinite; then none of them counts."""

    def report(self) -> dict[str, Any]:
        """What measure() says of all frames so far; more may follow."""

@final
class Limiter:
    """A gain and a look-ahead true-peak limiter over an endless stream.

    `gain_db` is -60 to 60, `true_peak_dbtp` -40 to 0. The gain is down 1.5 ms before a peak and comes back over about
    60 ms (after the peak limiter of Giannoulis, Massberg, Reiss, JAES 60(6), 2012, on fourfold oversampled peaks).
    Within 6 dB of the ceiling the sound also loses what it has above 0.4535 of the sample rate (20 kHz at 44.1 kHz),
    because no meter reads the true peak of that; anything else that needs no gain keeps its bits.
    Not for two threads at once: that raises RuntimeError, here and in the streams below.
    """

    def __init__(
        self, sample_rate_hz: float, channels: int = 2, gain_db: float = 0.0, true_peak_dbtp: float = -1.0
    ) -> None: ...
    @property
    def latency(self) -> int:
        """Frames by which the output is late; about 5 ms."""

    @property
    def limited_db(self) -> float:
        """The most that was taken away so far."""

    def process(self, audio: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """As many frames as are given, those of `latency` frames ago; silence at first. Raises NotFinite."""

    def flush(self) -> NDArray[np.float32]:
        """The last `latency` frames, shape (channels, latency): what process() gives for as much silence,
        but that a sound that ends loud fades out over its last 32 frames, so that nothing rings on behind them."""

@final
class Crossfader:
    """From one stream to the next: all of `a` until frame `at`, all of `b` `frames` later.

    equal_power (sine and cosine) for streams that differ, equal_gain for streams that are nearly the same. Any split
    gives the same samples.
    """

    def __init__(
        self, frames: int, curve: Literal["equal_power", "equal_gain"] = "equal_power", at: int = 0
    ) -> None: ...
    @property
    def frame(self) -> int:
        """Frames processed so far."""

    @property
    def done(self) -> bool:
        """Only `b` is left."""

    def process(self, a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """The next frames of both, of the same shape."""

@final
class Fader:
    """A level (linear, 0 to 16) that fades at exact frames: fade in and out, sleep timers, scheduled ducking.

    Any split gives the same samples.
    """

    def __init__(self, level: float = 1.0) -> None: ...
    @property
    def frame(self) -> int:
        """Frames processed so far."""

    @property
    def level(self) -> float:
        """The level at that frame."""

    def fade(
        self, level: float, frames: int, at: int | None = None, curve: Literal["smooth", "linear"] = "smooth"
    ) -> None:
        """Goes to `level` within `frames`, from frame `at` on, counted from the start (now: None, or a past frame).

        A fade that begins while another moves takes over where that one is. smooth is a raised cosine.
        """

    def process(self, audio: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """The next frames, at their level."""

@final
class Ducker:
    """Mixes a voice over a bed that goes down by `amount_db` while the voice's level (10 ms) is over the threshold.

    The bed is down one attack before the voice begins: that look-ahead is the latency. `amount_db` is -60 to 0,
    `attack_s` 0 to 5, `release_s` 0 to 30, `threshold_db` -100 to 0; the voice has one channel or the bed's. For a
    voice whose time is known beforehand, use a Fader.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        channels: int = 2,
        voice_channels: int = 1,
        amount_db: float = -12.0,
        attack_s: float = 0.05,
        release_s: float = 0.4,
        threshold_db: float = -40.0,
    ) -> None: ...
    @property
    def latency(self) -> int:
        """Frames by which the mix is late."""

    def process(self, bed: NDArray[np.floating[Any]], voice: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """As many frames of the mix as are given of each, those of `latency` frames ago. Raises NotFinite."""

    def flush(self) -> NDArray[np.float32]:
        """The last `latency` frames of the mix, shape (channels, latency)."""

@final
class Dither:
    """Floats to integers of 16 or 24 bits, with triangular dither of +-1 step (Lipshitz et al., JAES 40(5), 1992)."""

    def __init__(self, bits: int = 16, seed: int = 0, channels: int = 2) -> None: ...
    def process(self, audio: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
        """The next frames as integers; the same as dither() of the whole. Raises NotFinite."""

def compile(graph: dict[str, Any]) -> Plan:
    """Checks a graph and plans it.

    {"nodes": [{"id", "type", "params"?, "inputs"?: {"in": [ids], "sidechain"?: [ids]}}], "output": id,
    "modulations"?: [{"from", "to", "param", "amount", "unit"?}], "tempo_bpm"?: 120}. ValueError names node, parameter,
    value, range and unit, and the nearest valid name.
    """

def describe() -> dict[str, dict[str, Any]]:
    """Per node type: summary, takes_input, takes_sidechain, takes_notes, is_control and params.

    Each of params has name, unit, low, high, default, meaning and, when it is a word, choices.
    """

def status() -> dict[str, Any]:
    """version, isa, build, node_types, plans_compiled, frames_rendered, the caches plans and structures, pool.

    A cache has entries, hits and misses; the pool out_bytes, kept_bytes, hits and misses.
    """

def finish(
    audio: NDArray[np.floating[Any]],
    sample_rate_hz: float,
    loudness_lufs: float = -16.0,
    true_peak_dbtp: float = -1.0,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Sets integrated loudness (ITU-R BS.1770-4, EBU R 128) and holds true peak; returns a new array and the report.

    `audio` has shape (frames,) or (channels, frames), 1 to 8 channels. A DC offset over 1e-3 is taken out. At most 6 dB
    of limiting: audio that needs more stays quieter and reports limited_by "true_peak". Under 0.4 s only the peak is
    set. Report: loudness_lufs, true_peak_dbtp, peak, silence_ratio of the result; dc_offset, clipped_samples, clicks of
    the input; limited_by, limited_db, gain_db, momentary_max_lufs, short_term_max_lufs, loudness_range_lu, ok.
    true_peak_dbtp is what a BS.1770 meter reads; the peak that is held is the exact one: what needs limiting loses its
    sound above 0.4535 of the rate (20 kHz at 44.1 kHz) near the ceiling, as no meter reads the true peak of that.
    Samples above 2 ** 20 are finished as the same sound below full scale; gain_db then tells both gains together.
    Raises NotFinite, Silent (both ValueError), ValueError for a wrong shape or range.
    """

def measure(audio: NDArray[np.floating[Any]], sample_rate_hz: float) -> dict[str, Any]:
    """The same report for audio as it is. Raises NotFinite; silence is reported, with loudness_lufs None."""

def crossfade(
    a: NDArray[np.floating[Any]],
    b: NDArray[np.floating[Any]],
    frames: int,
    curve: Literal["equal_power", "equal_gain"] = "equal_power",
) -> NDArray[np.float32]:
    """The end of `a` over the beginning of `b`; as long as both together less `frames`.

    equal_power for material that differs, equal_gain for material that is nearly the same.
    """

def fade(
    audio: NDArray[np.floating[Any]],
    frames_in: int = 0,
    frames_out: int = 0,
    curve: Literal["smooth", "linear"] = "smooth",
) -> NDArray[np.float32]:
    """Fades the first frames in and the last ones out; smooth is a raised cosine. Both lie within the audio."""

def duck(
    bed: NDArray[np.floating[Any]],
    voice: NDArray[np.floating[Any]],
    sample_rate_hz: float,
    amount_db: float = -12.0,
    attack_s: float = 0.05,
    release_s: float = 0.4,
    threshold_db: float = -40.0,
) -> NDArray[np.float32]:
    """Mix of the voice and a bed that goes down by `amount_db` while the voice is over the threshold.

    As long as the bed. The voice has one channel or the bed's; the bed is down one attack before the voice begins.
    """

def dither(audio: NDArray[np.floating[Any]], bits: int = 16, seed: int = 0) -> NDArray[np.int32]:
    """Integers of 16 or 24 bits with triangular dither; full scale is +-(2 ** (bits - 1) - 1), beyond it is clipped."""

@overload
def quantise(audio: NDArray[np.floating[Any]], noise: NDArray[np.int32], bits: Literal[16] = 16) -> NDArray[np.int16]:
    """Integers of 16 or 24 bits, shape (frames, channels) as files have them; those of 24 lie in the upper bits.

    Full scale is from -2 ** (bits - 1) to 2 ** (bits - 1) - 1, beyond it is clipped. `noise` has a word a sample, in
    the order of the result; its halves, each a step wide, are added before rounding. Raises NotFinite.
    """

@overload
def quantise(audio: NDArray[np.floating[Any]], noise: NDArray[np.int32], bits: Literal[24]) -> NDArray[np.int32]: ...
