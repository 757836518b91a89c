"""AudioLDM (Liu et al. 2023, arXiv 2301.12503): latent diffusion over mel spectrograms, told the words by CLAP.

The words reach the UNet as one embedding beside the time; there is no cross-attention to text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from deployments.contract import Licence, ModelInfo, SoundInfo
from deployments.denoise.denoiser import Denoiser, Row
from deployments.sound.mel import CAPABILITIES, MAX_DURATION_S, MelDenoiser, MelModel, MelOptions, MelRequest
from deployments.weights.checkpoint import Checkpoint
from deployments.weights.find import find
from deployments.weights.modules import load_component, load_tokenizer

if TYPE_CHECKING:
    import torch


class AudioLDM(MelModel):
    """cvssp/audioldm-s-full-v2 (421 M parameters), -m-full (652 M) or -l-full (975 M); 16 kHz mono."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=CAPABILITIES,
        sound=SoundInfo(sample_rate_hz=16_000, channels=1, max_duration_s=MAX_DURATION_S),
        licence=Licence(
            weights="CC-BY-NC-SA-4.0", commercial=False, url="https://huggingface.co/cvssp/audioldm-s-full-v2"
        ),
        revision="audioldm-1",
        memory_gib=3.0,
    )
    Request: ClassVar[type[MelRequest]] = MelRequest
    Options: ClassVar[type[MelOptions]] = MelOptions
    published = Checkpoint(
        repository="cvssp/audioldm-s-full-v2",
        components=("unet", "vae", "vocoder", "text_encoder"),
        files=("scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"),
    )
    default_guidance = 2.5

    def open(self) -> Denoiser:
        """Find, read and place the weights. Raises LoadFailed saying what was looked for and where."""
        from diffusers import UNet2DConditionModel

        self.denoiser = _Denoiser(find(self.published, self.options), UNet2DConditionModel, self.options)
        return self.denoiser


class _Denoiser(MelDenoiser):
    """Conditions are (2, width) with the negative prompt's embedding first, or (1, width) without guidance."""

    def load_text(self, folder: Path, dtype: "torch.dtype") -> dict[str, Any]:
        from transformers import ClapTextModelWithProjection

        self.tokenizer = load_tokenizer(folder / "tokenizer")
        return {"text_encoder": load_component(ClapTextModelWithProjection, folder / "text_encoder", dtype)}

    def encode(self, prompt: Any) -> "torch.Tensor":
        import torch

        positive, negative = prompt
        with self.modules.using("text_encoder") as encoder:
            found = [self._embedding(encoder, positive, self.tokenizer.model_max_length)]
            if negative is not None:  # upstream pads it to the width of the embedding; padding is masked
                found.insert(0, self._embedding(encoder, negative, found[0].shape[-1]))
        return torch.cat(found).to(self.placement.network)

    def _embedding(self, encoder: Any, text: str, longest: int) -> "torch.Tensor":
        from torch.nn.functional import normalize

        words = self.tokenizer(text, padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
        words = words.to(self.placement.device)
        return normalize(encoder(words.input_ids, attention_mask=words.attention_mask).text_embeds, dim=-1)

    def pack(self, rows: Sequence[Row]) -> "tuple[torch.Tensor, ...]":
        import torch

        return (torch.stack([row.condition[row.branch] for row in rows]),)

    def blank(self, rows: int, device: str) -> "tuple[torch.Tensor, ...]":
        import torch

        width = self.modules["unet"].config.projection_class_embeddings_input_dim
        return (torch.empty(rows, width, device=device, dtype=self.placement.network),)

    def run(self, unet: Any, latents: "torch.Tensor", times: "torch.Tensor", *told: "torch.Tensor") -> "torch.Tensor":
        (embeddings,) = told
        out = unet(latents, times, encoder_hidden_states=None, class_labels=embeddings, return_dict=False)
        return out[0]  # type: ignore[no-any-return]
