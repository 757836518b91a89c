"""Tiny checkpoints with random weights in the layouts that are published, made in code; nothing is downloaded.

    python -m tests.support.checkpoints audioldm2 FOLDER

Each builder writes the files that the hub repository of its model has (same names, same keys, same configuration
fields), only narrow and shallow. Same builder, same bytes.
"""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch

DDIM = {
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
}
OOBLECK = {"downsampling_ratios": [2, 4, 4, 8, 8], "audio_channels": 2, "sampling_rate": 44_100}
TINY_OOBLECK = OOBLECK | {
    "encoder_hidden_size": 6,
    "channel_multiples": [1, 1, 1, 1, 1],
    "decoder_channels": 6,
    "decoder_input_channels": 4,
}
_COSINE = {
    "_class_name": "CosineDPMSolverMultistepScheduler",
    "_diffusers_version": "0.30.0",
    "euler_at_final": False,
    "final_sigmas_type": "zero",
    "lower_order_final": True,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "rho": 7.0,
    "s_noise": 1.0,
    "sigma_data": 1.0,
    "sigma_max": 500,
    "sigma_min": 0.3,
    "sigma_schedule": "exponential",
    "solver_order": 2,
    "solver_type": "midpoint",
}


def seeded(build: Callable[[Path], None]) -> Callable[[Path], Path]:
    """The builder with weights that are the same each time, returning its folder."""

    @wraps(build)
    def built(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            build(folder)
        return folder

    return built


@seeded
def audioldm(folder: Path) -> None:
    """The layout of cvssp/audioldm-s-full-v2."""
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import ClapTextConfig, ClapTextModelWithProjection

    tokenizer = roberta_tokenizer()
    unet = UNet2DConditionModel(
        **_unet(),
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=32,
        class_embeddings_concat=True,
        cross_attention_dim=(16, 32),
    )
    save_pipeline(
        folder,
        "AudioLDMPipeline",
        vae=mel_vae(),
        text_encoder=ClapTextModelWithProjection(ClapTextConfig(**_clap_text(len(tokenizer)))),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(**DDIM),
        vocoder=hifigan(),
    )


@seeded
def audioldm2(folder: Path) -> None:
    """The layout of cvssp/audioldm2."""
    from diffusers import DDIMScheduler
    from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel
    from transformers import GPT2Config, GPT2LMHeadModel

    roberta, t5 = roberta_tokenizer(), t5_tokenizer()
    shape = {"n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": 99, "vocab_size": 64}
    language = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
    language.config.max_new_tokens = 8
    save_pipeline(
        folder,
        "AudioLDM2Pipeline",
        vae=mel_vae(),
        text_encoder=clap_model(len(roberta)),
        text_encoder_2=t5_encoder(len(t5)),
        projection_model=AudioLDM2ProjectionModel(text_encoder_dim=32, text_encoder_1_dim=32, langauge_model_dim=16),
        language_model=language,
        tokenizer=roberta,
        tokenizer_2=t5,
        feature_extractor=clap_features(),
        unet=AudioLDM2UNet2DConditionModel(**_unet(), cross_attention_dim=((None, 16, 32), (None, 16, 32))),
        scheduler=DDIMScheduler(**DDIM),
        vocoder=hifigan(),
    )


@seeded
def stable_audio(folder: Path) -> None:
    """The layout of stabilityai/stable-audio-open-1.0; its 64 latents of 2048 samples are 2.97 s."""
    from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioProjectionModel

    tokenizer = t5_tokenizer()
    transformer = StableAudioDiTModel(
        sample_size=64,
        in_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        num_key_value_attention_heads=2,
        out_channels=4,
        cross_attention_dim=16,
        time_proj_dim=8,
        global_states_input_dim=32,
        cross_attention_input_dim=16,
    )
    save_stable_audio(
        folder,
        vae=AutoencoderOobleck(**TINY_OOBLECK),
        text_encoder=t5_encoder(len(tokenizer)),
        projection_model=StableAudioProjectionModel(
            text_encoder_dim=32, conditioning_dim=16, min_value=0, max_value=32
        ),
        tokenizer=tokenizer,
        transformer=transformer,
    )


@seeded
def tangoflux(folder: Path) -> None:
    """The layout of declare-lab/TangoFlux, its misspelt key included, with the text encoder in `t5/` beside it."""
    from diffusers import AutoencoderOobleck, FluxTransformer2DModel

    tokenizer = t5_tokenizer()
    text_encoder = t5_encoder(len(tokenizer))
    transformer = FluxTransformer2DModel(
        in_channels=4,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=False,
        axes_dims_rope=(8, 12, 12),
    )
    config = {
        "num_layers": 1,
        "num_single_layers": 2,
        "in_channels": 4,
        "attention_head_dim": 32,
        "joint_attention_dim": 32,
        "num_attention_heads": 2,
        "audio_seq_len": 16,
        "max_duration": 30,
        "uncondition": False,
        "text_encoder_name": "t5",
    }
    save_tangoflux(folder, config, transformer, text_encoder, lambda: AutoencoderOobleck(**TINY_OOBLECK))
    tokenizer.save_pretrained(folder / "t5")


@seeded
def clap(folder: Path) -> None:
    """The layout of laion/clap-htsat-unfused."""
    tokenizer = roberta_tokenizer()
    clap_model(len(tokenizer)).save_pretrained(folder)
    clap_features().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_pipeline(folder: Path, pipeline: str, **components: Any) -> None:
    """Write a diffusers repository: a folder for each component and the index that names their classes."""
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": "0.30.0"}
    for name, component in components.items():
        component.save_pretrained(folder / name)
        module = type(component).__module__.split(".")
        library = module[2] if module[1] == "pipelines" else module[0]
        index[name] = [library, type(component).__name__]
    write_json(folder / "model_index.json", index)


def save_stable_audio(folder: Path, **components: Any) -> None:
    """Write the repository of Stable Audio Open with these components and the published schedule."""
    save_pipeline(folder, "StableAudioPipeline", **components)
    # Written by hand: constructing this scheduler needs torchsde, which nothing else of a checkpoint does.
    write_json(folder / "scheduler" / "scheduler_config.json", _COSINE)
    index = json.loads((folder / "model_index.json").read_text())
    write_json(folder / "model_index.json", index | {"scheduler": ["diffusers", _COSINE["_class_name"]]})


def save_tangoflux(
    folder: Path, config: dict[str, Any], transformer: Any, text_encoder: Any, autoencoder: Callable[[], Any]
) -> None:
    """Write TangoFlux's repository but for the tokenizer in `t5/`; the layers that it has itself are random."""
    from safetensors.torch import save_file

    width = transformer.config.joint_attention_dim
    state = {f"transformer.{name}": value for name, value in transformer.state_dict().items()}
    projection = torch.nn.Linear(width, width)
    state |= {"fc.0.weight": projection.weight, "fc.0.bias": projection.bias}
    encoder = {name: value for name, value in text_encoder.state_dict().items() if "embed_tokens" not in name}
    state |= {f"text_encoder.{name}": value.clone() for name, value in encoder.items()}
    embedder = "duration_emebdder.time_positional_embedding"
    state |= {f"{embedder}.0.weights": torch.randn(128), f"{embedder}.1.weight": torch.randn(width, 257) / 16}
    state[f"{embedder}.1.bias"] = torch.zeros(width)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().contiguous() for name, value in state.items()}, folder / "tangoflux.safetensors")
    save_file(autoencoder().state_dict(), folder / "vae.safetensors")
    write_json(folder / "config.json", config)
    text_encoder.save_pretrained(folder / "t5")


def write_json(file: Path, data: Any) -> None:
    """Write JSON, its folder made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=2))


def roberta_tokenizer() -> Any:
    """Byte-level BPE without merges: one token for each byte."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaTokenizer

    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    vocabulary = {word: number for number, word in enumerate(words)}
    return RobertaTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def t5_tokenizer(longest: int = 64) -> Any:
    """A unigram tokenizer of single characters."""
    from transformers import T5Tokenizer

    printable = [chr(code) for code in range(33, 127)]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    vocabulary += [("\u2581" + letter, -3.0) for letter in printable if letter.isalnum()]
    vocabulary += [(letter, -4.0) for letter in printable]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=longest)


def t5_encoder(words: int) -> Any:
    """A T5 encoder 32 wide."""
    from transformers import T5Config, T5EncoderModel

    shape = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
    return T5EncoderModel(
        T5Config(vocab_size=words, **shape, feed_forward_proj="gated-gelu", is_encoder_decoder=False)
    ).eval()


def _clap_text(words: int) -> dict[str, Any]:
    return {
        "vocab_size": words,
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "projection_dim": 32,
        "max_position_embeddings": 90,
    }


def clap_model(words: int) -> Any:
    """CLAP 32 wide. 256 pixels over 64 mel bins leave room for 1024 frames, as in the published one."""
    from transformers import ClapAudioConfig, ClapConfig, ClapModel, ClapTextConfig

    audio = ClapAudioConfig(
        spec_size=256,
        window_size=8,
        num_mel_bins=64,
        hidden_size=32,
        patch_size=4,
        patch_stride=[4, 4],
        patch_embeds_hidden_size=16,
        depths=[1, 1],
        num_attention_heads=[2, 2],
        num_hidden_layers=2,
        projection_dim=32,
    )
    text = ClapTextConfig(**_clap_text(words))
    return ClapModel(ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=32)).eval()


def clap_features() -> Any:
    """What CLAP hears: log-mel at 48 kHz, here of at most one second."""
    from transformers import ClapFeatureExtractor

    return ClapFeatureExtractor(
        feature_size=64,
        sampling_rate=48_000,
        hop_length=480,
        max_length_s=1,
        fft_window_size=1024,
        truncation="rand_trunc",
        padding="repeatpad",
    )


def mel_vae() -> Any:
    """A VAE over mel spectrograms that halves both axes."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=[16, 32],
        in_channels=1,
        out_channels=1,
        norm_num_groups=8,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        scaling_factor=0.9,
    )


def hifigan() -> Any:
    """A vocoder of 160 samples for each of its frames of 8 mel bins, at 16 kHz."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=8,
            sampling_rate=16_000,
            upsample_initial_channel=16,
            upsample_rates=[5, 4, 4, 2],
            upsample_kernel_sizes=[16, 16, 8, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3]],
            normalize_before=False,
        )
    ).eval()
    for name, weight in vocoder.named_parameters():
        if weight.dim() > 1 and "resblocks" not in name:  # the usual initial weights make next to no sound
            torch.nn.init.normal_(weight, std=1.5 / (weight.shape[0] * weight.shape[2]) ** 0.5)
    return vocoder


def _unet() -> dict[str, Any]:
    return {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }


BUILDERS = {build.__name__: build for build in (audioldm, audioldm2, stable_audio, tangoflux, clap)}


if __name__ == "__main__":
    print(BUILDERS[sys.argv[1]](Path(sys.argv[2])))
