"""Writes a text model with the widths of a published Qwen2.5 decoder, random weights and fewer layers as a GGUF file.

For measuring the time of a layer beside llama.cpp: weights in blocks of random codes under scales of the right size, so
that no quantizer is needed. The mixture `q4_k_m` is llama.cpp's: Q4_K, with Q6_K for the values and the last
feed-forward matrix of every second layer. The vocabulary is hardly more than the 256 bytes, so that the head
costs next to nothing.
Needs numpy and gguf. Run:
    python scripts/models/random_gguf.py --size 1.5b --layers 8 --kind q8_0 OUTPUT.gguf
"""

import argparse

import gguf
import numpy

Q = gguf.GGMLQuantizationType
# hidden, heads, key-value heads, intermediate
SIZES = {"0.5b": (896, 14, 2, 4864), "1.5b": (1536, 12, 2, 8960), "3b": (2048, 16, 2, 11008)}
HEAD = {"0.5b": 64, "1.5b": 128, "3b": 128}


def halves(values):
    return numpy.asarray(values, numpy.float16).reshape(-1, 1).view(numpy.uint8)


def blocks(kind, rows, columns, generator):
    """A matrix [rows, columns] as the bytes of a format, with numbers of variance 1 / columns or so."""
    deviation = columns ** -0.5
    if kind == Q.BF16:
        numbers = generator.standard_normal((rows, columns), numpy.float32) * deviation
        return (numbers.view(numpy.uint32) >> 16).astype(numpy.uint16)
    length, size = gguf.GGML_QUANT_SIZES[kind]
    count = rows * columns // length
    data = generator.integers(0, 256, (count, size), numpy.uint8)
    scale = deviation * (1 + generator.random(count))
    if kind == Q.Q8_0:
        data[:, :2] = halves(scale / 74)
    elif kind == Q.Q4_K:
        data[:, :2] = halves(scale / 150)  # times a scale of six bits and a code of four
        data[:, 2:4] = halves(scale / 20)
    elif kind == Q.Q6_K:
        data[:, 208:210] = halves(scale / 1400)  # times a scale of eight bits and a code of six
    else:
        raise SystemExit(f"no random blocks of {kind.name}")
    return data.reshape(rows, -1)


def kind_of(name, mixture, layer):
    if mixture != "q4_k_m":
        return Q[mixture.upper()]
    return Q.Q6_K if name in ("attn_v", "ffn_down") and layer % 2 == 0 else Q.Q4_K


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output")
    parser.add_argument("--size", choices=SIZES, default="1.5b")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--kind", choices=["bf16", "q8_0", "q4_k_m"], default="bf16")
    options = parser.parse_args()
    hidden, heads, pairs, inner = SIZES[options.size]
    width, key_width = heads * HEAD[options.size], pairs * HEAD[options.size]
    generator = numpy.random.default_rng(5)
    writer = gguf.GGUFWriter(options.output, "qwen2")
    writer.add_name(f"random Qwen2.5 {options.size}, {options.layers} layers")
    writer.add_context_length(32768)
    writer.add_embedding_length(hidden)
    writer.add_block_count(options.layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(pairs)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden_bytes = [byte for byte in range(256) if byte not in visible]
    letters = {byte: chr(byte) for byte in visible} | {byte: chr(256 + i) for i, byte in enumerate(hidden_bytes)}
    tokens = [letters[byte] for byte in range(256)] + [letters[97] + letters[98], "<|endoftext|>"]
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL])
    writer.add_token_merges([f"{letters[97]} {letters[98]}"])
    writer.add_eos_token_id(257)

    def matrix(name, kind, rows, columns):
        writer.add_tensor(name, blocks(kind, rows, columns, generator), raw_dtype=kind)

    def vector(name, count, mean):
        writer.add_tensor(name, (mean + 0.02 * generator.standard_normal(count)).astype(numpy.float32))

    matrix("token_embd.weight", Q.BF16 if options.kind == "bf16" else Q.Q8_0, 258, hidden)
    vector("output_norm.weight", hidden, 1)
    for layer in range(options.layers):
        shapes = {
            "attn_q": (width, hidden), "attn_k": (key_width, hidden), "attn_v": (key_width, hidden),
            "attn_output": (hidden, width), "ffn_gate": (inner, hidden), "ffn_up": (inner, hidden),
            "ffn_down": (hidden, inner),
        }
        vector(f"blk.{layer}.attn_norm.weight", hidden, 1)
        vector(f"blk.{layer}.ffn_norm.weight", hidden, 1)
        for name, (rows, columns) in shapes.items():
            matrix(f"blk.{layer}.{name}.weight", kind_of(name, options.kind, layer), rows, columns)
            if name in ("attn_q", "attn_k", "attn_v"):
                vector(f"blk.{layer}.{name}.bias", rows, 0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
