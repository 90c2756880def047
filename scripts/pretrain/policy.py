#!/usr/bin/env python3
"""Trains an embedded policy (transformer and text encoders) by rectified flow on a ShapeEdit folder.

Every --snapshot seconds the EMA weights are written to OUT/ckpt-SECONDS (an ordinary diffusers folder) and graded on
held-out rows with 6 Euler steps; OUT/state.pt lets a second call continue. With --heads, linear heads on inner layers
name the object of every cell of the target and its background; they are thrown away when the model is saved.

    policy.py --data DATA --tokenizers TOKENIZERS/policy --vae VAE/vae --seconds 1200 OUT
    policy.py --family qwen --data DATA --tokenizers TOKENIZERS/qwen --vae VAE/vae --heads 0.15 --seconds 3000 OUT
    policy.py --data DATA --tokenizers TOKENIZERS/policy --start POLICY --rate 1e-3 --seconds 1200 OUT
    policy.py --data WORLD --tokenizers TOKENIZERS/policy --start POLICY --noisy 0.5 --rate 1e-3 --seconds 480 OUT
"""

import argparse
import time
from pathlib import Path

import families
import numpy as np
import shape_data
import torch
import torch.nn.functional as F
from judge import KINDS, kinds
from torch import nn

# Adding and binding colours come last of all skills, so they are drawn more often.
SHARE = {"recolor": 1.3, "remove": 0.7, "add": 1.7, "replace": 1.4, "background": 0.8}
BACKGROUNDS = ["white", "sky", "sand", "black"]


class Heads(nn.Module):
    """Linear heads on the image tokens behind the inner two-stream blocks: what the target shows in the token's cell."""

    def __init__(self, transformer):
        super().__init__()
        blocks = transformer.transformer_blocks[1:-1]
        self.heads = nn.ModuleList(nn.Linear(transformer.inner_dim, KINDS + len(BACKGROUNDS)) for _ in blocks)
        self.streams = [None] * len(blocks)
        for index, block in enumerate(blocks):
            block.register_forward_hook(lambda *call, index=index: self.streams.__setitem__(index, call[2][1]))

    def loss(self, kind, background, changed):
        """Cross-entropies of one batch: kinds [n, 9], backgrounds [n], changed cells [n, 9, 1] weigh 7."""
        weights = 1 + 6 * changed[:, :, 0]
        weights = (weights / weights.mean()).repeat(1, 2)  # target and reference tokens
        total = 0
        for head, stream in zip(self.heads, self.streams):
            kind_logits, background_logits = head(F.rms_norm(stream.float(), stream.shape[-1:])).split(
                [KINDS, len(BACKGROUNDS)], -1)
            total += (F.cross_entropy(kind_logits.movedim(-1, 1), kind.repeat(1, 2), reduction="none") * weights).mean()
            total += F.cross_entropy(background_logits.mean(1), background)
        return total


def cached_latents(policy, pictures, path):
    """Normalised tokens of pictures, kept in a file beside the run."""
    if not path.exists():
        torch.save(policy.encode(pictures), path)
    return torch.load(path)


@torch.no_grad()
def evaluate(policy, weights, rows, sources, targets, steps=6):
    """Mean oracle of EMA weights, in all and by operation."""
    own = [parameter.detach().clone() for parameter in policy.trained()]
    for parameter, weight in zip(policy.trained(), weights):
        parameter.copy_(weight)
    noise = torch.randn(len(rows), 9, 64, generator=torch.Generator().manual_seed(5))
    condition = policy.condition(*policy.inputs([row["prompt"] for row in rows], sources))
    pictures = policy.decode(policy.sample(policy.encode(sources), condition, noise, steps))
    for parameter, weight in zip(policy.trained(), own):
        parameter.copy_(weight)
    scores = shape_data.oracle(sources, targets, pictures)
    operations = np.array([row["operation"] for row in rows])
    by_operation = {name: round(float(scores[operations == name].mean()), 3) for name in SHARE}
    return {"oracle": round(float(scores.mean()), 4), "above_0.6": round(float((scores > 0.6).mean()), 3),
            **by_operation}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=families.FAMILIES, default="kontext")
    parser.add_argument("--data", type=Path, required=True, help="folder of 'policy-trainer dataset shapes'")
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--vae", type=Path)
    parser.add_argument("--start", type=Path, help="policy folder to train on, in place of --family and --vae")
    parser.add_argument("--kontext", type=Path, help="Kontext policy that a Qwen transformer's blocks are taken from")
    parser.add_argument("--empty", type=float, default=0.0,
                        help="share of instructions replaced by a space, for guidance away from it")
    parser.add_argument("--noisy", type=float, default=0.0,
                        help="share of targets replaced by candidates of their rows, as pairs from the wild are spoilt")
    parser.add_argument("--heads", type=float, default=0.0, help="weight of the linear heads on inner layers")
    parser.add_argument("--seconds", type=float, default=1200, help="time to train in all; 0 saves random weights")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--hold", type=float, default=0.5, help="share of the time before the rate decays")
    parser.add_argument("--snapshot", type=float, default=180, help="seconds between snapshots")
    parser.add_argument("--float32", action="store_true", help="no bfloat16 matrix products in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    if (options.vae is None) == (options.start is None):
        parser.error("give either --vae or --start")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    # On sequences of 30 tokens the plain products are faster than the fused kernel's bfloat16 backward pass.
    torch.backends.cuda.enable_flash_sdp(False)
    options.out.mkdir(parents=True, exist_ok=True)
    table = shape_data.rows(options.data, "train")
    if options.start:
        policy = families.load(options.start)
    else:
        policy = families.FAMILIES[options.family].Policy.new(options.tokenizers, options.vae)
    if options.kontext:
        kontext = families.load(options.kontext)
        families.FAMILIES["qwen"].take_blocks(policy.transformer, kontext, [row["prompt"] for row in table[:500]])
    if options.seconds == 0:
        policy.save(options.out, options.tokenizers)
        return

    pictures = shape_data.pictures(options.data, "train", "image")
    source = cached_latents(policy, pictures, options.out / "source.pt")
    target = cached_latents(policy, shape_data.pictures(options.data, "train", "target"), options.out / "target.pt")
    if options.noisy:
        strips = shape_data.pictures(options.data, "train", "candidates")
        spoilt = cached_latents(policy, strips.reshape(-1, *strips.shape[2:]), options.out / "candidates.pt")
        spoilt = spoilt.reshape(len(table), -1, *spoilt.shape[1:])
    changed = ((target - source).abs().mean(-1, keepdim=True) > 0.05).float()
    inputs = policy.inputs([row["prompt"] for row in table], pictures)
    nothing = policy.inputs([" "], pictures[:1])[:2]  # in both families the first two are the text's
    contents = torch.from_numpy(np.stack([kinds(row["edited_scene"]) for row in table]))
    background = torch.tensor([BACKGROUNDS.index(row["edited_scene"]["background"]) for row in table])
    share = np.array([SHARE[row["operation"]] for row in table])
    share /= share.sum()
    test = shape_data.rows(options.data, "test")[:200]
    test_pictures = [np.array(shape_data.pictures(options.data, "test", field)[:200])
                     for field in ("image", "target")]

    parameters = policy.trained()
    heads = Heads(policy.transformer) if options.heads else nn.Module()
    ema = [parameter.detach().clone() for parameter in parameters]
    everything = [*parameters, *heads.parameters()]
    optimizer = torch.optim.AdamW(everything, options.rate, betas=(0.9, 0.99), weight_decay=0.01)
    step, spent = 0, 0.0
    state = options.out / "state.pt"
    if state.exists():
        saved = torch.load(state)
        with torch.no_grad():
            for parameter, value in zip(parameters, saved["weights"]):
                parameter.copy_(value)
        ema, step, spent = saved["ema"], saved["step"], saved["spent"]
        optimizer.load_state_dict(saved["optimizer"])
        heads.load_state_dict(saved["heads"])
    random = np.random.default_rng(options.seed + step)
    begin, next_snapshot, mean_loss = time.monotonic() - spent, spent + options.snapshot, None

    def snapshot():
        torch.save({"weights": [p.detach() for p in parameters], "ema": ema, "step": step, "spent": spent,
                    "optimizer": optimizer.state_dict(), "heads": heads.state_dict()}, state)
        own = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter, value in zip(parameters, ema):
                parameter.copy_(value)
        policy.save(options.out / f"ckpt-{int(spent):04d}", options.tokenizers)
        with torch.no_grad():
            for parameter, value in zip(parameters, own):
                parameter.copy_(value)
        shape_data.progress(options.out, seconds=int(spent), samples=step * options.batch,
                           loss=round(mean_loss, 4), **evaluate(policy, ema, test, *test_pictures))

    while (spent := time.monotonic() - begin) < options.seconds:
        done = spent / options.seconds
        fall = 1 if done < options.hold else max(0.02, (1 - done) / (1 - options.hold))
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, step / 300) * fall
        chosen = torch.from_numpy(random.choice(len(table), options.batch, p=share))
        clean, noise = target[chosen], torch.randn(options.batch, 9, 64)
        if options.noisy:
            candidate = spoilt[chosen, torch.from_numpy(random.integers(spoilt.shape[1], size=options.batch))]
            clean = torch.where(torch.from_numpy(random.random((options.batch, 1, 1)) < options.noisy), candidate, clean)
        sigma = torch.sigmoid(torch.randn(options.batch) * 1.2 + 0.3)
        noisy = (1 - sigma)[:, None, None] * clean + sigma[:, None, None] * noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not options.float32):
            read = [part[chosen] for part in inputs]
            dropped = torch.from_numpy(random.random(options.batch) < options.empty)
            for part, blank in zip(read, nothing):
                part[dropped] = blank
            condition = policy.condition(*read)
            velocity = policy.velocity(noisy, source[chosen], condition, sigma).float()
        loss = ((velocity - (noise - clean)) ** 2 * (1 + 3 * changed[chosen])).mean()
        total = loss
        if options.heads:
            named = heads.loss(contents[chosen], background[chosen], changed[chosen])
            total = loss + options.heads * named
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(everything, 1.0)
        optimizer.step()
        step += 1
        torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(0.999, (1 + step) / (10 + step)))
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if step % 100 == 0:
            extra = {"heads": round(named.item() / len(heads.heads), 4)} if options.heads else {}
            shape_data.progress(options.out, seconds=int(spent), samples=step * options.batch,
                               loss=round(mean_loss, 4), **extra)
        if spent >= next_snapshot:
            next_snapshot += options.snapshot
            snapshot()
    snapshot()


if __name__ == "__main__":
    main()
