"""Sound and speech on their way to a file: settings, limits, finishing, encoding."""

import io
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from deployments.contract import Audio, Capability, Encoded, ModelInfo, Product, SoundInfo, SoundRequest, SpeechRequest
from serve_app.deliver.delivery import Delivered, Finding, Keep, Kind, Send, Settings, finding
from serve_app.deliver.formats import ENCODERS, MEDIA_TYPES, MOST_CHANNELS, MOST_HZ, BitDepth, StreamFormat
from serve_app.deliver.scoring import SCORER, score
from serve_app.deliver.voices import for_another, unspeakable, with_voice
from serve_app.errors import UnusableAudio


class SoundSettings(Settings):
    """How a finished sound leaves: part of every request for one, whatever model makes it."""

    format: StreamFormat = Field(
        default="flac",
        description="aac is AAC in MP4, a file that ends in .m4a, and ADTS where it streams; pcm (s16le) only streams.",
    )
    bit_depth: BitDepth = Field(default=16, description="wav: 16, 24, or 32 (float); flac: 16 or 24.")
    sample_rate_hz: int | None = Field(default=None, ge=8000, le=192_000, description="The model's own if absent.")
    channels: Literal[1, 2] | None = Field(default=None, description="Mono or stereo; the model's own if absent.")
    loudness_lufs: float | None = Field(default=None, ge=-60, le=-5, description="Integrated loudness (EBU R128).")
    stream: Annotated[bool | None, AfterValidator(lambda on: on or None)] = Field(
        default=None, description="The sound is sent while it is made, with a preset gain."
    )


class SoundDelivery:
    """Sounds with an asked length, and speech, whose length follows from its text."""

    kind: ClassVar[Kind] = "audio"
    settings: ClassVar[type[Settings]] = SoundSettings
    aliases: ClassVar[Mapping[str, str]] = {
        "audio_length_in_s": "duration_s",
        "num_inference_steps": "steps",
        "num_waveforms_per_prompt": "n",
    }
    companions: ClassVar[Mapping[str, str]] = {}

    def fits(self, info: ModelInfo) -> bool:
        """It needs SoundInfo."""
        return info.sound is not None

    def limits(self, request: Any, settings: SoundSettings, info: ModelInfo, name: str) -> list[Finding]:
        """An empty text, a sound that is too long for the model, a voice, rate or depth that is not there."""
        if isinstance(request, SoundRequest):
            if not request.prompt.strip():
                return [finding("prompt", "the prompt is empty")]
            longest_s = _sound(info).max_duration_s
            if request.duration_s > longest_s:
                text = f"{longest_s:g} s is the longest that model '{name}' makes, {request.duration_s:g} s were asked"
                return [finding("duration_s", text)]
        spoken = unspeakable(request, info, name) if isinstance(request, SpeechRequest) else []
        return spoken or _unstreamable(settings, info, name) or _unencodable(settings, info, name)

    def settled(self, request: Any, info: ModelInfo) -> Any:
        """With the voice that speaks."""
        return with_voice(request, info) if isinstance(request, SpeechRequest) else request

    def for_another(self, given: Mapping[str, Any], asked: ModelInfo, info: ModelInfo) -> dict[str, Any]:
        """With a voice that the other model has."""
        return for_another(given, asked, info)

    def too_large(self, request: Any, settings: SoundSettings, info: ModelInfo, most_bytes: int) -> list[Finding]:
        """A sound that would not fit: as float32, at the higher of the two rates that it has."""
        if not isinstance(request, SoundRequest):
            return []  # speech: nobody knows its length before it is there
        sound = _sound(info)
        frame_bytes = max(sound.channels, settings.channels or 1) * 4
        per_s = max(settings.sample_rate_hz or 0, sound.sample_rate_hz) * frame_bytes
        size = request.duration_s * per_s
        if size <= most_bytes:
            return []
        fits = request.duration_s * sound.sample_rate_hz * frame_bytes <= most_bytes
        text = (
            f"{request.duration_s:g} s at {per_s // frame_bytes} Hz are {size / 2**20:.0f} MiB, "
            f"{most_bytes / 2**20:g} MiB are possible: {most_bytes / per_s:.0f} s at this rate"
        )
        return [finding("sample_rate_hz" if fits else "duration_s", text)]

    def resolved(self, settings: SoundSettings, info: ModelInfo) -> dict[str, Any]:
        """With the loudness that is meant, and whether it was asked for: a role may say otherwise if it was not."""
        asked = settings.loudness_lufs is not None
        later = {"channels"} if settings.channels is None else set()
        plain = settings.model_dump(mode="json", exclude={"n", "stream"} | later)
        loudness = settings.loudness_lufs if asked else _sound(info).loudness_lufs
        encoder = {"encoder": ENCODERS[settings.format]} if settings.format in ENCODERS else {}
        streamed = {"delivery": "stream", "typical_lufs": _sound(info).typical_lufs} if settings.stream else {}
        return {**plain, **encoder, **streamed, "loudness_lufs": loudness, "asked_loudness": asked}

    def instead(self, settings: SoundSettings) -> SoundSettings | None:
        """The whole sound, but for formats whose streams are others than its files."""
        if not settings.stream or settings.format not in MEDIA_TYPES or settings.format == "aac":
            return None
        return settings.model_copy(update={"stream": None})

    def deliver(self, product: list[Product], request: Any, settings: Mapping[str, Any]) -> Delivered:
        """Check, bring to length, channels, rate, loudness; encode. Raises UnusableAudio, StorageFull."""
        from serve_app.deliver.encode import encode  # here, because the ingress loads neither codecs nor the engine
        from serve_app.deliver.finish import finish

        loudness = settings["loudness_lufs"]
        own = getattr(product[0], "loudness_lufs", None)
        if own is not None and not settings["asked_loudness"]:
            loudness = own
        clock = [time.perf_counter()]
        finished = finish(
            _audio(product.pop()),
            duration_s=getattr(request, "duration_s", None),
            sample_rate_hz=settings["sample_rate_hz"],
            channels=settings.get("channels"),
            loudness_lufs=loudness,
            format=settings["format"],
        )
        clock.append(time.perf_counter())
        file = encode(finished.samples, finished.sample_rate_hz, settings["format"], settings["bit_depth"])
        clock.append(time.perf_counter())
        facts = {
            "kind": self.kind,
            "duration_s": finished.samples.shape[-1] / finished.sample_rate_hz,
            "sample_rate_hz": finished.sample_rate_hz,
            "channels": finished.samples.shape[0],
            "quality": finished.quality,
        }
        metrics = {"finish_s": clock[1] - clock[0], "encode_s": clock[2] - clock[1]}
        return Delivered(file, facts, metrics, finished=finished)

    def stream(
        self, made: Product | Iterator[Audio], request: Any, settings: Mapping[str, Any], send: Send, keep: Keep
    ) -> tuple[Delivered, Mapping[str, Any]]:
        """Finish, encode, send and store as it is made. Raises UnusableAudio, and what making it raises."""
        from serve_app.deliver.streaming import stream

        whole = _audio(made) if isinstance(made, Product) else made
        return stream(whole, getattr(request, "duration_s", None), settings, send, keep)

    def score(
        self, parts: Mapping[str, Any], request: Mapping[str, Any], delivered: Delivered
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """How well the sound fits its words."""
        finished = delivered.finished
        if finished is None and SCORER in parts:
            return {"clap_score": None}, {"scoring": {"off": "the sound was streamed, and is not kept whole"}}
        if finished is None:
            return {}, {}
        return score(parts, request.get("prompt", ""), finished.samples, finished.sample_rate_hz)


def _sound(info: ModelInfo) -> SoundInfo:
    assert info.sound is not None  # the catalogue refuses a model of this medium without
    return info.sound


def _unstreamable(settings: SoundSettings, info: ModelInfo, name: str) -> list[Finding]:
    """Why this cannot be streamed, or not without being streamed."""
    if not settings.stream:
        text = "pcm is for `stream: true`; ask for wav to get a file"
        return [finding("format", text)] if settings.format == "pcm" else []
    if Capability.STREAMING not in info.capabilities:
        return [finding("stream", f"model '{name}' does not stream; its sounds are there when they are whole")]
    if settings.n > 1:
        return [finding("n", f"one sound is streamed at a time, {settings.n} were asked")]
    if settings.format == "pcm" and settings.bit_depth != 16:
        return [finding("bit_depth", f"pcm has 16 bits, {settings.bit_depth} were asked; wav has them")]
    return []


def _unencodable(settings: SoundSettings, info: ModelInfo, name: str) -> list[Finding]:
    """A rate, a depth or a number of channels that the format lacks."""
    if settings.bit_depth == 32 and settings.format != "wav":
        return [finding("bit_depth", "32 bit (float) needs format wav")]
    most_hz, most = MOST_HZ.get(settings.format, 192_000), MOST_CHANNELS[settings.format]
    if (settings.sample_rate_hz or 0) > most_hz:
        return [finding("sample_rate_hz", f"{settings.format} has at most {most_hz} Hz")]
    made = _sound(info).channels
    if settings.channels is None and made > most:
        text = f"{settings.format} holds {most} channels, model '{name}' makes {made}; ask for 1 or 2"
        return [finding("channels", text)]
    return []


def _audio(product: Product) -> Audio:
    """The product as samples; a file that was made elsewhere is decoded. Raises UnusableAudio."""
    import soundfile

    if isinstance(product, Audio):
        return product
    if not isinstance(product, Encoded):
        raise UnusableAudio(f"The model returned {type(product).__name__}; Audio is needed")
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(product.data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UnusableAudio(
            f"The file that the model returned ({product.media_type}) cannot be read: {error}"
        ) from None
    return Audio(samples.T, rate_hz, product.facts)
