#!/usr/bin/env python3
"""Loads an adapter folder that policy-trainer wrote in peft and in diffusers, and compares velocities.

    python3 scripts/parity/peft_roundtrip.py TRANSFORMER_FOLDER ADAPTER_FOLDER TENSORS.safetensors

TENSORS holds the input as policy-trainer saw it and what it computed: target, reference [batch, tokens, channels], text
[batch, tokens, width], pooled [batch, width], sigma [batch], guidance [batch] when the model embeds it, target_grid and
reference_grid [2] (rows, columns), adapted [batch, target tokens, channels]. Prints one JSON line; exit 1 when the greatest
difference exceeds 1e-4 of the greatest velocity.
"""

import json
import sys

import peft
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file

TOLERANCE = 1e-4


def positions(text, grids):
    images = [(axis, r, c) for axis, grid in enumerate(grids) for r in range(grid[0]) for c in range(grid[1])]
    return torch.zeros(text, 3), torch.tensor(images, dtype=torch.float32)


def velocity(model, t):
    grids = [[int(v) for v in t[name]] for name in ("target_grid", "reference_grid")]
    text_ids, image_ids = positions(t["text"].shape[1], grids)
    with torch.no_grad():
        output = model(
            hidden_states=torch.cat([t["target"], t["reference"]], dim=1), encoder_hidden_states=t["text"],
            pooled_projections=t["pooled"], timestep=t["sigma"], guidance=t.get("guidance"), txt_ids=text_ids,
            img_ids=image_ids, return_dict=False)[0]
    return output[:, : t["target"].shape[1]]


def main(transformer, adapter, tensors):
    torch.set_num_threads(1)
    t = load_file(tensors)

    def base():
        return FluxTransformer2DModel.from_pretrained(transformer, torch_dtype=torch.float32).eval()

    results = {"peft": velocity(peft.PeftModel.from_pretrained(base(), adapter).eval(), t)}
    # diffusers reads the same tensors under its own prefix; the strength travels as metadata.
    state = {name.removeprefix("base_model.model."): v for name, v in load_file(adapter + "/adapter_model.safetensors").items()}
    config = json.load(open(adapter + "/adapter_config.json"))
    model = base()
    metadata = {"transformer." + key: config[key] for key in ("r", "lora_alpha", "target_modules")}
    model.load_lora_adapter({"transformer." + k: v for k, v in state.items()}, prefix="transformer", metadata=metadata)
    results["diffusers"] = velocity(model, t)
    expected = t["adapted"]
    scale = float(expected.abs().max())
    report = {name: float((value - expected).abs().max()) / scale for name, value in results.items()}
    report["adapter_effect"] = float((velocity(base(), t) - expected).abs().max()) / scale
    print(json.dumps(report))
    return 0 if max(report["peft"], report["diffusers"]) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
