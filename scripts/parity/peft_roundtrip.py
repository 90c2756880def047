#!/usr/bin/env python3
"""Loads an adapter folder that policy-trainer wrote in peft and in diffusers, and compares velocities.

    python3 scripts/parity/peft_roundtrip.py TRANSFORMER_FOLDER ADAPTER_FOLDER TENSORS.safetensors [EXPORTED]

The folder is one of FLUX or Qwen-Image. TENSORS holds the input as policy-trainer saw it and what it computed: target,
reference [batch, tokens, channels], text [batch, tokens, width], sigma [batch], target_grid and reference_grid [2] (rows,
columns), for FLUX pooled [batch, width] and guidance [batch] when the model embeds it, adapted [batch, target tokens,
channels]. EXPORTED is a folder with what `policy-trainer export` made
of the adapter: peft/, diffusers/ and merged/; each is then loaded by its library and must give the velocities of the adapter in
peft (TENSORS may then lack `adapted`). Prints one JSON line; exit 1 when the greatest
difference exceeds 1e-4 of the greatest velocity.
"""

import json
import sys

import peft
import torch
from diffusers import FluxTransformer2DModel, QwenImageTransformer2DModel
from diffusers.loaders import FluxLoraLoaderMixin, QwenImageLoraLoaderMixin
from safetensors.torch import load_file

TOLERANCE = 1e-4


def positions(text, grids):
    images = [(axis, r, c) for axis, grid in enumerate(grids) for r in range(grid[0]) for c in range(grid[1])]
    return torch.zeros(text, 3), torch.tensor(images, dtype=torch.float32)


def flux_inputs(t, grids):
    text_ids, image_ids = positions(t["text"].shape[1], grids)
    return {"pooled_projections": t["pooled"], "guidance": t.get("guidance"), "txt_ids": text_ids, "img_ids": image_ids}


def qwen_inputs(t, grids):
    return {"img_shapes": [[(1, *grid) for grid in grids]] * len(t["sigma"])}


FAMILIES = {
    "FluxTransformer2DModel": (FluxTransformer2DModel, FluxLoraLoaderMixin, flux_inputs),
    "QwenImageTransformer2DModel": (QwenImageTransformer2DModel, QwenImageLoraLoaderMixin, qwen_inputs),
}


def velocity(model, t):
    grids = [[int(v) for v in t[name]] for name in ("target_grid", "reference_grid")]
    with torch.no_grad():
        output = model(
            hidden_states=torch.cat([t["target"], t["reference"]], dim=1), encoder_hidden_states=t["text"],
            timestep=t["sigma"], return_dict=False, **FAMILIES[model.config["_class_name"]][2](t, grids))[0]
    return output[:, : t["target"].shape[1]]


def load(folder):
    """A transformer folder of either family, in float32."""
    name = json.load(open(folder + "/config.json"))["_class_name"]
    return FAMILIES[name][0].from_pretrained(folder, torch_dtype=torch.float32).eval()


def exported(transformer, folder, t):
    """Velocities of an adapter's three exports."""
    base, with_file = load(transformer), load(transformer)
    # As a pipeline does: tensors and strength of the file, the header's metadata included.
    mixin = FAMILIES[base.config["_class_name"]][1]
    state, metadata = mixin.lora_state_dict(folder + "/diffusers", return_lora_metadata=True)
    with_file.load_lora_adapter(state, prefix="transformer", metadata=metadata)
    merged = load(folder + "/merged")
    return {
        "exported peft": velocity(peft.PeftModel.from_pretrained(base, folder + "/peft").eval(), t),
        "exported diffusers": velocity(with_file, t),
        "exported merged": velocity(merged, t),
    }


def main(transformer, adapter, tensors, folder=None):
    torch.set_num_threads(1)
    t = load_file(tensors)

    results = {"peft": velocity(peft.PeftModel.from_pretrained(load(transformer), adapter).eval(), t)}
    # diffusers reads the same tensors under its own prefix; the strength travels as metadata.
    state = {name.removeprefix("base_model.model."): v for name, v in load_file(adapter + "/adapter_model.safetensors").items()}
    config = json.load(open(adapter + "/adapter_config.json"))
    model = load(transformer)
    metadata = {"transformer." + key: config[key] for key in ("r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern")}
    model.load_lora_adapter({"transformer." + k: v for k, v in state.items()}, prefix="transformer", metadata=metadata)
    results["diffusers"] = velocity(model, t)
    if folder:
        results |= exported(transformer, folder, t)
    expected = t.get("adapted", results["peft"])
    scale = float(expected.abs().max())
    report = {name: float((value - expected).abs().max()) / scale for name, value in results.items()}
    report["adapter_effect"] = float((velocity(load(transformer), t) - expected).abs().max()) / scale
    print(json.dumps(report))
    return 0 if max(report[name] for name in results) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
