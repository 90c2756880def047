#!/usr/bin/env python3
"""Loads an adapter folder that policy-trainer wrote in peft and in diffusers, and compares velocities.

    python3 scripts/parity/peft_roundtrip.py TRANSFORMER_FOLDER ADAPTER_FOLDER TENSORS.safetensors [EXPORTED]

TENSORS holds the input as policy-trainer saw it and what it computed: target, reference [batch, tokens, channels], text
[batch, tokens, width], pooled [batch, width], sigma [batch], guidance [batch] when the model embeds it, target_grid and
reference_grid [2] (rows, columns), adapted [batch, target tokens, channels]. EXPORTED is a folder with what `policy-trainer export` made
of the adapter: peft/, diffusers/ and merged/; each is then loaded by its library and must give the velocities of the adapter in
peft (TENSORS may then lack `adapted`). Prints one JSON line; exit 1 when the greatest
difference exceeds 1e-4 of the greatest velocity.
"""

import json
import sys

import peft
import torch
from diffusers import FluxTransformer2DModel
from diffusers.loaders import FluxLoraLoaderMixin
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


def exported(transformer, folder, t):
    """Velocities of an adapter's three exports."""
    base = FluxTransformer2DModel.from_pretrained(transformer, torch_dtype=torch.float32).eval()
    with_file = FluxTransformer2DModel.from_pretrained(transformer, torch_dtype=torch.float32).eval()
    # As a pipeline does: tensors and strength of the file, the header's metadata included.
    state, metadata = FluxLoraLoaderMixin.lora_state_dict(folder + "/diffusers", return_lora_metadata=True)
    with_file.load_lora_adapter(state, prefix="transformer", metadata=metadata)
    merged = FluxTransformer2DModel.from_pretrained(folder + "/merged", torch_dtype=torch.float32).eval()
    return {
        "exported peft": velocity(peft.PeftModel.from_pretrained(base, folder + "/peft").eval(), t),
        "exported diffusers": velocity(with_file, t),
        "exported merged": velocity(merged, t),
    }


def main(transformer, adapter, tensors, folder=None):
    torch.set_num_threads(1)
    t = load_file(tensors)

    def base():
        return FluxTransformer2DModel.from_pretrained(transformer, torch_dtype=torch.float32).eval()

    results = {"peft": velocity(peft.PeftModel.from_pretrained(base(), adapter).eval(), t)}
    # diffusers reads the same tensors under its own prefix; the strength travels as metadata.
    state = {name.removeprefix("base_model.model."): v for name, v in load_file(adapter + "/adapter_model.safetensors").items()}
    config = json.load(open(adapter + "/adapter_config.json"))
    model = base()
    metadata = {"transformer." + key: config[key] for key in ("r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern")}
    model.load_lora_adapter({"transformer." + k: v for k, v in state.items()}, prefix="transformer", metadata=metadata)
    results["diffusers"] = velocity(model, t)
    if folder:
        results |= exported(transformer, folder, t)
    expected = t.get("adapted", results["peft"])
    scale = float(expected.abs().max())
    report = {name: float((value - expected).abs().max()) / scale for name, value in results.items()}
    report["adapter_effect"] = float((velocity(base(), t) - expected).abs().max()) / scale
    print(json.dumps(report))
    return 0 if max(report[name] for name in results) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
