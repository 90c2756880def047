#!/usr/bin/env python3
"""Measures a judge folder on the test split of graded folders: Spearman, pairwise accuracy in groups, digit mass.

The figures come from the packed pass, which equals transformers' own (see --check).

    judge_report.py --judge JUDGE --test WORLD-TEST ROLLOUTS-TEST
"""

import argparse
import json
from pathlib import Path

import numpy as np
import shape_data
import torch
from judge import measures
from PIL import Image
from qwen_judge import PackedJudge
from transformers import AutoImageProcessor


@torch.no_grad()
def difference(judge, folder, test, groups=4, count=3):
    """The largest difference of a logit between the packed pass and the model on the ordinary prompt."""
    processor, worst = AutoImageProcessor.from_pretrained(folder), 0.0
    tokenizer, table = judge.prompts.tokenizer, shape_data.rows(test, "test")
    sources, strips = (shape_data.pictures(test, "test", field) for field in ("image", "candidates"))
    for index in range(groups):
        prompt, edited = table[index]["prompt"], np.array(strips[index, :count])
        packed = judge.logits(judge([prompt], torch.tensor(sources[index:index + 1]),
                                    torch.from_numpy(edited)[None])[-1][2])[0]
        content = [{"type": "text", "text": prompt}, {"type": "image"}, {"type": "image"}]
        text = tokenizer.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True,
                                             tokenize=False)
        ids = tokenizer(text.replace("<|image_pad|>", "<|image_pad|>" * 9), return_tensors="pt").input_ids
        for number in range(count):
            pair = [Image.fromarray(np.array(picture)) for picture in (sources[index], edited[number])]
            logits = judge.model(
                input_ids=ids, attention_mask=torch.ones_like(ids),
                mm_token_type_ids=(ids == judge.prompts.image).int(),
                **processor(images=pair, return_tensors="pt"),
            ).logits[0, -1]
            worst = max(worst, (logits - packed[number]).abs().max().item())
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    parser.add_argument("--check", action="store_true", help="also compare with transformers' own pass")
    options = parser.parse_args()
    torch.set_num_threads(1)
    judge = PackedJudge.load(options.judge)
    everything = []
    for folder in options.test:
        table = shape_data.rows(folder, "test")
        sources, strips = (shape_data.pictures(folder, "test", field) for field in ("image", "candidates"))
        scores = np.array([row["candidate_scores"] for row in table])
        predicted, mass = [], []
        for begin in range(0, len(table), 8):
            part = slice(begin, begin + 8)
            with torch.no_grad():
                logits = judge.logits(judge([row["prompt"] for row in table[part]], torch.tensor(sources[part]),
                                            torch.tensor(strips[part]))[-1][2])
            predicted.append(judge.expected(logits).numpy())
            mass.append(logits.softmax(-1)[..., judge.prompts.digits].sum(-1).numpy())
        predicted, mass = np.concatenate(predicted), np.concatenate(mass)
        everything.append((predicted.ravel(), scores.ravel()))
        operations = np.array([row["operation"] for row in table])
        print(json.dumps({
            "folder": folder.name, "groups": len(table), "candidates": int(scores.size),
            **measures(predicted, scores), "lowest_mass": round(float(mass.min()), 4),
            "pairwise_by_operation": {
                name: measures(predicted[operations == name], scores[operations == name])["pairwise"]
                for name in sorted(set(operations))
            },
        }))
    predicted, scores = (np.concatenate(part) for part in zip(*everything))
    whole = measures(predicted[None], scores[None])
    print(json.dumps({"folder": "all", "candidates": int(scores.size), "spearman": whole["spearman"],
                      "error": whole["error"]}))
    if options.check:
        print(json.dumps({"largest_logit_difference": difference(judge, options.judge, options.test[0])}))


if __name__ == "__main__":
    main()
