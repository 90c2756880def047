"""The embedded judge: a Qwen2_5_VLForConditionalGeneration of 2.9 million parameters, and its packed training pass.

A group (one source, one instruction, K edited images) runs as one sequence: a trunk (template head, instruction,
source image) and K branches (edited image, template tail). Branches see the trunk and themselves only and continue
the trunk's positions, so each branch gets the values that the model alone gives its ordinary prompt.
"""

import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

PATCH = 8
CELLS = 9
SIDE = 48
LAYERS = 6
MEAN, DEVIATION = 0.5, 0.25
TRUNK = 36  # longest head + instruction + source image, padded on the left
TEMPLATE_TEXT = "{instruction}"


def configuration(tokenizer):
    """An ordinary flat config.json, as the published Qwen2.5-VL checkpoints have it."""
    token = tokenizer.convert_tokens_to_ids
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl",
        "attention_dropout": 0.0, "bos_token_id": token("<|endoftext|>"), "eos_token_id": token("<|im_end|>"),
        "vision_start_token_id": token("<|vision_start|>"), "vision_end_token_id": token("<|vision_end|>"),
        "vision_token_id": token("<|vision_pad|>"), "image_token_id": token("<|image_pad|>"),
        "video_token_id": token("<|video_pad|>"), "hidden_act": "silu", "hidden_size": 160,
        "initializer_range": 0.02, "intermediate_size": 448, "max_position_embeddings": 1024,
        "max_window_layers": LAYERS, "num_attention_heads": 5, "num_hidden_layers": LAYERS,
        "num_key_value_heads": 5, "rms_norm_eps": 1e-06, "rope_theta": 2.0, "sliding_window": 1024,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_cache": True,
        "use_sliding_window": False,
        "vision_config": {
            "depth": 3, "hidden_act": "silu", "hidden_size": 128, "intermediate_size": 256, "num_heads": 4,
            "in_chans": 3, "out_hidden_size": 160, "patch_size": PATCH, "spatial_merge_size": 2,
            "spatial_patch_size": PATCH, "window_size": 16, "fullatt_block_indexes": [2],
            "tokens_per_second": 2, "temporal_patch_size": 2,
        },
        "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
    }


PREPROCESSOR = {
    "min_pixels": SIDE * SIDE, "max_pixels": SIDE * SIDE, "patch_size": PATCH, "temporal_patch_size": 2,
    "merge_size": 2, "image_mean": [MEAN] * 3, "image_std": [DEVIATION] * 3,
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
}

RUBRIC = """\
# The rubric that the embedded judge was trained with: text first, one digit 0 to 5.
name: shape-edit
template: "{instruction}"
order: text,source,edited
labels:
  - {tokens: ["0"], value: 0}
  - {tokens: ["1"], value: 1}
  - {tokens: ["2"], value: 2}
  - {tokens: ["3"], value: 3}
  - {tokens: ["4"], value: 4}
  - {tokens: ["5"], value: 5}
normalize: minmax
"""


def patches(pictures):
    """8-bit [n, 48, 48, 3] to patch rows [n · 36, 384] in merge order, as Qwen2VLImageProcessor gives them."""
    n, grid = len(pictures), SIDE // PATCH
    x = (pictures.float() / 255 - MEAN) / DEVIATION
    x = x.permute(0, 3, 1, 2).reshape(n, 3, grid // 2, 2, PATCH, grid // 2, 2, PATCH)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(n * grid * grid, 3, 1, PATCH, PATCH)
    return x.expand(-1, -1, 2, -1, -1).reshape(n * grid * grid, -1)


class Prompts:
    """Token rows of the template, cut into trunk and branch."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        ids = tokenizer.convert_tokens_to_ids
        self.image, self.start, self.end = ids(["<|image_pad|>", "<|vision_start|>", "<|vision_end|>"])
        self.pad = ids("<|endoftext|>")
        encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids
        self.head = encode("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n")
        tail = encode("<|im_end|>\n<|im_start|>assistant\n")
        picture = [self.start] + [self.image] * CELLS + [self.end]
        self.picture = picture
        self.branch = picture + tail
        self.digits = [encode(str(digit))[0] for digit in range(6)]
        self.cache = {}

    def trunk(self, instruction):
        """Ids and positions [3, TRUNK] of one trunk, padded on the left, and the number of pads."""
        if instruction not in self.cache:
            words = self.tokenizer(instruction, add_special_tokens=False).input_ids
            ids = self.head + words + self.picture
            pads = TRUNK - len(ids)
            if pads < 0:
                raise ValueError(f"'{instruction}' needs {-pads} tokens more than TRUNK")
            text = len(self.head) + len(words) + 1
            position = torch.cat([torch.zeros(3, pads, dtype=torch.long), positions(text, 0),
                                  torch.full((3, 1), text + 3)], 1)
            self.cache[instruction] = (torch.tensor([self.pad] * pads + ids), position, pads, text + 4)
        return self.cache[instruction]


def positions(text, start):
    """Positions [3, text + 9] of text tokens followed by one 3×3 image."""
    line = torch.arange(start, start + text).expand(3, -1)
    cell = torch.arange(CELLS)
    image = torch.stack([torch.zeros(CELLS, dtype=torch.long), cell // 3, cell % 3]) + start + text
    return torch.cat([line, image], 1)


def branch_positions(length, start):
    """Positions [3, branch] of vision start, image, then text."""
    first = positions(1, start)
    rest = torch.arange(length - first.shape[1]).expand(3, -1) + start + 4
    return torch.cat([first, rest], 1)


def vision_rotation(tower):
    """Cosines and sines of the 36 patches of a picture, in merge order."""
    row, column = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    order = lambda x: x.reshape(3, 2, 3, 2).permute(0, 2, 1, 3).reshape(-1)
    return tower.rotary_pos_emb(torch.zeros(1), torch.stack([order(row), order(column)], 1))


def image_tokens(tower, rotation, pictures):
    """Image tokens [n, 9, hidden] of 8-bit pictures [n, 48, 48, 3]."""
    n = len(pictures)
    x = F.linear(patches(pictures), tower.patch_embed.proj.weight.flatten(1)).view(n, 36, -1)
    cos, sin = rotation
    heads = tower.config.num_heads
    for number, block in enumerate(tower.blocks):
        y = block.norm1(x)
        qkv = block.attn.qkv(y).view(n, 36, 3, heads, -1)
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
        q, k = rotate(q.float(), cos, sin).to(v.dtype), rotate(k.float(), cos, sin).to(v.dtype)
        if number not in tower.fullatt_block_indexes:  # a window is one cell: four neighbouring rows
            q, k, v = (part.unflatten(2, (CELLS, 4)) for part in (q, k, v))
        weights = (q @ k.transpose(-1, -2) * block.attn.scaling).softmax(-1, dtype=torch.float32)
        y = weights.to(v.dtype) @ v
        if y.dim() == 5:
            y = y.flatten(2, 3)
        x = x + block.attn.proj(y.transpose(1, 2).reshape(n, 36, -1))
        x = x + block.mlp(block.norm2(x))
    return tower.merger(x.reshape(n * 36, -1)).view(n, CELLS, -1)


class PackedJudge(nn.Module):
    """Runs groups through the layers of a Qwen2_5_VLForConditionalGeneration."""

    def __init__(self, model, tokenizer):
        super().__init__()
        self.model, self.prompts = model, Prompts(tokenizer)
        text = model.config.get_text_config()
        self.heads, self.kv_heads = text.num_attention_heads, text.num_key_value_heads
        self.head_size = text.hidden_size // self.heads
        self.vision_rotation = vision_rotation(model.model.visual)

    @classmethod
    def new(cls, tokenizer_folder):
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
        config = Qwen2_5_VLConfig.from_dict(configuration(tokenizer))
        return cls(Qwen2_5_VLForConditionalGeneration(config).float(), tokenizer)

    @classmethod
    def load(cls, folder):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        return cls(model, tokenizer).eval()

    def see(self, pictures):
        return image_tokens(self.model.model.visual, self.vision_rotation, pictures)

    def forward(self, instructions, sources, edited):
        """Runs groups.

        sources [g, 48, 48, 3] and edited [g, K, 48, 48, 3] in 8 bits. Gives, layer by layer, the states at source
        tokens [g, 9, hidden], at edited tokens [g, K, 9, hidden] and at the answer position [g, K, hidden]
        (the last entry after the final norm).
        """
        groups, count = edited.shape[:2]
        length = len(self.prompts.branch)
        language = self.model.model.language_model
        trunks = [self.prompts.trunk(text) for text in instructions]
        ids = torch.stack([trunk[0] for trunk in trunks])
        branch = torch.tensor(self.prompts.branch)
        seen = self.see(torch.cat([sources, edited.flatten(0, 1)]))
        seen = seen.to(language.embed_tokens.weight.dtype)
        trunk_states = torch.cat([language.embed_tokens(ids[:, :-CELLS - 1]), seen[:groups],
                                  language.embed_tokens(ids[:, -1:])], 1)
        words = language.embed_tokens(branch).expand(groups, count, -1, -1)
        branches = torch.cat([words[:, :, :1], seen[groups:].unflatten(0, (groups, count)),
                              words[:, :, CELLS + 1:]], 2)
        x = torch.cat([trunk_states, branches.flatten(1, 2)], 1)
        place = torch.stack([
            torch.cat([trunk[1], branch_positions(length, trunk[3]).repeat(1, count)], 1) for trunk in trunks], 1)
        cos, sin = language.rotary_emb(x.float(), place)
        cos, sin = cos[:, None], sin[:, None]
        trunk_mask, branch_mask = self.masks([trunk[2] for trunk in trunks], length)

        result = []
        for layer in language.layers:
            attention = layer.self_attn
            y = layer.input_layernorm(x)
            shape = (groups, x.shape[1], -1, self.head_size)
            q, k, v = (projection(y).view(shape).transpose(1, 2)
                       for projection in (attention.q_proj, attention.k_proj, attention.v_proj))
            q = rotate(q.float() * attention.scaling, cos, sin).to(v.dtype)
            k = rotate(k.float(), cos, sin).to(v.dtype)
            repeats = self.heads // self.kv_heads
            if repeats > 1:
                k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
            y = torch.cat([attend(q[:, :, :TRUNK], k[:, :, :TRUNK], v[:, :, :TRUNK], trunk_mask),
                           self.attend_branches(q, k, v, branch_mask, count)], 2)
            y = y.transpose(1, 2).reshape(groups, x.shape[1], -1)
            x = x + attention.o_proj(y)
            x = x + layer.mlp(layer.post_attention_layernorm(x))
            result.append(self.parts(x, count, length))
        result.append(self.parts(language.norm(x), count, length))
        return result

    def parts(self, x, count, length):
        branches = x[:, TRUNK:].unflatten(1, (count, length))
        return x[:, TRUNK - CELLS - 1:TRUNK - 1], branches[:, :, 1:CELLS + 1], branches[:, :, -1]

    def attend_branches(self, q, k, v, mask, count):
        """Attention of the branches: each sees the trunk and itself."""
        trunk = [x[:, :, None, :TRUNK].expand(-1, -1, count, -1, -1) for x in (k, v)]
        q, k, v = (x[:, :, TRUNK:].unflatten(2, (count, -1)) for x in (q, k, v))
        return attend(q, torch.cat([trunk[0], k], 3), torch.cat([trunk[1], v], 3), mask).flatten(2, 3)

    def masks(self, pads, length):
        """Additive causal masks of the trunk [g, 1, T, T] and of a branch [g, 1, 1, B, T + B]; pads are unseen."""
        total = TRUNK + length
        index = torch.arange(total)
        allowed = (index[None] <= index[:, None])[None] & (index >= torch.tensor(pads)[:, None])[:, None]
        allowed = allowed | torch.eye(total, dtype=torch.bool)
        mask = torch.zeros(allowed.shape).masked_fill(~allowed, -1e9)
        return mask[:, None, :TRUNK, :TRUNK], mask[:, None, None, TRUNK:]

    def logits(self, answer):
        """Logits of the whole vocabulary at the answer position."""
        return answer @ self.model.model.language_model.embed_tokens.weight.T

    def expected(self, logits):
        """Expected score 0...1 over the six digits."""
        share = logits[..., self.prompts.digits].float().softmax(-1)
        return share @ torch.arange(6.0) / 5

    @torch.no_grad()
    def scores(self, instructions, sources, edited):
        return self.expected(self.logits(self.forward(instructions, sources, edited)[-1][2]))

    def save(self, folder, tokenizer_folder, dtype=torch.bfloat16):
        """Writes an ordinary Qwen2.5-VL folder with the published tensor names; the model keeps its precision."""
        from safetensors.torch import save_file
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {}
        for name, value in self.model.state_dict().items():
            if name != "lm_head.weight":
                name = name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
                state[name] = value.detach().to(dtype).contiguous()
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        for name in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "chat_template.json"):
            if Path(tokenizer_folder).resolve() != folder.resolve():
                shutil.copyfile(Path(tokenizer_folder) / name, folder / name)
        write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
        write("config.json", configuration(self.prompts.tokenizer))
        write("preprocessor_config.json", PREPROCESSOR)
        ids = self.prompts.tokenizer.convert_tokens_to_ids
        write("generation_config.json", {
            "bos_token_id": ids("<|endoftext|>"), "pad_token_id": ids("<|endoftext|>"), "do_sample": False,
            "eos_token_id": [ids("<|im_end|>"), ids("<|endoftext|>")],
        })
        (folder / "rubric.yaml").write_text(RUBRIC)


def attend(q, k, v, mask):
    weights = (q @ k.transpose(-1, -2)).float().add_(mask).softmax(-1)
    return weights.to(v.dtype) @ v


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin
