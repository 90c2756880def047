"""The embedded policy of the first family: a FluxKontextPipeline of 4.7 million parameters."""

import math
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from edit_policy import CHANNELS, GRID, EditPolicy, write_json
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

WIDTH = 128
CLIP_LENGTH = 16
T5_LENGTH = 12
AUTOENCODER_WIDTHS = (16, 32, 64, 64)


def new_autoencoder():
    return AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * len(AUTOENCODER_WIDTHS),
        up_block_types=["UpDecoderBlock2D"] * len(AUTOENCODER_WIDTHS), block_out_channels=AUTOENCODER_WIDTHS,
        layers_per_block=1, latent_channels=CHANNELS, norm_num_groups=8, use_quant_conv=False,
        use_post_quant_conv=False, mid_block_add_attention=False, sample_size=16 * GRID, shift_factor=None,
    )


def load_autoencoder(folder):
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)


def latents(model, x):
    """Pixels [n, 3, 48, 48] to latents [n, 16, 6, 6] as the decoder takes them."""
    return model.encode(x).latent_dist.mean


def pixels(model, z):
    return model.decode(z).sample


def frozen(model):
    """What decoder-only training leaves alone."""
    return [model.encoder]


def is_measured(model):
    return model.config.shift_factor is not None


def note_statistics(model, mean, deviation):
    model.register_to_config(shift_factor=mean, scaling_factor=1 / deviation)


def statistics(model):
    """Mean and deviation by which a latent is normalised."""
    return model.config.shift_factor, 1 / model.config.scaling_factor


def new_transformer():
    """A FLUX transformer whose blocks start as the identity (adaLN-zero), which diffusers does not do itself."""
    model = FluxTransformer2DModel(
        in_channels=4 * CHANNELS, num_layers=3, num_single_layers=4, attention_head_dim=32,
        num_attention_heads=4, joint_attention_dim=WIDTH, pooled_projection_dim=WIDTH, guidance_embeds=False,
        axes_dims_rope=(8, 12, 12),
    )
    zeroed = [block.norm1.linear for block in model.transformer_blocks]
    zeroed += [block.norm1_context.linear for block in model.transformer_blocks]
    zeroed += [block.norm.linear for block in model.single_transformer_blocks]
    for linear in [*zeroed, model.norm_out.linear, model.proj_out]:
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    return model


def new_text_encoders(clip_tokenizer, t5_tokenizer):
    clip = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(clip_tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=CLIP_LENGTH,
        hidden_act="quick_gelu", bos_token_id=clip_tokenizer.bos_token_id,
        eos_token_id=clip_tokenizer.eos_token_id, pad_token_id=clip_tokenizer.pad_token_id,
    ))
    t5 = T5EncoderModel(T5Config(
        vocab_size=len(t5_tokenizer), d_model=WIDTH, d_kv=32, d_ff=256, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", dropout_rate=0.0, tie_word_embeddings=False, is_encoder_decoder=False,
        use_cache=False, pad_token_id=0, eos_token_id=1,
    ))
    return clip, t5


def scheduler():
    return FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15,
        base_image_seq_len=256, max_image_seq_len=4096, shift=3.0,
    )


def sigmas(steps):
    """FLUX's schedule for 9 target tokens, ending in 0."""
    slope = (1.15 - 0.5) / (4096 - 256)
    shift = math.exp(0.5 + (GRID * GRID - 256) * slope)
    raw = torch.linspace(1, 1 / steps, steps)
    return torch.cat([shift / (shift + 1 / raw - 1), torch.zeros(1)])


def token_ids():
    """Position ids of [target; reference] and of the text, as FluxKontextPipeline makes them."""
    target = torch.tensor([[0.0, row, column] for row in range(GRID) for column in range(GRID)])
    reference = target.clone()
    reference[:, 0] = 1
    return torch.cat([target, reference]), torch.zeros(T5_LENGTH, 3)


class FluxPolicy(EditPolicy):
    """Transformer and text encoders with their tokenizers and autoencoder."""

    PIPELINE = "FluxKontextPipeline"
    latents, pixels = staticmethod(latents), staticmethod(pixels)
    statistics, sigmas = staticmethod(statistics), staticmethod(sigmas)
    open_autoencoder = staticmethod(load_autoencoder)

    def __init__(self, transformer, clip, t5, autoencoder, clip_tokenizer, t5_tokenizer):
        super().__init__()
        self.transformer, self.clip, self.t5 = transformer, clip, t5
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.clip_tokenizer, self.t5_tokenizer = clip_tokenizer, t5_tokenizer
        image_ids, text_ids = token_ids()
        self.register_buffer("image_ids", image_ids, persistent=False)
        self.register_buffer("text_ids", text_ids, persistent=False)

    @classmethod
    def new(cls, tokenizers, autoencoder):
        clip_tokenizer = CLIPTokenizer.from_pretrained(Path(tokenizers) / "tokenizer")
        t5_tokenizer = T5TokenizerFast.from_pretrained(Path(tokenizers) / "tokenizer_2")
        return cls(new_transformer(), *new_text_encoders(clip_tokenizer, t5_tokenizer),
                   load_autoencoder(autoencoder), clip_tokenizer, t5_tokenizer)

    @classmethod
    def load(cls, folder):
        folder = Path(folder)
        return cls(
            FluxTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32),
            CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
            T5EncoderModel.from_pretrained(folder / "text_encoder_2", dtype=torch.float32),
            load_autoencoder(folder / "vae"),
            CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            T5TokenizerFast.from_pretrained(folder / "tokenizer_2"),
        ).eval()

    def trained(self):
        return [*self.transformer.parameters(), *self.clip.parameters(), *self.t5.parameters()]

    def inputs(self, prompts, pictures):
        """Padded ids of both encoders, [n, 16] and [n, 12]; they see no pictures."""
        options = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        clip = self.clip_tokenizer(prompts, max_length=CLIP_LENGTH, **options).input_ids
        return clip, self.t5_tokenizer(prompts, max_length=T5_LENGTH, **options).input_ids

    def condition(self, clip_ids, t5_ids):
        """Pooled [n, 128] and text states [n, 12, 128]; T5 sees its padding, as in the pipeline."""
        return self.clip(clip_ids).pooler_output, self.t5(t5_ids).last_hidden_state

    def velocity(self, noisy, reference, condition, sigma):
        pooled, states = condition
        return self.transformer(
            hidden_states=torch.cat([noisy, reference], 1), encoder_hidden_states=states,
            pooled_projections=pooled, timestep=sigma, img_ids=self.image_ids, txt_ids=self.text_ids,
        ).sample[:, :GRID * GRID]

    def save(self, folder, tokenizers, dtype=torch.bfloat16):
        """Writes a FluxKontextPipeline folder; the model itself keeps its precision."""
        folder = Path(folder)
        self.save_part(self.transformer, folder / "transformer", dtype)
        self.save_part(self.autoencoder, folder / "vae", dtype)
        # The names of published CLIP checkpoints have a prefix.
        self.save_part(self.clip, folder / "text_encoder", dtype, lambda name: f"text_model.{name}")
        self.save_part(self.t5, folder / "text_encoder_2", dtype)
        scheduler().save_pretrained(folder / "scheduler")
        for name in ("tokenizer", "tokenizer_2"):
            shutil.copytree(Path(tokenizers) / name, folder / name, dirs_exist_ok=True)
        write_json(folder / "model_index.json", {
            "_class_name": self.PIPELINE, "_diffusers_version": "0.42.1",
            "feature_extractor": [None, None], "image_encoder": [None, None],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "T5EncoderModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "tokenizer_2": ["transformers", "T5TokenizerFast"],
            "transformer": ["diffusers", "FluxTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        })


Policy = FluxPolicy
