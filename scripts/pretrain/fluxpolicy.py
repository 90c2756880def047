"""The embedded policy: a FluxKontextPipeline of 3.6 million parameters. Shared by policy.py and rollouts.py."""

import json
import math
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

WIDTH = 128
CLIP_LENGTH = 16
T5_LENGTH = 12
GRID = 3  # tokens along one side: 48 pixels / (factor 8 * packing 2)
CHANNELS = 16


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


def pack(latents):
    """[n, 16, 6, 6] to tokens [n, 9, 64], channel = 4·c + 2·dy + dx."""
    n = len(latents)
    latents = latents.reshape(n, CHANNELS, GRID, 2, GRID, 2).permute(0, 2, 4, 1, 3, 5)
    return latents.reshape(n, GRID * GRID, 4 * CHANNELS)


def unpack(tokens):
    n = len(tokens)
    tokens = tokens.reshape(n, GRID, GRID, CHANNELS, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return tokens.reshape(n, CHANNELS, 2 * GRID, 2 * GRID)


def token_ids():
    """Position ids of [target; reference] and of the text, as FluxKontextPipeline makes them."""
    target = torch.tensor([[0.0, row, column] for row in range(GRID) for column in range(GRID)])
    reference = target.clone()
    reference[:, 0] = 1
    return torch.cat([target, reference]), torch.zeros(T5_LENGTH, 3)


class FluxPolicy(nn.Module):
    """Transformer and text encoders with their tokenizers and autoencoder."""

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
                   AutoencoderKL.from_pretrained(autoencoder), clip_tokenizer, t5_tokenizer)

    @classmethod
    def load(cls, folder):
        folder, kind = Path(folder), {"torch_dtype": torch.float32}
        return cls(
            FluxTransformer2DModel.from_pretrained(folder / "transformer", **kind),
            CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
            T5EncoderModel.from_pretrained(folder / "text_encoder_2", dtype=torch.float32),
            AutoencoderKL.from_pretrained(folder / "vae", **kind),
            CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            T5TokenizerFast.from_pretrained(folder / "tokenizer_2"),
        ).eval()

    def trained(self):
        return [*self.transformer.parameters(), *self.clip.parameters(), *self.t5.parameters()]

    def tokenize(self, prompts):
        """Padded ids of both encoders, [n, 16] and [n, 12]."""
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

    @torch.no_grad()
    def encode(self, pictures):
        """8-bit [n, 48, 48, 3] to normalised tokens [n, 9, 64]."""
        x = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        latents = torch.cat([self.autoencoder.encode(part).latent_dist.mean for part in x.split(200)])
        config = self.autoencoder.config
        return pack((latents - config.shift_factor) * config.scaling_factor)

    @torch.no_grad()
    def decode(self, tokens):
        """Normalised tokens to 8-bit pictures."""
        config = self.autoencoder.config
        latents = unpack(tokens) / config.scaling_factor + config.shift_factor
        y = torch.cat([self.autoencoder.decode(part).sample for part in latents.split(200)])
        return ((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    @torch.no_grad()
    def sample(self, reference, condition, noise, steps):
        """Euler steps from noise [n, 9, 64] to clean tokens."""
        x, schedule = noise, sigmas(steps)
        for now, then in zip(schedule, schedule[1:]):
            x = x + (then - now) * self.velocity(x, reference, condition, now.expand(len(x)))
        return x

    def save(self, folder, tokenizers, dtype=torch.bfloat16):
        """Writes a FluxKontextPipeline folder; the model itself keeps its precision."""
        folder = Path(folder)
        parts = {"transformer": self.transformer, "vae": self.autoencoder, "text_encoder": self.clip,
                 "text_encoder_2": self.t5}
        for name, part in parts.items():
            state = {key: value.clone() for key, value in part.state_dict().items()}
            rounded = {key: value.to(dtype).contiguous() for key, value in state.items()}
            if name == "text_encoder":  # the names of published CLIP checkpoints
                rounded = {f"text_model.{key}": value for key, value in rounded.items()}
            part.to(dtype).save_pretrained(folder / name, state_dict=rounded)
            part.to(torch.float32).load_state_dict(state)
        scheduler().save_pretrained(folder / "scheduler")
        for name in ("tokenizer", "tokenizer_2"):
            shutil.copytree(Path(tokenizers) / name, folder / name, dirs_exist_ok=True)
        (folder / "model_index.json").write_text(json.dumps({
            "_class_name": "FluxKontextPipeline", "_diffusers_version": "0.42.1",
            "feature_extractor": [None, None], "image_encoder": [None, None],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "text_encoder_2": ["transformers", "T5EncoderModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "tokenizer_2": ["transformers", "T5TokenizerFast"],
            "transformer": ["diffusers", "FluxTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        }, indent=2) + "\n")
