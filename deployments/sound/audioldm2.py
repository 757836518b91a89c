"""AudioLDM2 (Liu et al. 2023, arXiv 2308.05734): AudioLDM whose words pass CLAP, T5 and a GPT-2.

GPT-2 writes eight hidden states; the UNet has two streams of cross-attention, one to them and one to T5's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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

WORDS = 16  # with CUDA graphs, T5's words are padded to a multiple of so many
GENERATED = 8  # hidden states that GPT-2 writes, unless the checkpoint's configuration says otherwise


class AudioLDM2(MelModel):
    """cvssp/audioldm2 (1.1 B parameters), -large (1.5 B) or -music (1.1 B); 16 kHz mono."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=CAPABILITIES,
        sound=SoundInfo(sample_rate_hz=16_000, channels=1, max_duration_s=MAX_DURATION_S),
        licence=Licence(weights="CC-BY-NC-SA-4.0", commercial=False, url="https://huggingface.co/cvssp/audioldm2"),
        revision="audioldm2-1",
        memory_gib=5.0,
    )
    Request: ClassVar[type[MelRequest]] = MelRequest
    Options: ClassVar[type[MelOptions]] = MelOptions
    published = Checkpoint(
        repository="cvssp/audioldm2",
        revision="c8e7e189d324425c05c4c2f81214041ef4107983",
        components=("unet", "vae", "vocoder", "text_encoder", "text_encoder_2", "projection_model", "language_model"),
        files=(
            "scheduler/scheduler_config.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer_2/tokenizer_config.json",
        ),
    )
    default_guidance = 3.5

    def open(self) -> Denoiser:
        """Find, read and place the weights. Raises LoadFailed saying what was looked for and where."""
        from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2UNet2DConditionModel

        self.denoiser = _Denoiser(find(self.published, self.options), AudioLDM2UNet2DConditionModel, self.options)
        return self.denoiser


@dataclass(frozen=True)
class Words:
    """What one text tells the UNet: GPT-2's tokens (8, width), T5's (words, width) and which of these count."""

    generated: "torch.Tensor"
    spoken: "torch.Tensor"
    mask: "torch.Tensor"


class _Denoiser(MelDenoiser):
    """Conditions are (negative, positive) `Words`, or (positive,) without guidance."""

    def load_text(self, folder: Path, dtype: "torch.dtype") -> dict[str, Any]:
        from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
        from transformers import ClapTextModelWithProjection, GPT2Model, T5EncoderModel

        self.clap_tokenizer = load_tokenizer(folder / "tokenizer")
        self.t5_tokenizer = load_tokenizer(folder / "tokenizer_2")
        kinds = {
            "text_encoder": ClapTextModelWithProjection,
            "text_encoder_2": T5EncoderModel,
            "projection_model": AudioLDM2ProjectionModel,
            "language_model": GPT2Model,
        }
        return {name: load_component(kind, folder / name, dtype) for name, kind in kinds.items()}

    def encode(self, prompt: Any) -> tuple[Words, ...]:
        positive, negative = prompt
        found = self._words(positive, None)
        if negative is None:
            return (found,)
        return self._words(negative, found.spoken.shape[0]), found

    def _words(self, text: str, length: int | None) -> Words:
        """One text through CLAP, T5 and GPT-2; T5's words are made `length`, as upstream makes the negative ones."""
        clap = self._tokens(self.clap_tokenizer, text, self.clap_tokenizer.model_max_length)
        t5 = self._tokens(self.t5_tokenizer, text, length)
        with self.modules.using("text_encoder") as encoder:
            heard = encoder(clap.input_ids, attention_mask=clap.attention_mask).text_embeds
        with self.modules.using("text_encoder_2") as encoder:
            spoken = encoder(t5.input_ids, attention_mask=t5.attention_mask)[0]
        heard = self._normalized(heard)[:, None]
        with self.modules.using("projection_model") as projection:
            joined = projection(
                hidden_states=heard,
                hidden_states_1=spoken,
                attention_mask=clap.attention_mask.new_ones(1, 1),
                attention_mask_1=t5.attention_mask,
            )
        generated = self._generated(joined.hidden_states, joined.attention_mask)
        network = self.placement.network
        return Words(generated[0].to(network), spoken[0].to(network), t5.attention_mask[0])

    def _normalized(self, embedding: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import normalize

        return normalize(embedding, dim=-1)

    def _tokens(self, tokenizer: Any, text: str, length: int | None) -> Any:
        longest = length or tokenizer.model_max_length
        padding = "max_length" if length else False
        words = tokenizer(text, padding=padding, max_length=longest, truncation=True, return_tensors="pt")
        return words.to(self.placement.device)

    def _generated(self, embeddings: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
        """Hidden states that GPT-2 appends to its input one by one, each of them its own next input."""
        import torch

        made = []
        cache = None
        with self.modules.using("language_model") as gpt2:
            for _ in range(getattr(gpt2.config, "max_new_tokens", None) or GENERATED):
                out = gpt2(inputs_embeds=embeddings, attention_mask=mask, past_key_values=cache, use_cache=True)
                embeddings, cache = out.last_hidden_state[:, -1:], out.past_key_values
                mask = torch.cat([mask, mask.new_ones(1, 1)], dim=1)
                made.append(embeddings)
        return torch.cat(made, dim=1)

    def pack(self, rows: Sequence[Row]) -> "tuple[torch.Tensor, ...]":
        import torch
        from torch.nn.functional import pad
        from torch.nn.utils.rnn import pad_sequence

        words = [row.condition[row.branch] for row in rows]
        spoken = pad_sequence([item.spoken for item in words], batch_first=True)
        mask = pad_sequence([item.mask for item in words], batch_first=True)
        if self.graphed is not None:  # few graphs shall serve all prompts
            more = -spoken.shape[1] % WORDS
            spoken, mask = pad(spoken, (0, 0, 0, more)), pad(mask, (0, more))
        return torch.stack([item.generated for item in words]), spoken, mask

    def blank(self, rows: int, device: str) -> "tuple[torch.Tensor, ...]":
        import torch

        empty = torch.empty(0, device=device, dtype=self.placement.network).new_empty
        longest = self.t5_tokenizer.model_max_length
        generated = empty(rows, GENERATED, self.modules["language_model"].config.n_embd)
        spoken = empty(rows, longest, self.modules["text_encoder_2"].config.d_model)
        return generated, spoken, torch.empty(rows, longest, device=device, dtype=torch.long)

    def run(self, unet: Any, latents: "torch.Tensor", times: "torch.Tensor", *told: "torch.Tensor") -> "torch.Tensor":
        generated, spoken, mask = told
        return unet(  # type: ignore[no-any-return]
            latents,
            times,
            encoder_hidden_states=generated,
            encoder_hidden_states_1=spoken,
            encoder_attention_mask_1=mask,
            return_dict=False,
        )[0]
