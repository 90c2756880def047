#!/usr/bin/env python3
"""Trains the autoencoder of an embedded policy on a ShapeEdit folder.

Saves OUT/vae (diffusers folder, with the measured statistics of the latents) and OUT/state.pt; a second call
with the same OUT continues where the first one ended.

    autoencoder.py --data DATA --seconds 480 OUT
    autoencoder.py --family qwen --teacher KONTEXT/vae --data DATA --seconds 480 OUT   # with the teacher's latents
    autoencoder.py --data DATA --seconds 480 --decoder-only VAE/vae OUT   # same latents, better pictures
    autoencoder.py --data DATA --measure VAE/vae
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import shape_data
import torch
from families import FAMILIES


def tensor(pictures):
    """8-bit [n, 48, 48, 3] to [n, 3, 48, 48] in -1...1, channels last in memory, which trains twice as fast."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def decibels(first, second):
    return 10 * math.log10(4 / ((first - second) ** 2).mean().item())


@torch.no_grad()
def measure(family, folder, data):
    """PSNR on held-out targets with both precisions, and what the oracle gives a target after the round trip."""
    targets = np.array(shape_data.pictures(data, "test", "target")[:200])
    sources = np.array(shape_data.pictures(data, "test", "image")[:200])
    x = tensor(targets)
    model = family.load_autoencoder(folder).eval()
    z = family.latents(model, x)
    y = family.pixels(model, z)
    rounded = model.to(torch.bfloat16).to(torch.float32)
    again = family.pixels(rounded, family.latents(rounded, x))
    pictures = ((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return {"psnr": round(decibels(y, x), 2), "psnr_bf16": round(decibels(again, x), 2),
            "oracle": round(float(shape_data.oracle(sources, targets, pictures).mean()), 3),
            "mean": round(z.mean().item(), 4), "deviation": round(z.std().item(), 4)}


@torch.no_grad()
def finish(family, model, data, out):
    """Stores the statistics of the latents in the config, once, and saves the folder."""
    model.eval()
    if not family.is_measured(model):
        x = tensor(np.array(shape_data.pictures(data, "test", "target")[:200]))
        z = family.latents(model, x)
        family.note_statistics(model, z.mean().item(), z.std().item())
    model.save_pretrained(out / "vae")
    return measure(family, out / "vae", data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, default="kontext")
    parser.add_argument("--data", type=Path, required=True, help="folder of 'policy-trainer dataset shapes'")
    parser.add_argument("--seconds", type=float, default=480, help="time to train in all, resumed runs included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--noise", type=float, default=0.05, help="deviation of the noise on latents")
    parser.add_argument("--decoder-only", type=Path, help="autoencoder to start from, whose encoder stays")
    parser.add_argument("--teacher", type=Path, help="Kontext autoencoder whose latents and statistics are taken over")
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 convolutions in training")
    parser.add_argument("--measure", type=Path, help="only measure this autoencoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args()
    family = FAMILIES[options.family]
    if options.measure:
        print(measure(family, options.measure, options.data))
        return
    if options.out is None:
        parser.error("OUT is missing")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    sources = shape_data.pictures(options.data, "train", "image")
    targets = shape_data.pictures(options.data, "train", "target")
    model = family.new_autoencoder()
    if options.decoder_only:
        model = family.load_autoencoder(options.decoder_only)
        for part in family.frozen(model):
            part.requires_grad_(False)
    teacher = FAMILIES["kontext"].load_autoencoder(options.teacher).eval() if options.teacher else None
    if teacher:
        mean, deviation = FAMILIES["kontext"].statistics(teacher)
        family.note_statistics(model, mean, deviation)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, options.rate, betas=(0.9, 0.99))
    seen, spent = 0, 0.0
    state = options.out / "state.pt"
    if state.exists():
        saved = torch.load(state)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        seen, spent = saved["seen"], saved["spent"]
    random = np.random.default_rng(options.seed + seen)
    begin, last = time.monotonic() - spent, time.monotonic()
    while (spent := time.monotonic() - begin) < options.seconds:
        rate = options.rate * min(1, (seen + 1) / 3200) * max(0.02, 1 - spent / options.seconds)
        for group in optimizer.param_groups:
            group["lr"] = rate
        pool = sources if random.random() < 0.5 else targets
        x = tensor(pool[np.sort(random.integers(0, len(pool), options.batch))])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bfloat16):
            z = own = family.latents(model, x)
            if teacher:
                with torch.no_grad():
                    z = FAMILIES["kontext"].latents(teacher, x)
            y = family.pixels(model, z + torch.randn_like(z) * options.noise).float()
        loss = (y - x).abs().mean() + 4 * ((y - x) ** 2).mean() + 1e-4 * (own ** 2).mean()
        distance = (((own - z) / deviation) ** 2).mean() if teacher else 0
        loss = loss + distance
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        seen += options.batch
        if time.monotonic() - last > 60:
            last = time.monotonic()
            shape_data.progress(options.out, seconds=int(spent), images=seen, loss=round(loss.item(), 4),
                               psnr=round(decibels(y, x), 2), distance=round(float(distance), 4))
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen,
                        "spent": spent}, state)
    shape_data.progress(options.out, seconds=int(spent), images=seen, **finish(family, model, options.data, options.out))


if __name__ == "__main__":
    main()
