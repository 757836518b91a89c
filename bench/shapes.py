"""Checkpoints of the published sizes with random weights, in the published layouts, for benchmarks without downloads.

AudioLDM2's sizes are those of cvssp/audioldm2 (UNet of 347 M parameters), TangoFlux's and Stable Audio's those of
their configurations (517 M and 1.06 B). Tokenizers are the tiny ones of the tests: every text is one to a letter.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.checkpoints import (
    DDIM,
    OOBLECK,
    roberta_tokenizer,
    save_pipeline,
    save_stable_audio,
    save_tangoflux,
    t5_tokenizer,
)


def t5_large() -> Any:
    """The encoder of FLAN-T5-large (341 M parameters)."""
    return _t5(d_model=1024, d_ff=2816, num_layers=24, num_heads=16, feed_forward_proj="gated-gelu")


def _t5(**sizes: Any) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(d_kv=64, vocab_size=32_128, is_encoder_decoder=False, **sizes)).eval()


def oobleck() -> Any:
    """The autoencoder of Stable Audio and TangoFlux (156 M parameters)."""
    from diffusers import AutoencoderOobleck

    return AutoencoderOobleck(
        **OOBLECK,
        encoder_hidden_size=128,
        channel_multiples=[1, 2, 4, 8, 16],
        decoder_channels=128,
        decoder_input_channels=64,
    )


def audioldm2(folder: Path) -> None:
    """cvssp/audioldm2: CLAP, FLAN-T5-large, GPT-2 and the UNet with two streams of text."""
    from diffusers import AutoencoderKL, DDIMScheduler
    from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        GPT2Config,
        GPT2LMHeadModel,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
    )

    language = GPT2LMHeadModel(GPT2Config(n_positions=1024))
    language.config.max_new_tokens = 8
    down = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")
    unet = AudioLDM2UNet2DConditionModel(
        sample_size=64,
        in_channels=8,
        out_channels=8,
        down_block_types=down,
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(128, 256, 384, 640),
        layers_per_block=2,
        cross_attention_dim=((None, 768, 1024),) * 4,
        attention_head_dim=8,
    )
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(128, 256, 512),
        latent_channels=8,
        layers_per_block=2,
        sample_size=1024,
    )
    vocoder = SpeechT5HifiGanConfig(
        model_in_dim=64,
        upsample_initial_channel=1024,
        upsample_rates=[5, 4, 2, 2, 2],
        upsample_kernel_sizes=[16, 16, 8, 4, 4],
        normalize_before=False,
    )
    save_pipeline(
        folder,
        "AudioLDM2Pipeline",
        vae=vae,
        text_encoder=ClapModel(ClapConfig()),
        text_encoder_2=t5_large(),
        projection_model=AudioLDM2ProjectionModel(
            text_encoder_dim=512, text_encoder_1_dim=1024, langauge_model_dim=768
        ),
        language_model=language,
        tokenizer=roberta_tokenizer(),
        tokenizer_2=t5_tokenizer(512),
        feature_extractor=ClapFeatureExtractor(),
        unet=unet,
        scheduler=DDIMScheduler(**DDIM),
        vocoder=SpeechT5HifiGan(vocoder),
    )


def stable_audio(folder: Path) -> None:
    """stabilityai/stable-audio-open-1.0: T5-base and the transformer over 1024 latents."""
    from diffusers import StableAudioDiTModel, StableAudioProjectionModel

    save_stable_audio(
        folder,
        vae=oobleck(),
        text_encoder=_t5(d_model=768, d_ff=3072, num_layers=12, num_heads=12),
        projection_model=StableAudioProjectionModel(
            text_encoder_dim=768, conditioning_dim=768, min_value=0, max_value=512
        ),
        tokenizer=t5_tokenizer(128),
        transformer=StableAudioDiTModel(sample_size=1024),
    )


def tangoflux(folder: Path) -> None:
    """declare-lab/TangoFlux: FLAN-T5-large and the transformer of 6 + 18 blocks over 645 latents."""
    from diffusers import FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        in_channels=64,
        num_layers=6,
        num_single_layers=18,
        attention_head_dim=128,
        num_attention_heads=8,
        joint_attention_dim=1024,
        pooled_projection_dim=1024,
        guidance_embeds=False,
    )
    config = {"audio_seq_len": 645, "max_duration": 30, "text_encoder_name": "t5"}
    save_tangoflux(folder, config, transformer, t5_large(), oobleck)
    t5_tokenizer(512).save_pretrained(folder / "t5")


PUBLISHED: dict[str, Callable[[Path], None]] = {
    "tangoflux": tangoflux,
    "audioldm2": audioldm2,
    "stable_audio": stable_audio,
}
