"""Writes a checkpoint with the true configuration of a published Qwen-VL model and random BF16 weights.

For measuring: load time, memory, seconds a pair. Weights are uniform with the variance that keeps activations at the
scale of 1; norms are near 1, so that no layer is trivial. Tensors are streamed to disk in pieces, memory stays below
1 GiB. Tokenizer files are copied from a folder; parameter totals and tensor counts are asserted against the published
ones before anything is written. Needs numpy. Run:
    python scripts/models/random_checkpoint.py --family qwen2.5-vl-3b --tokenizer TOKENIZER_FOLDER OUTPUT_FOLDER
    python scripts/models/random_checkpoint.py --check          # asserts the totals of all families, writes nothing
With --layers and --blocks the decoder and the tower keep their widths and lose layers: for measuring the time a layer.
Sources of the numbers: the published config.json files as quoted in huggingface/transformers, vllm-project/vllm and
kohya-ss/sd-scripts; totals: the metadata of the published checkpoints.
"""

import argparse
import json
import math
import pathlib
import shutil
import struct
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
QWEN3_TEMPLATE = ROOT / "Tests/MLLMRuntimeTests/Fixtures/qwen3_vl/tied/chat_template.jinja"
TOKENIZER_FILES = ["merges.txt", "vocab.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
SHARD_BYTES = 5_000_000_000
PIECE = 1 << 24  # numbers at a time
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}

# hidden, layers, heads, key-value heads, intermediate, vocabulary rows, tied
TEXT = {
    "qwen2.5-vl-3b": (2048, 36, 16, 2, 11008, 151936, True),
    "qwen2.5-vl-7b": (3584, 28, 28, 4, 18944, 152064, False),
    "qwen2.5-vl-32b": (5120, 64, 40, 8, 27648, 152064, False),
    "qwen2.5-vl-72b": (8192, 80, 64, 8, 29568, 152064, False),
    "qwen2-vl-2b": (1536, 28, 12, 2, 8960, 151936, True),
    "qwen2-vl-7b": (3584, 28, 28, 4, 18944, 152064, False),
    "qwen3-vl-2b": (2048, 28, 16, 8, 6144, 151936, True),
    "qwen3-vl-4b": (2560, 36, 32, 8, 9728, 151936, True),
    "qwen3-vl-8b": (4096, 36, 32, 8, 12288, 151936, False),
    "qwen3-vl-32b": (5120, 64, 64, 8, 25600, 151936, False),
}
# Parameters and tensors of the published checkpoints; the 72B total follows from the width of its tower's siblings.
TOTALS = {
    "qwen2.5-vl-3b": (3_754_622_976, 824),
    "qwen2.5-vl-7b": (8_292_166_656, 729),
    "qwen2.5-vl-32b": (33_452_718_336, 1161),
    "qwen2.5-vl-72b": (73_410_777_344, 1353),
    "qwen2-vl-2b": (2_208_985_600, 729),
    "qwen2-vl-7b": (8_291_375_616, 730),
    "qwen3-vl-2b": (2_127_532_032, 625),
    "qwen3-vl-4b": (4_437_815_808, 713),
    "qwen3-vl-8b": (8_767_123_696, 750),
    "qwen3-vl-32b": (33_357_390_064, 1058),
}


def generation(family):
    return family.split("-vl-")[0]


BLOCKS = {}  # blocks of a tower that is cut, by family


def tower_sizes(family):
    """Depth, hidden size, heads and MLP width of the vision tower."""
    sizes = published_tower_sizes(family)
    return (BLOCKS.get(family, sizes[0]), *sizes[1:])


def published_tower_sizes(family):
    kind, size = family.split("-vl-")
    if kind == "qwen3":
        return (24, 1024, 16, 4096) if size in ("2b", "4b") else (27, 1152, 16, 4304)
    if kind == "qwen2":
        return (32, 1280, 16, 5120)
    return (32, 1280, 16, 3456 if size in ("32b", "72b") else 3420)


def deepstack(family):
    return [5, 11, 17] if tower_sizes(family)[0] == 24 else [8, 16, 24]


def shapes(family):
    """Name and shape of every tensor, under the names of the published files."""
    hidden, layers, heads, kv_heads, wide, rows, tied = TEXT[family]
    kind = generation(family)
    depth, width, _, tower_wide = tower_sizes(family)
    merged = 4 * width
    tensors = {}

    def linear(name, outputs, inputs, bias):
        tensors[name + ".weight"] = [outputs, inputs]
        if bias:
            tensors[name + ".bias"] = [outputs]

    def norm(name, size, bias=False):
        tensors[name + ".weight"] = [size]
        if bias:
            tensors[name + ".bias"] = [size]

    visual, text = ("model.visual.", "model.language_model.") if kind == "qwen3" else ("visual.", "model.")
    patch = 16 if kind == "qwen3" else 14
    tensors[visual + "patch_embed.proj.weight"] = [width, 3, 2, patch, patch]
    if kind == "qwen3":
        tensors[visual + "patch_embed.proj.bias"] = [width]
        tensors[visual + "pos_embed.weight"] = [2304, width]
    for index in range(depth):
        block = f"{visual}blocks.{index}."
        norm(block + "norm1", width, kind != "qwen2.5")
        norm(block + "norm2", width, kind != "qwen2.5")
        linear(block + "attn.qkv", 3 * width, width, True)
        linear(block + "attn.proj", width, width, True)
        if kind == "qwen2.5":
            linear(block + "mlp.gate_proj", tower_wide, width, True)
            linear(block + "mlp.up_proj", tower_wide, width, True)
            linear(block + "mlp.down_proj", width, tower_wide, True)
        else:
            prefix = "linear_" if kind == "qwen3" else ""
            linear(f"{block}mlp.{prefix}fc1", tower_wide, width, True)
            linear(f"{block}mlp.{prefix}fc2", width, tower_wide, True)
    if kind == "qwen3":
        norm(visual + "merger.norm", width, True)
        mergers = ["merger."] + [f"deepstack_merger_list.{k}." for k in range(3)]
        for merger in mergers:
            if merger != "merger.":
                norm(visual + merger + "norm", merged, True)
            linear(visual + merger + "linear_fc1", merged, merged, True)
            linear(visual + merger + "linear_fc2", hidden, merged, True)
    else:
        norm(visual + "merger.ln_q", width, kind == "qwen2")
        linear(visual + "merger.mlp.0", merged, merged, True)
        linear(visual + "merger.mlp.2", hidden, merged, True)

    tensors[text + "embed_tokens.weight"] = [rows, hidden]
    queries, keys, has_bias = 128 * heads, 128 * kv_heads, kind != "qwen3"
    for index in range(layers):
        layer = f"{text}layers.{index}."
        norm(layer + "input_layernorm", hidden)
        norm(layer + "post_attention_layernorm", hidden)
        linear(layer + "self_attn.q_proj", queries, hidden, has_bias)
        linear(layer + "self_attn.k_proj", keys, hidden, has_bias)
        linear(layer + "self_attn.v_proj", keys, hidden, has_bias)
        linear(layer + "self_attn.o_proj", hidden, queries, False)
        if kind == "qwen3":
            norm(layer + "self_attn.q_norm", 128)
            norm(layer + "self_attn.k_norm", 128)
        linear(layer + "mlp.gate_proj", wide, hidden, False)
        linear(layer + "mlp.up_proj", wide, hidden, False)
        linear(layer + "mlp.down_proj", hidden, wide, False)
    norm(text + "norm", hidden)
    if not tied:
        tensors["lm_head.weight"] = [rows, hidden]
    return tensors


def check(family):
    """Asserts parameter total and tensor count; gives the tensors."""
    tensors = shapes(family)
    total = sum(math.prod(shape) for shape in tensors.values())
    assert (total, len(tensors)) == TOTALS[family], (family, total, len(tensors))
    return tensors


def configuration(family):
    """The fields of config.json, flat for Qwen2-VL and Qwen2.5-VL, nested for Qwen3-VL, as published."""
    hidden, layers, heads, kv_heads, wide, rows, tied = TEXT[family]
    kind = generation(family)
    depth, width, tower_heads, tower_wide = tower_sizes(family)
    text = {
        "hidden_act": "silu", "hidden_size": hidden, "intermediate_size": wide, "num_attention_heads": heads,
        "num_hidden_layers": layers, "num_key_value_heads": kv_heads, "rms_norm_eps": 1e-06, "vocab_size": rows,
        "bos_token_id": 151643, "eos_token_id": 151645, "initializer_range": 0.02, "attention_dropout": 0.0,
        "use_cache": True,
    }
    tokens = {
        "image_token_id": 151655, "video_token_id": 151656, "vision_start_token_id": 151652,
        "vision_end_token_id": 151653, "tie_word_embeddings": tied,
    }
    if kind == "qwen3":
        text |= {
            "model_type": "qwen3_vl_text", "head_dim": 128, "attention_bias": False, "dtype": "bfloat16",
            "max_position_embeddings": 262144, "rope_theta": 5000000, "tie_word_embeddings": tied,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"},
        }
        vision = {
            "deepstack_visual_indexes": deepstack(family), "depth": depth, "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": width, "in_channels": 3, "initializer_range": 0.02, "intermediate_size": tower_wide,
            "model_type": "qwen3_vl", "num_heads": tower_heads, "num_position_embeddings": 2304,
            "out_hidden_size": hidden, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2,
        }
        return {
            "architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "text_config": text,
            "vision_config": vision, "transformers_version": "4.57.0.dev0", **tokens,
        }
    flat = text | tokens | {
        "vision_token_id": 151654, "rope_theta": 1000000.0, "torch_dtype": "bfloat16", "sliding_window": 32768,
        "use_sliding_window": False, "max_window_layers": layers,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
    }
    if kind == "qwen2":
        vision = {
            "depth": depth, "embed_dim": width, "mlp_ratio": 4, "num_heads": tower_heads, "in_chans": 3,
            "hidden_size": hidden, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14,
            "temporal_patch_size": 2,
        }
        return flat | {
            "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl",
            "max_position_embeddings": 32768, "transformers_version": "4.41.2", "vision_config": vision,
        }
    vision = {
        "depth": depth, "hidden_act": "silu", "hidden_size": width, "intermediate_size": tower_wide,
        "num_heads": tower_heads, "in_chans": 3, "out_hidden_size": hidden, "patch_size": 14,
        "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
        "fullatt_block_indexes": [index for index in (7, 15, 23, 31) if index < depth], "tokens_per_second": 2,
        "temporal_patch_size": 2,
    }
    return flat | {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl",
        "max_position_embeddings": 128000, "transformers_version": "4.41.2", "vision_config": vision,
    }


def preprocessing(family):
    if generation(family) == "qwen3":
        return {
            "size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16, "temporal_patch_size": 2,
            "merge_size": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
            "processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessorFast",
        }
    processor = "Qwen2VLProcessor" if generation(family) == "qwen2" else "Qwen2_5_VLProcessor"
    return {
        "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        **CLIP, "image_processor_type": "Qwen2VLImageProcessor", "processor_class": processor,
    }


def numbers(name, shape, generator):
    """The BF16 patterns of a tensor, in pieces."""
    centre, deviation = 0.0, 0.02
    if len(shape) == 1:
        centre = 1.0 if "norm" in name.split(".")[-2] or name.endswith("ln_q.weight") else 0.0
        centre = 0.0 if name.endswith(".bias") else centre
    elif "embed_tokens" not in name and "lm_head" not in name and "pos_embed" not in name:
        deviation = 1 / math.sqrt(math.prod(shape[1:]))
    step = numpy.float32(deviation * math.sqrt(12) / 65536)
    left = math.prod(shape)
    while left > 0:
        count = min(left, PIECE)
        values = generator.integers(0, 65536, count, numpy.uint16).astype(numpy.float32)
        values -= numpy.float32(32767.5)
        values *= step
        values += numpy.float32(centre)
        bits = values.view(numpy.uint32)
        bits += 0x7FFF + ((bits >> 16) & 1)  # to nearest, ties to even
        yield (bits >> 16).astype("<u2")
        left -= count


def shards(tensors):
    """Tensors in order, cut into files of at most SHARD_BYTES."""
    groups, size = [{}], 0
    for name, shape in tensors.items():
        length = 2 * math.prod(shape)
        if groups[-1] and size + length > SHARD_BYTES:
            groups.append({})
            size = 0
        groups[-1][name] = shape
        size += length
    return groups


def write_shard(path, tensors, seed):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors.items():
        end = offset + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors.items():
            for piece in numbers(name, shape, numpy.random.default_rng([seed, *name.encode()])):
                piece.tofile(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=TEXT)
    parser.add_argument("--tokenizer", type=pathlib.Path, help="folder with vocab.json, merges.txt, ...")
    parser.add_argument("--chat-template", type=pathlib.Path, help="template file instead of the tokenizer folder's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", type=int, help="layers of the decoder, instead of all")
    parser.add_argument("--blocks", type=int, help="blocks of the vision tower, instead of all; not for qwen3-vl")
    parser.add_argument("--check", action="store_true", help="only assert the totals of all families")
    parser.add_argument("output", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    if options.check:
        for family in TEXT:
            check(family)
            total, count = TOTALS[family]
            print(f"{family}: {total:,} parameters in {count} tensors")
        return
    if not (options.family and options.tokenizer and options.output):
        parser.error("--family, --tokenizer and OUTPUT_FOLDER are needed")
    is_cut = options.layers is not None or options.blocks is not None
    if options.layers is not None:
        sizes = TEXT[options.family]
        TEXT[options.family] = (sizes[0], options.layers, *sizes[2:])
    if options.blocks is not None:
        if generation(options.family) == "qwen3":
            parser.error("--blocks would cut the levels of deepstack off")
        BLOCKS[options.family] = options.blocks
    tensors = shapes(options.family) if is_cut else check(options.family)
    total = sum(math.prod(shape) for shape in tensors.values())
    options.output.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.output).free
    if free < 2 * total + (1 << 28):
        sys.exit(f"{options.output}: needs {2 * total / 2**30:.1f} GiB, has {free / 2**30:.1f} GiB")

    template = options.chat_template
    if template is None:
        is_qwen3 = generation(options.family) == "qwen3"
        template = QWEN3_TEMPLATE if is_qwen3 else options.tokenizer / "chat_template.json"
    shutil.copyfile(template, options.output / ("chat_template" + template.suffix))
    for name in TOKENIZER_FILES:
        if (options.tokenizer / name).exists():
            shutil.copyfile(options.tokenizer / name, options.output / name)
    if generation(options.family) == "qwen3":  # the copied file's own template belongs to another family
        path = options.output / "tokenizer_config.json"
        fields = json.loads(path.read_text())
        fields.pop("chat_template", None)
        path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
    for name, fields in [
        ("config.json", configuration(options.family)), ("preprocessor_config.json", preprocessing(options.family)),
    ]:
        (options.output / name).write_text(json.dumps(fields, indent=2) + "\n")

    groups = shards(tensors)
    weight_map = {}
    for index, group in enumerate(groups, 1):
        name = f"model-{index:05}-of-{len(groups):05}.safetensors" if len(groups) > 1 else "model.safetensors"
        write_shard(options.output / name, group, options.seed)
        weight_map |= dict.fromkeys(group, name)
        print(f"{name}: {len(group)} tensors", flush=True)
    if len(groups) > 1:
        index = {"metadata": {"total_size": 2 * total}, "weight_map": weight_map}
        (options.output / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    print(f"{options.family}: {total:,} parameters in {options.output}")


if __name__ == "__main__":
    main()
