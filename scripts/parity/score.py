#!/usr/bin/env python3
"""Compares whole scores of reward-server with transformers on the same images, text and rubric; float32.

Run it with Pillow 11.0 to 12.2: Pillow 13 resizes in another order. Prints one JSON line a case.

    score.py --binary .build/release/reward-server [--model FOLDER] --source A --instruction TEXT EDITED...
"""

import argparse
import json
import subprocess
from pathlib import Path

import torch
import yaml
from PIL import Image, ImageOps
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.image_transforms import convert_to_rgb
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("Sources/RewardServer/Resources/EmbeddedJudge"))
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--instruction", required=True)
    parser.add_argument("edited", type=Path, nargs="+")
    options = parser.parse_args()
    rubric = yaml.safe_load((options.model / "rubric.yaml").read_text())
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    template = json.loads((options.model / "chat_template.json").read_text())["chat_template"]
    processor = Qwen2VLImageProcessorPil.from_pretrained(options.model)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32).eval()
    ours = [json.loads(line) for line in subprocess.run(
        [options.binary, "score", "--model", options.model, "--json", "--source", options.source,
         "--instruction", options.instruction, *options.edited],
        check=True, capture_output=True, text=True).stdout.splitlines()]
    load = lambda path: convert_to_rgb(ImageOps.exif_transpose(Image.open(path)))
    text = rubric["template"].replace("{instruction}", options.instruction).replace("{requirement}", "")
    ids = [tokenizer.encode(label["tokens"][0])[0] for label in rubric["labels"]]
    values = torch.tensor([float(label["value"]) for label in rubric["labels"]])
    for path, reply in zip(options.edited, ours):
        images = {"source": load(options.source), "edited": load(path)}
        content = [{"type": "text", "text": text} if part == "text" else {"type": "image"}
                   for part in rubric["order"].split(",")]
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": content}], chat_template=template,
                                               add_generation_prompt=True, tokenize=False)
        order = [images[part] for part in rubric["order"].split(",") if part != "text"]
        pixels = processor(images=order, return_tensors="pt")
        for grid in pixels["image_grid_thw"]:
            count = int(grid.prod()) // processor.merge_size ** 2
            prompt = prompt.replace("<|image_pad|>", "<|placeholder|>" * count, 1)
        prompt = prompt.replace("<|placeholder|>", "<|image_pad|>")
        ids_row = tokenizer(prompt, return_tensors="pt")["input_ids"]
        inputs = {"input_ids": ids_row, "attention_mask": torch.ones_like(ids_row), **pixels,
                  "mm_token_type_ids": (ids_row == model.config.image_token_id).int()}
        with torch.no_grad():
            logits = model(**inputs).logits[0, -1].float()
        probabilities = logits[ids].softmax(-1)
        raw = float((probabilities * values).sum())
        score = (raw - float(values.min())) / float(values.max() - values.min())
        mass = float(torch.logsumexp(logits[ids], 0).sub(torch.logsumexp(logits, 0)).exp())
        worst = max(abs(score - reply["score"]), abs(mass - reply["mass"]),
                    *(abs(float(p) - reply["probs"][label["tokens"][0]])
                      for p, label in zip(probabilities, rubric["labels"])))
        print(json.dumps({"check": "score", "image": path.name, "tokens": int(inputs["input_ids"].shape[1]),
                          "score": reply["score"], "largest difference": worst, "ok": worst < 1e-4}))


if __name__ == "__main__":
    main()
