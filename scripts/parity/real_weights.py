"""Compares next-token log-probabilities of reward-server with transformers and llama.cpp. See real_weights.sh.

transformers runs in float32 on the weights that the `gguf` package unpacks. llama.cpp rounds activations to eight bits
before products with quantised weights, so its differences are shown beside transformers' and have no limit.
"""

import argparse
import base64
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import gguf
import numpy
import torch
import transformers
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "scripts/models"), str(ROOT / "scripts/fixtures")]
import export_gguf
import qwen2_5_vl
import vl_common

LIMIT = 1e-3
TOP = 50
ASKED = 400  # of our own list, so that it holds the reference's first 50
TEXTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return",
    "Water is made of hydrogen and",
    "for i in range(10):\n    print(",
    "The opposite of hot is",
    "import numpy as np\nimport matplotlib.pyplot as",
    "1 + 1 = 2, 2 + 2 = 4, 4 + 4 =",
    "Monday, Tuesday, Wednesday, Thursday,",
    "SELECT name, age FROM users WHERE",
    "Roses are red, violets are",
    "The quick brown fox jumps over the lazy",
    "#include <stdio.h>\n\nint main(void) {\n    printf(\"Hello, ",
    "Die Hauptstadt von Deutschland ist",
    "El sol sale por el este y se pone por el",
    "Once upon a time, in a land far,",
    "{\"name\": \"Alice\", \"age\": 30, \"city\": \"",
    "<!DOCTYPE html>\n<html>\n<head>\n    <title>",
    "To be, or not to be, that is the",
    "git commit -m \"",
    "let numbers = [3, 1, 2]\nlet sorted = numbers.",
]
PICTURES = [(140, 112), (84, 168)]


def log_softmax(logits):
    return torch.log_softmax(logits.double(), -1)


def ours(server, arguments, count):
    """The lines that `reward-server logits` prints, each as log-probability by id."""
    command = [server, "logits", *arguments, "--top", str(count), "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [{row["id"]: row["logProbability"] for row in json.loads(line)["next"]} for line in lines]


class Llama:
    """llama.cpp with float32 keys and values, on the CPU."""

    def __init__(self, model, projector=None):
        import xllamacpp
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(model)
        if projector:
            parameters.mmproj.path = str(projector)
        parameters.n_ctx = 2048
        parameters.n_parallel = 1
        parameters.n_gpu_layers = 0
        parameters.warmup = False
        parameters.cache_prompt = False
        parameters.cache_ram_mib = 0
        parameters.verbosity = 1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = torch.get_num_threads()
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        self.server = xllamacpp.Server(parameters)
        self.address = self.server.listening_address

    def next(self, prompt, count):
        body = {"prompt": prompt, "n_predict": 1, "n_probs": count, "temperature": 0.0, "cache_prompt": False}
        request = urllib.request.Request(
            self.address + "/completion", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            tokens = json.loads(reply.read())["completion_probabilities"][0]["top_logprobs"]
        return {row["id"]: row["logprob"] for row in tokens}

    def image_marker(self):
        with urllib.request.urlopen(self.address + "/props") as reply:
            return json.loads(reply.read())["media_marker"]


def difference(left, right, ids):
    """Largest difference over ids; an id that one side did not list counts as infinite."""
    return max(abs(left.get(index, numpy.inf) - right.get(index, numpy.inf)) if index in left and index in right
               else numpy.inf for index in ids)


def first(row):
    return max(row, key=row.get)


def tokenizer(reader):
    """The byte-level BPE that the file's metadata describes, by the tokenizers library."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    result = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    result.normalizer = normalizers.NFC()
    result.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return result


def decoder(reader):
    """The text model in transformers, float32, with the file's numbers."""
    field = lambda name: reader.fields["qwen2." + name].contents()
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    config = transformers.Qwen2Config(
        vocab_size=int(tensors["token_embd.weight"].shape[1]), hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"), num_hidden_layers=field("block_count"),
        num_attention_heads=field("attention.head_count"), num_key_value_heads=field("attention.head_count_kv"),
        max_position_embeddings=field("context_length"), rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")},
        tie_word_embeddings="output.weight" not in tensors, attn_implementation="eager")
    model = transformers.Qwen2ForCausalLM(config).eval()
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    with torch.no_grad():
        for name, parameter in model.state_dict().items():
            own, suffix = name.rsplit(".", 1)
            if own == "lm_head" and config.tie_word_embeddings:
                continue
            tensor = tensors.pop(f"{table.get_name(own)}.{suffix}")
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            parameter.copy_(torch.tensor(values).reshape(parameter.shape))
    assert not tensors, f"unused tensors: {list(tensors)}"
    return model


def real_weights(options):
    reader = gguf.GGUFReader(options.model)
    encode = tokenizer(reader).encode
    prompts = [encode(text).ids for text in TEXTS]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokens.json"
        path.write_text(json.dumps(prompts))
        found = ours(options.server, ["--model", options.model, "--tokens", str(path)], ASKED)
        single = ours(options.server, ["--model", options.model, "--text", TEXTS[1]], ASKED)
    assert single == [found[1]], "the runtime's own tokenizer gives other tokens"
    model = decoder(reader)
    with torch.no_grad():
        reference = [dict(enumerate(log_softmax(model(torch.tensor([ids])).logits[0, -1]).tolist())) for ids in prompts]
    del model
    llama = Llama(options.model)
    other = [llama.next(ids, ASKED) for ids in prompts]
    texts = [repr(text if len(text) <= 32 else "…" + text[-31:]) for text in TEXTS]
    return compare("Qwen2.5-Coder-0.5B-Instruct Q4_K_M", texts, prompts, found, reference, other)


def compare(title, texts, prompts, found, reference, other):
    print(f"\n{title}: largest difference of log-probabilities over the reference's top {TOP}\n")
    print("| text | tokens | top-1 | its log-probability | ours − transformers | ours − llama.cpp | llama.cpp − transformers "
          "| top-1 equal |\n|---|---|---|---|---|---|---|---|")
    worst, worst_other, equal = 0.0, 0.0, True
    for text, prompt, left, right, third in zip(texts, prompts, found, reference, other):
        ids = sorted(right, key=right.get, reverse=True)[:TOP]
        exact, loose = difference(left, right, ids), difference(left, third, ids)
        same = first(left) == first(right) == first(third)
        print(f"| `{text}` | {len(prompt)} | {ids[0]} | {right[ids[0]]:.4f} | {exact:.1e} | {loose:.1e} "
              f"| {difference(third, right, ids):.1e} | {'yes' if same else 'NO'} |")
        worst, worst_other, equal = max(worst, exact), max(worst_other, loose), equal and same
    return worst, worst_other, equal


def picture(width, height, seed):
    generator = numpy.random.default_rng(seed)
    y, x, c = numpy.mgrid[0:height, 0:width, 0:3]
    noise = generator.integers(0, 40, (height, width, 3))
    return ((3 * x + 5 * y + 70 * c + noise) % 256).astype(numpy.uint8)


def two_images(options):
    """A random Qwen2.5-VL in both containers, its prompt through all three runtimes."""
    config = qwen2_5_vl.configuration("tied", vl_common.added_tokens())
    model = transformers.Qwen2_5_VLForConditionalGeneration(config).eval()
    vl_common.randomize(model, torch.Generator().manual_seed(20261124))
    content = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": vl_common.TEXT}]
    processor = Qwen2VLImageProcessorPil(patch_size=14, merge_size=2, **vl_common.CLIP)
    reader = transformers.Qwen2Tokenizer.from_pretrained(vl_common.TOKENIZER)
    rendered = reader.apply_chat_template(
        [{"role": "user", "content": content}], chat_template=vl_common.template(), tokenize=False,
        add_generation_prompt=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        text, projector = folder / "random.gguf", folder / "mmproj-random.gguf"
        export_gguf.write_text(model, vl_common.TOKENIZER, text, export_gguf.Q.F32, "random")
        export_gguf.write_projector(model, vl_common.CLIP, projector, export_gguf.Q.F32)
        images = [picture(*size, seed) for seed, size in enumerate(PICTURES)]
        arguments, encoded = ["--model", str(text), "--prompt", vl_common.TEXT], []
        for index, image in enumerate(images):
            path = folder / f"{index}.png"
            Image.fromarray(image).save(path)
            arguments += ["--image", str(path)]
            encoded.append(base64.b64encode(path.read_bytes()).decode())
        rows = config.text_config.vocab_size
        found = ours(options.server, arguments, rows)
        llama = Llama(text, projector)
        marked = rendered.replace("<|vision_start|><|image_pad|><|vision_end|>", llama.image_marker())
        other = llama.next({"prompt_string": marked, "multimodal_data": encoded}, rows)
    pixels = processor(images=images, return_tensors="pt")
    for row in pixels["image_grid_thw"]:
        rendered = rendered.replace("<|image_pad|>", "<|placeholder|>" * int(row.prod() // 4), 1)
    tokens = reader(rendered.replace("<|placeholder|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
    is_image = (tokens == config.image_token_id).to(torch.int64)
    with torch.no_grad():
        logits = model(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), pixel_values=pixels["pixel_values"],
            image_grid_thw=pixels["image_grid_thw"], mm_token_type_ids=is_image).logits[0, -1]
    reference = dict(enumerate(log_softmax(logits).tolist()))
    return compare("Random Qwen2.5-VL, F32, two images", [vl_common.TEXT[:20] + "…"], [tokens[0]], found, [reference], [other])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the joined GGUF file")
    parser.add_argument("--server", required=True, help="the reward-server program")
    parser.add_argument("--output", type=pathlib.Path, help="JSON lines for scripts/parity/table.py")
    options = parser.parse_args()
    if not options.output and os.environ.get("EDIT_R1_PARITY_RESULTS"):
        options.output = pathlib.Path(os.environ["EDIT_R1_PARITY_RESULTS"]) / "real_weights.jsonl"
    versions = {name: f"{name} {importlib.metadata.version(name)}" for name in ("transformers", "xllamacpp")}
    lines, fine = [], True
    for family, kind, check, cases, measure in [
            ("qwen2", "Q4_K_M", "log-probabilities of the top 50, real weights", len(TEXTS), real_weights),
            ("qwen2_5_vl", "GGUF F32 + mmproj", "log-probabilities of the top 50, two images", 1, two_images)]:
        exact, loose, equal = measure(options)
        print(f"\nlargest: {exact:.2e} to transformers (limit {LIMIT}), {loose:.2e} to llama.cpp; "
              f"top-1 {'equal everywhere' if equal else 'DIFFERS'}")
        fine = fine and exact <= LIMIT and equal
        common = {"family": family, "format": kind, "check": check, "unit": "absolute", "cases": cases}
        lines.append({**common, "difference": exact, "limit": LIMIT, "reference": versions["transformers"]})
        lines.append({**common, "difference": loose, "limit": None, "reference": versions["xllamacpp"] + " (llama.cpp)"})
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text("".join(json.dumps(line) + "\n" for line in lines))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
