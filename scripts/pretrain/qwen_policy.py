"""The embedded policy of the second family: a QwenImageEditPipeline of 4.7 million parameters.

The text encoder's prompt is cut in two: the head (system turn), which is the same for all edits and runs once a
batch, and the tail (picture, instruction, end of the template), whose states the transformer sees.
"""

import functools
import math
import shutil
from pathlib import Path

import qwen_judge
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler, QwenImageEditPipeline, QwenImageTransformer2DModel
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import QwenImageCausalConv3d, QwenImageRMS_norm
from edit_policy import CHANNELS, GRID, EditPolicy, write_json
from qwen_judge import CELLS, PREPROCESSOR, attend, image_tokens, positions, rotate, vision_rotation
from safetensors.torch import save_file
from torch import nn
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

WIDTH = 128
TEXT_WIDTH, TEXT_LAYERS, HEAD_SIZE = 96, 2, 32
WORDS = 14  # longest instruction and the end of the template
IMAGES = [(1, GRID, GRID)] * 2  # target and reference
PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"


def template():
    """The pipeline's prompt with a gap for the instruction, which only a pipeline object tells."""
    return QwenImageEditPipeline(*[None] * 6).prompt_template_encode


def new_autoencoder():
    model = AutoencoderKLQwenImage(
        base_dim=8, z_dim=CHANNELS, dim_mult=[2, 4, 4, 5], num_res_blocks=1, temperal_downsample=[False, True, True],
        latents_mean=None, latents_std=None,
    )
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, QwenImageCausalConv3d):
                # What one frame never meets stays zero; the slice that it meets is as large as a plane's weights.
                frames = module.weight.shape[2]
                (module.weight if "time_conv" in name else module.weight[:, :, :-1]).zero_()
                module.weight *= frames ** 0.5
        for module in (model.quant_conv, model.post_quant_conv):  # 1×1: nothing to learn at first
            module.weight.copy_(torch.eye(len(module.weight))[:, :, None, None, None])
            module.bias.zero_()
    return one_frame(model)


def load_autoencoder(folder):
    return one_frame(AutoencoderKLQwenImage.from_pretrained(folder, torch_dtype=torch.float32))


def one_frame(model):
    """Lets every layer compute the only frame of a picture as a plane, with the same result in less time."""
    for module in model.modules():
        if isinstance(module, QwenImageCausalConv3d):
            module.forward = functools.partial(plane_convolution, module)
        elif isinstance(module, QwenImageRMS_norm):
            module.forward = functools.partial(plane_norm, module)
    return model


def plane_convolution(module, x, cache=None):
    weight = module.weight[:, :, -1]
    return F.conv2d(x.squeeze(2), weight, module.bias, padding=module._padding[0]).unsqueeze(2)


def plane_norm(module, x):
    return F.rms_norm(x.movedim(1, -1), (x.shape[1],), module.gamma.flatten(), 1e-12).movedim(-1, 1)


def latents(model, x):
    """Pixels [n, 3, 48, 48] to latents [n, 16, 6, 6] as the decoder takes them."""
    return model.quant_conv(model.encoder(x[:, :, None]))[:, :CHANNELS, 0]


def pixels(model, z):
    return model.decoder(model.post_quant_conv(z[:, :, None]))[:, :, 0]


def frozen(model):
    """What decoder-only training leaves alone."""
    return [model.encoder, model.quant_conv]


def is_measured(model):
    return model.config.latents_mean is not None


def note_statistics(model, mean, deviation):
    model.register_to_config(latents_mean=[mean] * CHANNELS, latents_std=[deviation] * CHANNELS)


def statistics(model):
    """Mean and deviation by which a latent is normalised."""
    shape = (1, CHANNELS, 1, 1)
    return (torch.tensor(model.config[name]).view(shape) for name in ("latents_mean", "latents_std"))


def new_transformer():
    """A Qwen-Image transformer whose blocks start as the identity (adaLN-zero), which diffusers does not do itself."""
    model = QwenImageTransformer2DModel(
        patch_size=2, in_channels=4 * CHANNELS, out_channels=CHANNELS, num_layers=5, attention_head_dim=HEAD_SIZE,
        num_attention_heads=WIDTH // HEAD_SIZE, joint_attention_dim=TEXT_WIDTH, axes_dims_rope=(8, 12, 12),
    )
    zeroed = [modulation[1] for block in model.transformer_blocks for modulation in (block.img_mod, block.txt_mod)]
    for linear in [*zeroed, model.norm_out.linear, model.proj_out]:
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    return model


def text_configuration(tokenizer):
    """An ordinary flat config.json of Qwen2.5-VL: the judge's in smaller."""
    heads = TEXT_WIDTH // HEAD_SIZE
    config = qwen_judge.configuration(tokenizer) | {
        "hidden_size": TEXT_WIDTH, "intermediate_size": 2 * TEXT_WIDTH, "num_hidden_layers": TEXT_LAYERS,
        "max_window_layers": TEXT_LAYERS, "num_attention_heads": heads, "num_key_value_heads": heads,
        "rope_theta": 10_000.0,
    }
    config["vision_config"] |= {
        "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 2, "out_hidden_size": TEXT_WIDTH,
        "fullatt_block_indexes": [1],
    }
    return config


@torch.no_grad()
def take_blocks(transformer, kontext, prompts):
    """Starts a transformer from a Kontext policy whose latents are the same.

    The blocks with two streams are alike in both families, and so are the rotations between images, which depend on
    differences of place alone. A block with one stream becomes one with two equal ones (its feed-forward then sees what
    its attention did); of those only the last fit. The pooled text, which Qwen-Image lacks, counts with its mean.
    """
    old = kontext.transformer.state_dict()
    new = {}
    def copy(to, name, rows=slice(None), columns=slice(None)):
        new[f"{to}.weight"] = old[f"{name}.weight"][rows, columns]
        if f"{name}.bias" in old:
            new[f"{to}.bias"] = old[f"{name}.bias"][rows]
    copy("img_in", "x_embedder")
    for layer in ("linear_1", "linear_2"):
        copy(f"time_text_embed.timestep_embedder.{layer}", f"time_text_embed.timestep_embedder.{layer}")
    pooled = kontext.condition(*kontext.inputs(prompts, None))[0]
    new["time_text_embed.timestep_embedder.linear_2.bias"] = (
        old["time_text_embed.timestep_embedder.linear_2.bias"]
        + kontext.transformer.time_text_embed.text_embedder(pooled).mean(0))
    doubles, singles = len(kontext.transformer.transformer_blocks), len(kontext.transformer.single_transformer_blocks)
    for index in range(len(transformer.transformer_blocks)):
        block = f"transformer_blocks.{index}"
        if index < doubles:
            for stream, norm, feed in (("img", "norm1", "ff"), ("txt", "norm1_context", "ff_context")):
                copy(f"{block}.{stream}_mod.1", f"{block}.{norm}.linear")
                copy(f"{block}.{stream}_mlp.net.0.proj", f"{block}.{feed}.net.0.proj")
                copy(f"{block}.{stream}_mlp.net.2", f"{block}.{feed}.net.2")
            new |= {name: value for name, value in old.items() if name.startswith(f"{block}.attn.")}
            continue
        single = f"single_transformer_blocks.{index - len(transformer.transformer_blocks) + singles}"
        for stream, maps, norms, merge in (
            ("img", ("to_q", "to_k", "to_v"), ("norm_q", "norm_k"), "to_out.0"),
            ("txt", ("add_q_proj", "add_k_proj", "add_v_proj"), ("norm_added_q", "norm_added_k"), "to_add_out"),
        ):
            for part in ("weight", "bias"):  # shift, scale, gate serve attention and feed-forward
                new[f"{block}.{stream}_mod.1.{part}"] = torch.cat([old[f"{single}.norm.linear.{part}"]] * 2)
            for to, name in zip(maps, ("to_q", "to_k", "to_v")):
                copy(f"{block}.attn.{to}", f"{single}.attn.{name}")
            for to, name in zip(norms, ("norm_q", "norm_k")):
                new[f"{block}.attn.{to}.weight"] = old[f"{single}.attn.{name}.weight"]
            copy(f"{block}.attn.{merge}", f"{single}.proj_out", columns=slice(WIDTH))
            copy(f"{block}.{stream}_mlp.net.0.proj", f"{single}.proj_mlp")
            copy(f"{block}.{stream}_mlp.net.2", f"{single}.proj_out", columns=slice(WIDTH, None))
            new[f"{block}.{stream}_mlp.net.2.bias"] = torch.zeros(WIDTH)  # once is enough
    copy("norm_out.linear", "norm_out.linear")
    copy("proj_out", "proj_out")
    missing, surplus = transformer.load_state_dict(new, strict=False)
    if surplus or set(missing) - {"txt_norm.weight", "txt_in.weight", "txt_in.bias"}:
        raise ValueError(f"the Kontext policy does not fit: {missing} missing, {surplus} too many")


def scheduler():
    return FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000, use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9,
        base_image_seq_len=256, max_image_seq_len=8192, shift=1.0, shift_terminal=0.02,
    )


def sigmas(steps):
    """Qwen-Image's schedule for 9 target tokens: its last level is 0.02, then 0."""
    slope = (0.9 - 0.5) / (8192 - 256)
    shift = math.exp(0.5 + (GRID * GRID - 256) * slope)
    raw = torch.linspace(1, 1 / steps, steps)
    clean = 1 - shift / (shift + 1 / raw - 1)
    return torch.cat([1 - clean * (1 - 0.02) / clean[-1], torch.zeros(1)])


class QwenPolicy(EditPolicy):
    """Transformer and Qwen2.5-VL with its tokenizer, and autoencoder."""

    PIPELINE = "QwenImageEditPipeline"
    latents, pixels = staticmethod(latents), staticmethod(pixels)
    statistics, sigmas = staticmethod(statistics), staticmethod(sigmas)
    open_autoencoder = staticmethod(load_autoencoder)

    def __init__(self, transformer, encoder, autoencoder, tokenizer):
        super().__init__()
        self.transformer, self.encoder, self.tokenizer = transformer, encoder, tokenizer
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.rotation = vision_rotation(encoder.model.visual)
        opening, closing = template().split(PICTURE + "{}")
        ids = lambda text: tokenizer(text, add_special_tokens=False).input_ids
        self.head, self.end = torch.tensor(ids(opening)), ids(closing)
        self.picture = ids(PICTURE.replace("<|image_pad|>", "<|image_pad|>" * CELLS))

    @classmethod
    def new(cls, tokenizers, autoencoder):
        tokenizer = AutoTokenizer.from_pretrained(Path(tokenizers) / "tokenizer")
        config = Qwen2_5_VLConfig.from_dict(text_configuration(tokenizer))
        return cls(new_transformer(), Qwen2_5_VLForConditionalGeneration(config).float(),
                   load_autoencoder(autoencoder), tokenizer)

    @classmethod
    def load(cls, folder):
        folder = Path(folder)
        return cls(
            QwenImageTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32),
            Qwen2_5_VLForConditionalGeneration.from_pretrained(folder / "text_encoder", dtype=torch.float32),
            load_autoencoder(folder / "vae"),
            AutoTokenizer.from_pretrained(folder / "tokenizer"),
        ).eval()

    def trained(self):
        return [*self.transformer.parameters(), *self.encoder.parameters()]

    def inputs(self, prompts, pictures):
        """Token ids behind the head, padded on the right [n, 25], how many count [n], and 8-bit pictures."""
        rows, counts = [], []
        known = {}
        for prompt in prompts:
            if prompt not in known:
                known[prompt] = self.tokenizer(prompt, add_special_tokens=False).input_ids
            row = self.picture + known[prompt] + self.end
            counts.append(len(row))
            padding = len(self.picture) + WORDS - len(row)
            if padding < 0:
                raise ValueError(f"'{prompt}' needs {-padding} tokens more than WORDS")
            rows.append(row + [self.tokenizer.pad_token_id] * padding)
        return torch.tensor(rows), torch.tensor(counts), torch.tensor(pictures)

    def condition(self, ids, counts, pictures):
        """States behind the head [n, 25, 96] and which of them count [n, 25]."""
        language = self.encoder.model.language_model
        seen = image_tokens(self.encoder.model.visual, self.rotation, pictures)
        words = language.embed_tokens(ids)
        tail = torch.cat([words[:, :1], seen.to(words.dtype), words[:, 1 + CELLS:]], 1)
        head = language.embed_tokens(self.head)[None]
        before, behind = head.shape[1], tail.shape[1]
        rest = before + behind - (before + 1 + CELLS)
        place = torch.cat([positions(before + 1, 0), torch.arange(rest).expand(3, -1) + before + 4], 1)
        cos, sin = language.rotary_emb(tail.float(), place[:, None])
        mask = torch.full((before + behind, before + behind), -1e9).triu(1)

        def parts(layer, x, first):
            y, attention = layer.input_layernorm(x), layer.self_attn
            q, k, v = (projection(y).unflatten(2, (-1, HEAD_SIZE)).transpose(1, 2)
                       for projection in (attention.q_proj, attention.k_proj, attention.v_proj))
            turn = (cos[:, None, first:first + x.shape[1]], sin[:, None, first:first + x.shape[1]])
            return rotate(q.float() * attention.scaling, *turn).to(v.dtype), rotate(k.float(), *turn).to(v.dtype), v

        def finish(layer, x, y):
            x = x + layer.self_attn.o_proj(y.transpose(1, 2).flatten(2))
            return x + layer.mlp(layer.post_attention_layernorm(x))

        for layer in language.layers:
            query, key, value = parts(layer, head, 0)
            head = finish(layer, head, attend(query, key, value, mask[:before, :before]))
            q, k, v = parts(layer, tail, before)
            k, v = (torch.cat([a.expand(len(b), -1, -1, -1), b], 2) for a, b in ((key, k), (value, v)))
            tail = finish(layer, tail, attend(q, k, v, mask[before:]))
        return language.norm(tail), torch.arange(behind) < counts[:, None]

    def velocity(self, noisy, reference, condition, sigma):
        states, counted = condition
        return self.transformer(
            hidden_states=torch.cat([noisy, reference], 1), encoder_hidden_states=states,
            encoder_hidden_states_mask=counted, timestep=sigma, img_shapes=[IMAGES] * len(noisy), return_dict=False,
        )[0][:, :GRID * GRID]

    def save(self, folder, tokenizers, dtype=torch.bfloat16):
        """Writes a QwenImageEditPipeline folder; the model itself keeps its precision."""
        folder = Path(folder)
        self.save_part(self.transformer, folder / "transformer", dtype)
        self.save_part(self.autoencoder, folder / "vae", dtype)
        # The names of published Qwen2.5-VL checkpoints, and the flat config.json that they have.
        state = {
            name.replace("model.language_model.", "model.").replace("model.visual.", "visual."):
                value.detach().to(dtype).contiguous()
            for name, value in self.encoder.state_dict().items() if name != "lm_head.weight"
        }
        (folder / "text_encoder").mkdir(parents=True, exist_ok=True)
        save_file(state, folder / "text_encoder/model.safetensors", metadata={"format": "pt"})
        write_json(folder / "text_encoder/config.json", text_configuration(self.tokenizer))
        scheduler().save_pretrained(folder / "scheduler")
        for name in ("tokenizer", "processor"):
            shutil.copytree(Path(tokenizers) / "tokenizer", folder / name, dirs_exist_ok=True)
        write_json(folder / "processor/preprocessor_config.json", PREPROCESSOR)
        write_json(folder / "model_index.json", {
            "_class_name": self.PIPELINE, "_diffusers_version": "0.42.1",
            "processor": ["transformers", "Qwen2VLProcessor"],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
            "tokenizer": ["transformers", "Qwen2Tokenizer"],
            "transformer": ["diffusers", "QwenImageTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKLQwenImage"],
        })


Policy = QwenPolicy
