#!/usr/bin/env python3
"""Compares whole sampling trajectories of policy-trainer with diffusers' FluxKontextPipeline.

Both start from the same packed noise and end with packed latents; float32. A trajectory can amplify rounding, so the
difference between diffusers in float32 and in float64 stands beside ours: a case is fine below 1e-4, or below twice
that difference. Prints one JSON line a case.

    sample.py --binary .build/release/policy-trainer [--policy FOLDER]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import FluxKontextPipeline
from PIL import Image
from safetensors.numpy import load_file, save_file

CASES = [  # width, height, steps, instruction
    (48, 48, 6, "make the red circle blue"),
    (48, 48, 15, "add a green triangle at the top left"),
    (64, 48, 4, "remove the yellow square"),
    (48, 80, 6, "replace the purple circle with an orange square, please"),
    (32, 32, 1, "make the background black"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--policy", type=Path, default=Path("Sources/PolicyTrainer/Resources/EmbeddedPolicy"))
    options = parser.parse_args()
    torch.manual_seed(0)
    pipeline, exact = (FluxKontextPipeline.from_pretrained(options.policy, torch_dtype=dtype)
                       for dtype in (torch.float32, torch.float64))
    for each in (pipeline, exact):
        each.set_progress_bar_config(disable=True)
    factor = 2 * pipeline.vae_scale_factor
    length = pipeline.tokenizer_2.model_max_length
    channels = pipeline.transformer.config.in_channels
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for width, height, steps, instruction in CASES:
            picture = random.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
            Image.fromarray(picture).resize((width, height), Image.NEAREST).save(folder / "source.png")
            tokens = (width // factor) * (height // factor)
            noise = random.standard_normal((tokens, channels), dtype=np.float32)
            save_file({"latents": noise}, folder / "noise.safetensors")
            subprocess.run(
                [options.binary, "sample", "--policy", options.policy, "--image", folder / "source.png",
                 "--instruction", instruction, "--width", str(width), "--height", str(height),
                 "--steps", str(steps), "--solver", "flow", "--latents", folder / "noise.safetensors",
                 "--save-latents", folder / "final.safetensors", folder / "out.png"],
                check=True, capture_output=True, text=True)
            ours = load_file(folder / "final.safetensors")["latents"]
            theirs, reference = (each(
                image=Image.open(folder / "source.png"), prompt=instruction, width=width, height=height,
                num_inference_steps=steps, latents=torch.from_numpy(noise)[None].to(each.dtype),
                output_type="latent", max_sequence_length=length, max_area=width * height, _auto_resize=False,
            ).images[0].detach().double().numpy() for each in (pipeline, exact))
            scale = np.abs(reference).max()
            difference = float(np.abs(ours - theirs).max() / scale)
            rounding = float(np.abs(theirs - reference).max() / scale)
            print(json.dumps({"check": "sample", "size": f"{width}x{height}", "steps": steps,
                              "relative difference": difference, "upstream rounding": rounding,
                              "ok": difference < max(1e-4, 2 * rounding)}))


if __name__ == "__main__":
    main()
