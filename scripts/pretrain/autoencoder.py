#!/usr/bin/env python3
"""Trains the AutoencoderKL of the embedded policy on a ShapeEdit folder.

Saves OUT/vae (diffusers folder, with the measured shift and scaling factors) and OUT/state.pt; a second call
with the same OUT continues where the first one ended.

    autoencoder.py --data DATA --seconds 480 OUT
    autoencoder.py --data DATA --seconds 480 --decoder-only VAE/vae OUT   # same latents, better pictures
    autoencoder.py --data DATA --measure VAE/vae
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

import shapedata

WIDTHS = (16, 32, 64, 64)


def new_autoencoder():
    return AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * len(WIDTHS),
        up_block_types=["UpDecoderBlock2D"] * len(WIDTHS), block_out_channels=WIDTHS, layers_per_block=1,
        latent_channels=16, norm_num_groups=8, use_quant_conv=False, use_post_quant_conv=False,
        mid_block_add_attention=False, sample_size=shapedata.SIDE, shift_factor=None,
    )


def tensor(pictures):
    """8-bit [n, 48, 48, 3] to [n, 3, 48, 48] in -1...1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def decibels(first, second):
    return 10 * math.log10(4 / ((first - second) ** 2).mean().item())


@torch.no_grad()
def measure(folder, data):
    """PSNR on held-out targets with both precisions, and what the oracle gives a target after the round trip."""
    targets = np.array(shapedata.pictures(data, "test", "target")[:200])
    sources = np.array(shapedata.pictures(data, "test", "image")[:200])
    x = tensor(targets)
    model = AutoencoderKL.from_pretrained(folder).eval()
    y = model.decode(model.encode(x).latent_dist.mean).sample
    rounded = model.to(torch.bfloat16).to(torch.float32)
    again = rounded.decode(rounded.encode(x).latent_dist.mean).sample
    pictures = ((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return {"psnr": round(decibels(y, x), 2), "psnr_bf16": round(decibels(again, x), 2),
            "oracle": round(float(shapedata.oracle(sources, targets, pictures).mean()), 3),
            "shift_factor": model.config.shift_factor, "scaling_factor": model.config.scaling_factor}


@torch.no_grad()
def finish(model, data, out):
    """Stores shift and scale of the latents in the config, once, and saves the folder."""
    model.eval()
    if model.config.shift_factor is None:
        x = tensor(np.array(shapedata.pictures(data, "test", "target")[:200]))
        latents = model.encode(x).latent_dist.mean
        model.register_to_config(shift_factor=latents.mean().item(), scaling_factor=1 / latents.std().item())
    model.save_pretrained(out / "vae")
    return measure(out / "vae", data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of 'policy-trainer dataset shapes'")
    parser.add_argument("--seconds", type=float, default=480, help="time to train in all, resumed runs included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--noise", type=float, default=0.05, help="deviation of the noise on latents")
    parser.add_argument("--decoder-only", type=Path, help="autoencoder to start from, whose encoder stays")
    parser.add_argument("--bfloat16", action="store_true", help="bfloat16 convolutions in training")
    parser.add_argument("--measure", type=Path, help="only measure this autoencoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args()
    if options.measure:
        print(measure(options.measure, options.data))
        return
    if options.out is None:
        parser.error("OUT is missing")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    sources = shapedata.pictures(options.data, "train", "image")
    targets = shapedata.pictures(options.data, "train", "target")
    model = new_autoencoder()
    if options.decoder_only:
        model = AutoencoderKL.from_pretrained(options.decoder_only)
        model.encoder.requires_grad_(False)
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
            mean = model.encode(x).latent_dist.mean
            y = model.decode(mean + torch.randn_like(mean) * options.noise).sample.float()
        loss = (y - x).abs().mean() + 4 * ((y - x) ** 2).mean() + 1e-4 * (mean ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        seen += options.batch
        if time.monotonic() - last > 60:
            last = time.monotonic()
            shapedata.progress(options.out, seconds=int(spent), images=seen, loss=round(loss.item(), 4),
                               psnr=round(decibels(y, x), 2))
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen,
                        "spent": spent}, state)
    shapedata.progress(options.out, seconds=int(spent), images=seen, **finish(model, options.data, options.out))


if __name__ == "__main__":
    main()
