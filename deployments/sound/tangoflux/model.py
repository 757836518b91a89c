"""TangoFlux as a model: its facts, where its weights are, how a request becomes a plan."""

from typing import ClassVar

from deployments.contract import Capability, Licence, LoadFailed, ModelInfo, SoundInfo
from deployments.denoise.denoiser import Denoiser, Plan
from deployments.denoise.placed import PlacedModel
from deployments.sound.tangoflux.denoiser import TangoFluxDenoiser
from deployments.sound.tangoflux.request import MAX_DURATION_S, SAMPLE_RATE_HZ, TangoFluxOptions, TangoFluxRequest
from deployments.weights.checkpoint import Checkpoint, WeightOptions
from deployments.weights.find import find


class TangoFlux(PlacedModel[TangoFluxRequest, TangoFluxOptions, TangoFluxDenoiser]):
    """declare-lab/TangoFlux (517 M parameters in the transformer); 44.1 kHz stereo, at most 30 s.

    It was trained on windows of 30 s of which it is told the length, so it always denoises the whole window; only the
    latents that the asked sound depends on are decoded.
    """

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset({Capability.SEED, Capability.STEPS, Capability.GUIDANCE, Capability.BATCH}),
        sound=SoundInfo(sample_rate_hz=SAMPLE_RATE_HZ, channels=2, max_duration_s=MAX_DURATION_S),
        licence=Licence(
            weights="research only: Stability AI Community License and WavCaps; show: Powered by Stability AI",
            commercial=False,
            url="https://huggingface.co/declare-lab/TangoFlux",
        ),
        revision="tangoflux-1",
        memory_gib=4.0,
    )
    Request: ClassVar[type[TangoFluxRequest]] = TangoFluxRequest
    Options: ClassVar[type[TangoFluxOptions]] = TangoFluxOptions
    published = Checkpoint(
        repository="declare-lab/TangoFlux",
        revision="367005e963cb3a9fb2e03a46104d7de23e34ceea",
        files=("config.json", "tangoflux.safetensors", "vae.safetensors"),
    )
    published_text = Checkpoint(
        repository="google/flan-t5-large",
        revision="0613663d0d48ea86ba8cb3d7a44f0f65dc596a2a",
        files=("config.json", "tokenizer.json", "tokenizer_config.json"),
    )

    def __init__(self, options: TangoFluxOptions | None = None) -> None:
        super().__init__(options or TangoFluxOptions())

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """What is published for it, as the options change it, and its text encoder."""
        return (*super().checkpoints(), self.published_text)

    def open(self) -> Denoiser:
        """Find, read and place the weights. Raises LoadFailed saying what was looked for and where."""
        from deployments.sound.tangoflux.weights import Config

        folder = find(self.published, self.options)
        name = Config.read(folder / "config.json").text_encoder
        text = folder / name
        if not text.is_dir():
            if name != self.published_text.repository:
                raise LoadFailed(f"{folder}/config.json names the text encoder '{name}', which is no folder there")
            text = find(self.published_text, WeightOptions(download=self.options.download))
        self.denoiser = TangoFluxDenoiser(folder, text, self.options)
        return self.denoiser

    def plan(self, request: TangoFluxRequest) -> Plan:
        """The request in numbers. Raises InvalidInput beyond the checkpoint's window, OutOfMemory with the figures."""
        assert self.denoiser is not None
        return self.denoiser.plan(request, self.options.diffusion_steps)
