#!/usr/bin/env python3
"""Trains the embedded policy (transformer and both text encoders) by rectified flow on a ShapeEdit folder.

Every --snapshot seconds the EMA weights are written to OUT/ckpt-SECONDS (an ordinary FluxKontextPipeline folder)
and graded on held-out rows with 6 Euler steps; OUT/state.pt lets a second call continue.

    policy.py --data DATA --tokenizers TOKENIZERS/policy --vae VAE/vae --seconds 1200 OUT
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import shapedata
from fluxpolicy import FluxPolicy

# Adding and binding colours come last of all skills, so they are drawn more often.
SHARE = {"recolor": 1.3, "remove": 0.7, "add": 1.7, "replace": 1.4, "background": 0.8}


@torch.no_grad()
def evaluate(policy, weights, rows, sources, targets, steps=6):
    """Mean oracle of EMA weights, in all and by operation."""
    own = [parameter.detach().clone() for parameter in policy.trained()]
    for parameter, weight in zip(policy.trained(), weights):
        parameter.copy_(weight)
    noise = torch.randn(len(rows), 9, 64, generator=torch.Generator().manual_seed(5))
    condition = policy.condition(*policy.tokenize([row["prompt"] for row in rows]))
    pictures = policy.decode(policy.sample(policy.encode(sources), condition, noise, steps))
    for parameter, weight in zip(policy.trained(), own):
        parameter.copy_(weight)
    scores = shapedata.oracle(sources, targets, pictures)
    operations = np.array([row["operation"] for row in rows])
    by_operation = {name: round(float(scores[operations == name].mean()), 3) for name in SHARE}
    return {"oracle": round(float(scores.mean()), 4), "above_0.6": round(float((scores > 0.6).mean()), 3),
            **by_operation}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of 'policy-trainer dataset shapes'")
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=1200, help="time to train in all; 0 saves random weights")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--hold", type=float, default=0.5, help="share of the time before the rate decays")
    parser.add_argument("--snapshot", type=float, default=180, help="seconds between snapshots")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 matrix products in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    # On sequences of 30 tokens the plain products are faster than the fused kernel's bfloat16 backward pass.
    torch.backends.cuda.enable_flash_sdp(False)
    options.out.mkdir(parents=True, exist_ok=True)
    policy = FluxPolicy.new(options.tokenizers, options.vae)
    if options.seconds == 0:
        policy.save(options.out, options.tokenizers)
        return

    table = shapedata.rows(options.data, "train")
    source = policy.encode(shapedata.pictures(options.data, "train", "image"))
    target = policy.encode(shapedata.pictures(options.data, "train", "target"))
    changed = ((target - source).abs().mean(-1, keepdim=True) > 0.05).float()
    clip_ids, t5_ids = policy.tokenize([row["prompt"] for row in table])
    share = np.array([SHARE[row["operation"]] for row in table])
    share /= share.sum()
    test = shapedata.rows(options.data, "test")[:200]
    test_pictures = [np.array(shapedata.pictures(options.data, "test", field)[:200])
                     for field in ("image", "target")]

    parameters = policy.trained()
    ema = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, options.rate, betas=(0.9, 0.99), weight_decay=0.01)
    step, spent = 0, 0.0
    state = options.out / "state.pt"
    if state.exists():
        saved = torch.load(state)
        with torch.no_grad():
            for parameter, value in zip(parameters, saved["weights"]):
                parameter.copy_(value)
        ema, step, spent = saved["ema"], saved["step"], saved["spent"]
        optimizer.load_state_dict(saved["optimizer"])
    random = np.random.default_rng(options.seed + step)
    begin, next_snapshot, mean_loss = time.monotonic() - spent, spent + options.snapshot, None

    def snapshot():
        torch.save({"weights": [p.detach() for p in parameters], "ema": ema, "step": step, "spent": spent,
                    "optimizer": optimizer.state_dict()}, state)
        own = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter, value in zip(parameters, ema):
                parameter.copy_(value)
        policy.save(options.out / f"ckpt-{int(spent):04d}", options.tokenizers)
        with torch.no_grad():
            for parameter, value in zip(parameters, own):
                parameter.copy_(value)
        shapedata.progress(options.out, seconds=int(spent), samples=step * options.batch,
                           loss=round(mean_loss, 4), **evaluate(policy, ema, test, *test_pictures))

    while (spent := time.monotonic() - begin) < options.seconds:
        done = spent / options.seconds
        fall = 1 if done < options.hold else max(0.02, (1 - done) / (1 - options.hold))
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, step / 300) * fall
        chosen = torch.from_numpy(random.choice(len(table), options.batch, p=share))
        clean, noise = target[chosen], torch.randn(options.batch, 9, 64)
        sigma = torch.sigmoid(torch.randn(options.batch) * 1.2 + 0.3)
        noisy = (1 - sigma)[:, None, None] * clean + sigma[:, None, None] * noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not options.float32):
            condition = policy.condition(clip_ids[chosen], t5_ids[chosen])
            velocity = policy.velocity(noisy, source[chosen], condition, sigma).float()
        loss = ((velocity - (noise - clean)) ** 2 * (1 + 3 * changed[chosen])).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(0.999, (1 + step) / (10 + step)))
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if step % 200 == 0:
            shapedata.progress(options.out, seconds=int(spent), samples=step * options.batch,
                               loss=round(mean_loss, 4))
        if spent >= next_snapshot:
            next_snapshot += options.snapshot
            snapshot()
    snapshot()


if __name__ == "__main__":
    main()
