#!/usr/bin/env python3
"""Copies a snapshot of policy.py to OUT in BF16, with another autoencoder when asked.

    publish_policy.py --policy POLICY/ckpt-1320 --vae VAE/vae --tokenizers TOKENIZERS/policy OUT
"""

import argparse
import json
from pathlib import Path

import families
import torch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--vae", type=Path, help="autoencoder with the same encoder")
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    policy = families.load(options.policy)
    if options.vae:
        policy.load_autoencoder(options.vae)
    policy.save(options.out, options.tokenizers)
    for path in options.out.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    for path in options.out.glob("*/config.json"):
        fields = json.loads(path.read_text())
        fields.pop("_name_or_path", None)  # a path of the machine that trained it
        path.write_text(json.dumps(fields, indent=2) + "\n")


if __name__ == "__main__":
    main()
