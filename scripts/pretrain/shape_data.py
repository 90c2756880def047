"""Reads folders of 'policy-trainer dataset shapes' into arrays; shared by the scripts of this folder."""

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 48


def rows(folder, split):
    """The rows of a split as dictionaries; none when the split has no file."""
    path = Path(folder) / f"{split}_metadata.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def pictures(folder, split, field):
    """The images of one field as [rows, 48, 48, 3], or [rows, K, 48, 48, 3] for strips; cached beside them."""
    folder = Path(folder)
    cache = folder / f"{split}-{field}.npy"
    metadata = folder / f"{split}_metadata.jsonl"
    if cache.exists() and cache.stat().st_mtime >= metadata.stat().st_mtime:
        return np.load(cache, mmap_mode="r")
    result = None
    for index, row in enumerate(table := rows(folder, split)):
        image = np.asarray(Image.open(folder / row[field]).convert("RGB"))
        if field == "candidates":
            image = image.reshape(SIDE, -1, SIDE, 3).swapaxes(0, 1)
        if result is None:
            result = np.empty((len(table), *image.shape), np.uint8)
        result[index] = image
    partial = cache.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, result)
    os.replace(partial, cache)  # another process may be doing the same
    return np.load(cache, mmap_mode="r")


def oracle(source, target, candidate):
    """The score of ShapeOracle.swift for a quick look during training; [..., 48, 48, 3] in 8 bits each.

    Published figures and training labels come from 'policy-trainer dataset grade'.
    """
    source, target, candidate = (np.asarray(a).astype(np.int32) for a in (source, target, candidate))
    region = np.abs(source - target).max(-1) / 255 > 0.02
    for _ in range(2):
        for axis in (-1, -2):
            before = region.swapaxes(axis, -1)
            grown = before.copy()
            grown[..., 1:] |= before[..., :-1]
            grown[..., :-1] |= before[..., 1:]
            region = grown.swapaxes(axis, -1)
    change = (np.abs(source - target).sum(-1) * region).sum((-1, -2))
    error = np.abs(candidate - target).sum(-1)
    accomplished = np.clip(1 - (error * region).sum((-1, -2)) / np.maximum(change, 1), 0, 1)
    outside = (error * ~region).sum((-1, -2)) / np.maximum(3 * (~region).sum((-1, -2)), 1) / 255
    return accomplished * (0.25 + 0.75 * np.clip(1 - outside / 0.06, 0, 1))


def progress(out, **values):
    """Appends a line of JSON to OUT/log.jsonl and prints it."""
    line = json.dumps(values)
    print(line, flush=True)
    with open(Path(out) / "log.jsonl", "a") as log:
        log.write(line + "\n")
