#!/usr/bin/env python3
"""Runs a judge of a published size on this machine: loads it, scores a 512×512 pair and a group of 12, and checks memory.

Random BF16 weights of the true configuration (scripts/models/random_checkpoint.py) stand in for the published ones: time and memory
do not depend on the values. Fails when the parameter total is not the published one, when a score is missing, or when peak
resident memory exceeds the weights as stored by more than 1.5 GiB. Needs numpy and Pillow, 8 GB of disk and of memory for 3B. Run:
    python scripts/bench/true_size.py --server .build/release/reward-server --tokenizer QWEN_FOLDER \\
        [--model FOLDER] [-- EXTRA OPTIONS]
QWEN_FOLDER holds vocab.json, merges.txt and tokenizer_config.json of Qwen2.5-VL. Without --model the checkpoint is written to
a temporary folder and removed. What follows -- goes to `reward-server score`, for example `-- --precision bf16`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

PARAMETERS = 3_754_622_976
ALLOWANCE = 1.5 * 2**30
MODELS = pathlib.Path(__file__).resolve().parents[1] / "models"


def measured(command):
    """Output, seconds and peak resident bytes of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    return output, os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss * 1024


def pictures(folder, count):
    """512×512 PNG files of smooth noise; each differs from the others."""
    paths = []
    for index in range(count):
        noise = numpy.random.default_rng(index).integers(0, 256, (16, 16, 3), dtype=numpy.uint8)
        path = pathlib.Path(folder) / f"{index}.png"
        Image.fromarray(noise).resize((512, 512), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--model")
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 12], help="candidates of each run")
    own, extra = sys.argv[1:], []
    if "--" in own:
        own, extra = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model
        if model is None:
            model = os.path.join(scratch, "qwen2.5-vl-3b")
            subprocess.run(
                [sys.executable, MODELS / "random_checkpoint.py", "--family", "qwen2.5-vl-3b", "--tokenizer",
                 options.tokenizer, model],
                check=True)
        facts = json.loads(subprocess.run(
            [options.server, "inspect", "--model", model, "--json"], check=True, capture_output=True, text=True).stdout)
        if facts["parameters"] != PARAMETERS:
            sys.exit(f"true_size: inspect counts {facts['parameters']:,} parameters, published are {PARAMETERS:,}")
        stored = sum(path.stat().st_size for path in pathlib.Path(model).glob("*.safetensors"))
        failed = False
        for candidates in options.groups:
            source, *edited = pictures(scratch, candidates + 1)
            output, code, seconds, peak = measured(
                [options.server, "score", "--model", model, "--json", "--source", source,
                 "--instruction", "make the sky green", *extra, *edited])
            scores = [json.loads(line) for line in output.splitlines()]
            good = code == 0 and len(scores) == candidates and all("score" in score for score in scores)
            fits = peak <= stored + ALLOWANCE
            failed |= not (good and fits)
            print(f"{candidates:3} candidates: {seconds:6.1f} s with loading, peak {peak / 2**30:.2f} GiB of at most "
                  f"{(stored + ALLOWANCE) / 2**30:.2f} GiB (weights {stored / 2**30:.2f}); "
                  f"{'scored' if good else 'NOT SCORED'}{'' if fits else ', TOO MUCH MEMORY'}")
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
