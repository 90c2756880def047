"""Writes a Qwen-VL model in memory as two GGUF files, text and mmproj, under the names of llama.cpp's own converter.

Names of most tensors come from the `gguf` package's tables; the rest, and what is split or cut, follow
ggml-org/llama.cpp conversion/{qwenvl,qwen3vl}.py. Used by scripts/fixtures/gguf_models.py and scripts/parity/.
"""

import json

import gguf
import numpy

Q = gguf.GGMLQuantizationType
BLOCK = {kind: gguf.GGML_QUANT_SIZES[kind][0] for kind in Q}
PROJECTORS = {"qwen2_vl": "qwen2vl_merger", "qwen2_5_vl": "qwen2.5vl_merger", "qwen3_vl": "qwen3vl_merger"}


def add(writer, name, tensor, kind):
    """Adds a tensor; rows of one axis stay float32, rows that the blocks do not divide become F16."""
    array = numpy.ascontiguousarray(tensor.detach().float().numpy())
    if array.ndim == 1:
        kind = Q.F32
    elif array.shape[-1] % BLOCK[kind]:
        kind = Q.F16
    if kind in (Q.F32, Q.F16):
        writer.add_tensor(name, array.astype(numpy.float32 if kind == Q.F32 else numpy.float16))
    else:
        writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)


def add_tokenizer(writer, folder, rows):
    """The tokenizer of a model folder, padded to the rows of the embedding."""
    root = json.loads((folder / "tokenizer.json").read_text())
    special = {entry["id"]: entry for entry in root["added_tokens"]}
    names = {token: name for name, token in root["model"]["vocab"].items()}
    tokens, types = [], []
    for index in range(rows):
        if index in special:
            tokens.append(special[index]["content"])
            is_special = special[index]["special"] or tokens[-1].startswith("<|")
            types.append(gguf.TokenType.CONTROL if is_special else gguf.TokenType.USER_DEFINED)
        elif index in names:
            tokens.append(names[index])
            types.append(gguf.TokenType.NORMAL)
        else:
            tokens.append(f"[PAD{index}]")
            types.append(gguf.TokenType.UNUSED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    merges = root["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    ids = {entry["content"]: entry["id"] for entry in root["added_tokens"]}
    writer.add_eos_token_id(ids["<|im_end|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_chat_template(json.loads((folder / "chat_template.json").read_text())["chat_template"])


def named(table, own):
    found = table.get_name(own)
    if found is None:
        raise SystemExit(f"the gguf package has no name for {own}")
    return found


def rope(config):
    """M-RoPE fields under any of their names."""
    fields = getattr(config, "rope_parameters", None) or config.rope_scaling
    return fields.get("rope_theta", getattr(config, "rope_theta", None)), fields["mrope_section"]


def write_text(model, folder, path, kind, name):
    """The decoder. `kind` maps a tensor's GGUF name to its type, or is one type for all."""
    family, text = model.config.model_type, model.config.text_config
    architecture = "qwen3vl" if family == "qwen3_vl" else "qwen2vl"
    table = gguf.get_tensor_name_map(
        gguf.MODEL_ARCH.QWEN3VL if family == "qwen3_vl" else gguf.MODEL_ARCH.QWEN2VL, text.num_hidden_layers)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(text.max_position_embeddings)
    writer.add_embedding_length(text.hidden_size)
    writer.add_block_count(text.num_hidden_layers)
    writer.add_feed_forward_length(text.intermediate_size)
    writer.add_head_count(text.num_attention_heads)
    writer.add_head_count_kv(text.num_key_value_heads)
    writer.add_layer_norm_rms_eps(text.rms_norm_eps)
    theta, sections = rope(text)
    writer.add_rope_freq_base(theta)
    writer.add_rope_dimension_sections([*sections, 0])
    if family == "qwen3_vl":
        writer.add_key_length(text.head_dim)
        writer.add_value_length(text.head_dim)
        writer.add_num_deepstack_layers(len(model.config.vision_config.deepstack_visual_indexes))
    add_tokenizer(writer, folder, text.vocab_size)
    for name, tensor in model.state_dict().items():
        if ".visual." in name or (name == "lm_head.weight" and model.config.tie_word_embeddings):
            continue
        own, suffix = name.replace("model.language_model.", "model.").rsplit(".", 1)
        own = f"{named(table, own)}.{suffix}"
        add(writer, own, tensor, kind(own) if callable(kind) else kind)
    finish(writer)


def write_projector(model, preprocessor, path, kind, swapped=False, pixels=None):
    """The vision tower. `swapped` gives the exchanged names of up and down that old files have."""
    family, vision = model.config.model_type, model.config.vision_config
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, max(vision.depth, 3))  # the merger's layers are 0 and 2
    width = vision.embed_dim if family == "qwen2_vl" else vision.hidden_size
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(PROJECTORS[family])
    writer.add_vision_image_size(vision.patch_size * 40)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(width)
    inner = int(width * vision.mlp_ratio) if family == "qwen2_vl" else vision.intermediate_size
    writer.add_vision_feed_forward_length(0 if swapped else inner)  # old converters wrote no width
    writer.add_vision_projection_dim(model.config.text_config.hidden_size)
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_attention_layernorm_eps(model.config.text_config.rms_norm_eps if family == "qwen3_vl" else 1e-6)
    writer.add_vision_image_mean(preprocessor["image_mean"])
    writer.add_vision_image_std(preprocessor["image_std"])
    if pixels:
        writer.add_vision_min_pixels(pixels[0])
        writer.add_vision_max_pixels(pixels[1])
    if family == "qwen3_vl":
        writer.add_vision_use_gelu(True)
        writer.add_vision_spatial_merge_size(vision.spatial_merge_size)
        stacked = vision.deepstack_visual_indexes
        writer.add_vision_is_deepstack_layers([index in stacked for index in range(vision.depth)])
    elif family == "qwen2_5_vl":
        writer.add_vision_use_silu(True)
        writer.add_vision_n_wa_pattern(vision.fullatt_block_indexes[0] + 1)
        writer.add_vision_window_size(vision.window_size)
    else:
        writer.add_bool("clip.use_silu", False)
        writer.add_bool("clip.use_gelu", False)
    for name, tensor in model.state_dict().items():
        if ".visual." not in name or name.endswith("inv_freq"):
            continue
        own, suffix = name.removeprefix("model.").rsplit(".", 1)
        if own == "visual.patch_embed.proj" and suffix == "weight":
            for time, end in enumerate(["weight", "weight.1"]):
                add(writer, f"v.patch_embd.{end}", tensor[:, :, time], Q.F16 if kind == Q.F16 else Q.F32)
        elif own.endswith("attn.qkv") and family != "qwen3_vl":
            for part, third in zip("qkv", tensor.chunk(3)):
                add(writer, f"{named(table, own.replace('qkv', part))}.{suffix}", third, kind)
        elif own.startswith("visual.deepstack_merger_list."):
            _, _, index, part = own.split(".")
            part = part.removeprefix("linear_")
            add(writer, f"v.deepstack.{vision.deepstack_visual_indexes[int(index)]}.{part}.{suffix}", tensor, kind)
        elif own.startswith("visual.merger.") and family == "qwen3_vl":
            part = {"norm": "v.post_ln", "linear_fc1": "mm.0", "linear_fc2": "mm.2"}[own.split(".")[-1]]
            add(writer, f"{part}.{suffix}", tensor, kind)
        else:
            found = named(table, own)
            if swapped and "ffn_up" in found:
                found = found.replace("ffn_up", "ffn_down")
            elif swapped:
                found = found.replace("ffn_down", "ffn_up")
            add(writer, f"{found}.{suffix}", tensor, Q.F32 if own == "visual.pos_embed" else kind)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def dequantized(path):
    """Every tensor of a file as float32, by name."""
    reader = gguf.GGUFReader(path)
    return {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(tensor.shape[::-1].tolist())
        for tensor in reader.tensors
    }
