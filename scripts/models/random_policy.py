"""Writes a policy folder with the true transformer of FLUX.1-Kontext (11.9 billion random BF16 weights, 23.8 GB).

For measuring what a policy does that is larger than memory. Text encoders have the published widths and one layer each,
autoencoder and tokenizers are those of a small policy, so that the transformer is all that counts. --layers and
--single-layers cut it. Needs torch, diffusers and transformers. Run:
    python scripts/models/random_policy.py --small Sources/PolicyTrainer/Resources/EmbeddedPolicy OUTPUT_FOLDER
Sources of the numbers: transformer/config.json of black-forest-labs/FLUX.1-Kontext-dev; the published total is asserted.
"""

import argparse
import json
import math
import pathlib
import shutil
import sys

import torch
from diffusers import FluxTransformer2DModel
from random_checkpoint import shards, write_shard
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

TOTAL = 11_901_408_320
LAYERS, SINGLE_LAYERS = 19, 38


def transformer(layers, single_layers):
    """Configuration and shapes of the transformer; nothing is allocated."""
    with torch.device("meta"):
        model = FluxTransformer2DModel(
            in_channels=64, num_layers=layers, num_single_layers=single_layers, attention_head_dim=128,
            num_attention_heads=24, joint_attention_dim=4096, pooled_projection_dim=768, guidance_embeds=True,
            axes_dims_rope=(16, 56, 56))
    return dict(model.config), {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", type=pathlib.Path, required=True, help="policy folder that lends its small parts")
    parser.add_argument("--layers", type=int, default=LAYERS, help="blocks with two streams")
    parser.add_argument("--single-layers", type=int, default=SINGLE_LAYERS, help="blocks with one stream")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    config, tensors = transformer(options.layers, options.single_layers)
    total = sum(math.prod(shape) for shape in tensors.values())
    if (options.layers, options.single_layers) == (LAYERS, SINGLE_LAYERS):
        assert total == TOTAL, total
    options.output.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.output).free
    if free < 2 * total + (1 << 28):
        sys.exit(f"{options.output}: needs {2 * total / 2**30:.1f} GiB, has {free / 2**30:.1f} GiB")
    shutil.copytree(options.small, options.output, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("transformer", "text_encoder", "text_encoder_2"))
    small = {name: json.loads((options.small / name / "config.json").read_text())
             for name in ("text_encoder", "text_encoder_2")}
    torch.manual_seed(options.seed)
    clip = small["text_encoder"] | {
        "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 1,
        "projection_dim": 768}
    CLIPTextModel(CLIPTextConfig(**clip)).bfloat16().save_pretrained(options.output / "text_encoder")
    t5 = small["text_encoder_2"] | {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_heads": 64, "num_layers": 1}
    T5EncoderModel(T5Config(**t5)).bfloat16().save_pretrained(options.output / "text_encoder_2")

    folder = options.output / "transformer"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": "FluxTransformer2DModel", **config}, indent=2) + "\n")
    stem, groups, weight_map = "diffusion_pytorch_model", shards(tensors), {}
    for number, group in enumerate(groups, 1):
        name = f"{stem}-{number:05}-of-{len(groups):05}.safetensors" if len(groups) > 1 else f"{stem}.safetensors"
        write_shard(folder / name, group, options.seed)
        weight_map |= dict.fromkeys(group, name)
        print(f"{name}: {len(group)} tensors", flush=True)
    if len(groups) > 1:
        index = {"metadata": {"total_size": 2 * total}, "weight_map": weight_map}
        (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    print(f"{total:,} parameters of the transformer in {options.output}")


if __name__ == "__main__":
    main()
