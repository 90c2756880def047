#!/usr/bin/env python3
"""Compares whole sampling trajectories of policy-trainer with diffusers' FluxKontextPipeline or QwenImageEditPipeline.

Both start from the same packed noise and end with packed latents; float32. A trajectory can amplify rounding, so the
difference between diffusers in float32 and in float64 stands beside ours: a case is fine below 1e-4, or below twice
that difference. Prints one JSON line a case. --policy takes the folder of either family; a Qwen-Image-Edit one runs with
and without guidance.

    sample.py --binary .build/release/policy-trainer [--policy FOLDER]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    QwenImageEditPipeline,
    QwenImageTransformer2DModel,
)
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit
from PIL import Image
from safetensors.numpy import load_file, save_file
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fixtures"))
from qwen_image import Processor, with_places

CASES = [  # width, height, steps, instruction
    (48, 48, 6, "make the red circle blue"),
    (48, 48, 15, "add a green triangle at the top left"),
    (64, 48, 4, "remove the yellow square"),
    (48, 80, 6, "replace the purple circle with an orange square, please"),
    (32, 32, 1, "make the background black"),
]


class Kontext:
    """FluxKontextPipeline on a folder, in one precision."""

    GUIDANCE = [None]
    LEAST_STEPS = 1

    def __init__(self, folder, dtype):
        self.pipe = FluxKontextPipeline.from_pretrained(folder, torch_dtype=dtype)
        self.length = self.pipe.tokenizer_2.model_max_length

    def latents(self, picture, instruction, steps, noise, guidance):
        return self.pipe(
            image=picture, prompt=instruction, width=picture.width, height=picture.height, num_inference_steps=steps,
            latents=noise, output_type="latent", max_sequence_length=self.length,
            max_area=picture.width * picture.height, _auto_resize=False,
        ).images[0]


class QwenEdit:
    """QwenImageEditPipeline on a folder, in one precision, with references as large as the target and with places of
    pictures (docs/Sampling.md)."""

    GUIDANCE = [1.0, 4.0]
    LEAST_STEPS = 2  # with one, the terminal shift of diffusers' schedule divides zero by zero

    def __init__(self, folder, dtype):
        images = Qwen2VLImageProcessorPil.from_pretrained(folder / "processor")
        tokenizer = Qwen2Tokenizer.from_pretrained(folder / "tokenizer")
        # Part by part, since the whole Qwen2VLProcessor wants torchvision for its videos.
        self.pipe = QwenImageEditPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
            vae=AutoencoderKLQwenImage.from_pretrained(folder / "vae", torch_dtype=dtype),
            text_encoder=Qwen2_5_VLForConditionalGeneration.from_pretrained(folder / "text_encoder", dtype=dtype),
            tokenizer=tokenizer, processor=Processor(images, tokenizer),
            transformer=QwenImageTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=dtype),
        )
        with_places(self.pipe.text_encoder)

    def latents(self, picture, instruction, steps, noise, guidance):
        pipeline_qwenimage_edit.calculate_dimensions = lambda area, ratio: (*picture.size, None)
        return self.pipe(
            image=picture, prompt=instruction, negative_prompt=" ", true_cfg_scale=guidance, width=picture.width,
            height=picture.height, num_inference_steps=steps, latents=noise, output_type="latent",
        ).images[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--policy", type=Path, default=Path("Sources/PolicyTrainer/Resources/EmbeddedPolicy"))
    options = parser.parse_args()
    torch.manual_seed(0)
    name = json.loads((options.policy / "model_index.json").read_text())["_class_name"]
    family = {"FluxKontextPipeline": Kontext, "QwenImageEditPipeline": QwenEdit}[name]
    upstream, exact = (family(options.policy, dtype) for dtype in (torch.float32, torch.float64))
    for each in (upstream, exact):
        each.pipe.set_progress_bar_config(disable=True)
    factor = 2 * upstream.pipe.vae_scale_factor
    channels = upstream.pipe.transformer.config.in_channels
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for width, height, steps, instruction in CASES:
            steps = max(steps, family.LEAST_STEPS)
            picture = random.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
            Image.fromarray(picture).resize((width, height), Image.NEAREST).save(folder / "source.png")
            tokens = (width // factor) * (height // factor)
            noise = random.standard_normal((tokens, channels), dtype=np.float32)
            save_file({"latents": noise}, folder / "noise.safetensors")
            for guidance in family.GUIDANCE:
                strength = [] if guidance is None else ["--guidance", str(guidance)]
                subprocess.run(
                    [options.binary, "sample", "--policy", options.policy, "--image", folder / "source.png",
                     "--instruction", instruction, "--width", str(width), "--height", str(height),
                     "--steps", str(steps), "--solver", "flow", "--latents", folder / "noise.safetensors",
                     "--save-latents", folder / "final.safetensors", *strength, folder / "out.png"],
                    check=True, capture_output=True, text=True)
                ours = load_file(folder / "final.safetensors")["latents"]
                with torch.no_grad():
                    theirs, reference = (each.latents(
                        Image.open(folder / "source.png").convert("RGB"), instruction, steps,
                        torch.from_numpy(noise)[None].to(each.pipe.dtype), guidance,
                    ).double().numpy() for each in (upstream, exact))
                scale = np.abs(reference).max()
                difference = float(np.abs(ours - theirs).max() / scale)
                rounding = float(np.abs(theirs - reference).max() / scale)
                line = {"check": "sample", "policy": name, "size": f"{width}x{height}", "steps": steps,
                        "relative difference": difference, "upstream rounding": rounding,
                        "ok": difference < max(1e-4, 2 * rounding)}
                print(json.dumps(line if guidance is None else line | {"guidance": guidance}))


if __name__ == "__main__":
    main()
