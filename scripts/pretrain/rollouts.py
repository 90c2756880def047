#!/usr/bin/env python3
"""Draws groups of edits from policies, as material and as test for the judge.

Each row of DATA gets one strip of --group pictures from one of the policies. The result is a ShapeEdit folder
without scores; 'policy-trainer dataset grade OUT' adds them, and an empty file OUT/done tells judge.py that the
folder is ready. With --lora the adapter that policy-trainer saved (a PEFT folder) is added to the policy first.

    rollouts.py --policy POLICY [POLICY ...] [--lora CHECKPOINT/lora] --data DATA --rows 0:1500 OUT
"""

import argparse
import json
import os
from pathlib import Path

import families
import numpy as np
import shape_data
import torch
from PIL import Image
from safetensors.torch import load_file

STEPS = [6, 6, 6, 6, 4, 8, 10, 15]


@torch.no_grad()
def add_lora(transformer, folder):
    """Adds a PEFT adapter to the weights: W + (alpha / r) · B · A."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text())
    tensors = load_file(Path(folder) / "adapter_model.safetensors")
    modules = dict(transformer.named_modules())
    for name, down in tensors.items():
        if ".lora_A." in name:
            up = tensors[name.replace(".lora_A.", ".lora_B.")]
            module = modules[name.removeprefix("base_model.model.").split(".lora_A.")[0]]
            module.weight += config["lora_alpha"] / config["r"] * up @ down


@torch.no_grad()
def perturb(transformer, scale, generator):
    """Adds a random product of rank 16 to every attention matrix, `scale` times its size: drift in some direction."""
    for name, module in transformer.named_modules():
        if isinstance(module, torch.nn.Linear) and "attn" in name:
            rows, columns = module.weight.shape
            change = torch.randn(rows, 16, generator=generator) @ torch.randn(16, columns, generator=generator)
            module.weight += scale * module.weight.norm() / change.norm() * change


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", nargs="+", type=Path, required=True)
    parser.add_argument("--lora", type=Path)
    parser.add_argument("--perturb", type=float, default=0.0, help="relative size of a random change of each policy")
    parser.add_argument("--vae", type=Path, help="autoencoder to use in place of the policies' own")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="train", choices=["train", "test"], help="split of DATA and of OUT")
    parser.add_argument("--rows", default="0:1000", help="which rows of the split, first:end")
    parser.add_argument("--group", type=int, default=12)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="step counts to draw from")
    parser.add_argument("--helped", type=float, default=0.0,
                        help="share of groups that start from a noised target: what a better policy would do")
    parser.add_argument("--second-order", type=float, default=0.0, help="share of batches drawn with dpm2, not Euler")
    parser.add_argument("--batch", type=int, default=16, help="groups at once")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cuda.enable_flash_sdp(False)
    random = np.random.default_rng(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    first, end = (int(part) for part in options.rows.split(":"))
    table = shape_data.rows(options.data, options.split)[first:end]
    sources, targets = (np.array(shape_data.pictures(options.data, options.split, field)[first:end])
                        for field in ("image", "target"))
    policies = [families.load(folder) for folder in options.policy]
    for policy in policies:
        if options.vae:
            policy.load_autoencoder(options.vae)
        if options.lora:
            add_lora(policy.transformer, options.lora)
        if options.perturb:
            perturb(policy.transformer, options.perturb, generator)
    (options.out / "candidates").mkdir(parents=True, exist_ok=True)
    for name in ("images", "targets"):
        if not (options.out / name).exists():
            os.symlink((options.data / name).resolve(), options.out / name)
    lines = []
    for begin in range(0, len(table), options.batch):
        part = slice(begin, min(begin + options.batch, len(table)))
        number = int(random.integers(len(policies)))
        steps = int(random.choice(options.steps))
        policy, count = policies[number], part.stop - part.start
        repeat = lambda x: x.repeat_interleave(options.group, 0)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bfloat16):
            condition = policy.condition(*policy.inputs([row["prompt"] for row in table[part]], sources[part]))
            condition = tuple(repeat(x) for x in condition)
            reference = repeat(policy.encode(sources[part]))
            noise = torch.randn(reference.shape, generator=generator)
            start = torch.ones(count, 1)
            if options.helped:
                helped = random.random(count) < options.helped
                start = torch.where(torch.from_numpy(helped)[:, None], torch.rand(count, 1, generator=generator), 1)
            start = torch.where(repeat(start) < 1, 0.4 + 0.6 * torch.rand(count * options.group, 1,
                                                                         generator=generator), 1)
            clean = repeat(policy.encode(targets[part])) if options.helped else reference
            tokens = sample(policy, reference, condition, noise, clean, start, steps,
                            random.random() < options.second_order)
            pictures = policy.decode(tokens.float())
        pictures = pictures.reshape(count, options.group, *pictures.shape[1:])
        for index, row in enumerate(table[part]):
            name = "candidates/" + Path(row["image"]).name
            strip = np.concatenate(list(pictures[index]), 1)
            Image.fromarray(strip).save(options.out / name, compress_level=1)
            row = {key: value for key, value in row.items() if key != "candidate_scores"}
            row |= {"candidates": name, "candidate_origin": f"{options.policy[number].name}, {steps} steps"}
            lines.append(json.dumps(row, sort_keys=True))
    (options.out / f"{options.split}_metadata.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} groups of {options.group} in {options.out}")


def sample(policy, reference, condition, noise, clean, start, steps, second_order=False):
    """Sampling where each picture starts at its own sigma, from a noised target when that is below 1.

    Euler steps; `second_order` adds the correction of the two-step solver that policy-trainer calls dpm2 (data
    prediction, `c / 2 · h / h0 · (x_k - x_{k-1})`, not in the first two steps nor in the last).
    """
    schedule = policy.sigmas(steps)
    start = start[:, :, None]
    x, last = (1 - start) * clean + start * noise, None
    distance = lambda now, then: torch.logit(1 - then) - torch.logit(1 - now)  # of lambda = ln((1 - s) / s)
    for number in range(steps):
        now, then = (torch.minimum(schedule[number + offset], start) for offset in (0, 1))
        velocity = policy.velocity(x, reference, condition, now[:, 0, 0]).float()
        clean = x - now * velocity
        x = x + (then - now) * velocity
        if second_order and 1 < number < steps - 1:
            step, before = (distance(schedule[n], schedule[n + 1]) for n in (number, number - 1))
            factor = (1 - schedule[number + 1] / schedule[number]) / 2 * step / before
            x = x + factor * (clean - last)
        last = clean
    return x


if __name__ == "__main__":
    main()
