"""Times the cases of `reward-server bench` in transformers, too, and writes the ratios; started by peers.sh.

Each round runs our cases, then the peer's, so that a machine that slows down slows both. The peer computes what we do:
hidden states up to the last token, the head at that one position, no cache kept.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import time

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
SIDE = 504  # what 512 pixels become
TEXT_TOKENS = 150


def own_times(options):
    """Seconds by case of one run of bench, and the share of peak."""
    command = [options.server, "bench", "--quick", "--json", "--model", options.checkpoint, *options.arguments]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    times = {}
    for record in map(json.loads, lines):
        key = (record["case"], record.get("candidates") or record.get("tokens"))
        times[key] = (record["seconds"], record["share_of_peak"], record["precision"])
    return times


class Peer:
    """Qwen2.5-VL of transformers with the same weights."""

    def __init__(self, options):
        import torch
        import transformers

        self.torch, self.version = torch, transformers.__version__
        torch.set_num_threads(os.cpu_count())
        torch.set_grad_enabled(False)
        self.dtype = getattr(torch, options.dtype)
        self.model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
            options.checkpoint, dtype=self.dtype, attn_implementation="sdpa"
        ).eval()
        config = self.model.config
        self.image, self.start, self.end = (
            config.image_token_id, config.vision_start_token_id, config.vision_end_token_id)

    def prefill(self, count):
        ids = (self.torch.arange(count) * 7 % 150_000)[None]
        return lambda: self.model(input_ids=ids, use_cache=False, logits_to_keep=1)

    def images(self, count):
        grid = self.torch.tensor([[1, SIDE // 14, SIDE // 14]] * count)
        patches = self.torch.randn(count * (SIDE // 14) ** 2, 3 * 2 * 14 * 14).to(self.dtype)
        return patches, grid

    def vision(self):
        patches, grid = self.images(1)
        return lambda: self.model.model.visual(patches, grid_thw=grid)

    def pair(self):
        patches, grid = self.images(2)
        one = [self.start] + [self.image] * ((SIDE // 28) ** 2) + [self.end]
        ids = self.torch.tensor([one + one + list(range(1_000, 1_000 + TEXT_TOKENS - 4))])
        kinds = (ids == self.image).to(self.torch.int32)
        return lambda: self.model(
            input_ids=ids, pixel_values=patches, image_grid_thw=grid, mm_token_type_ids=kinds, use_cache=False,
            logits_to_keep=1)


def seconds(run):
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--write", type=pathlib.Path, help="file whose part between the markers is replaced")
    parser.add_argument("arguments", nargs="*", help="options of reward-server bench")
    options = parser.parse_args()
    peer = Peer(options)
    patches = (SIDE // 14) ** 2
    cases = [
        ("prefill of 128 tokens", ("prefill", 128), peer.prefill(128), 1),
        ("prefill of 512 tokens", ("prefill", 512), peer.prefill(512), 1),
        ("vision tower, one image", ("vision", patches), peer.vision(), 1),
        ("a pair", ("pair", 1), peer.pair(), 1),
        ("a group of 4, against four pairs", ("group", 4), peer.pair(), 4),
        ("a group of 4 behind a known source, against four pairs", ("group, warm", 4), peer.pair(), 4),
    ]
    ours, theirs, shares, precision = {}, {}, {}, ""
    for _ in range(options.rounds):
        measured = own_times(options)
        single = {}
        for name, key, run, times in cases:
            value, share, precision = measured[key]
            ours.setdefault(name, []).append(value)
            shares.setdefault(name, []).append(share)
            if key[0] not in ("group", "group, warm"):
                single[key[0] if key[0] == "pair" else name] = seconds(run)
            theirs.setdefault(name, []).append(single[name] if name in single else times * single["pair"])
    config = json.loads((pathlib.Path(options.checkpoint) / "config.json").read_text())
    lines = [
        f"Qwen2.5-VL with the widths of 3B, {config['num_hidden_layers']} layers and "
        f"{config['vision_config']['depth']} vision blocks, random weights; 512×512 pixels; reward-server in "
        f"{precision}, transformers {peer.version} in {options.dtype}; {options.rounds} rounds in turn, medians; "
        f"{os.cpu_count()} cores, {datetime.date.today()}.",
        "",
        "| case | reward-server | share of peak | transformers | ratio of times |",
        "|---|---|---|---|---|",
    ]
    for name, *_ in cases:
        own, other = statistics.median(ours[name]), statistics.median(theirs[name])
        ratio = statistics.median(a / b for a, b in zip(ours[name], theirs[name]))
        share = statistics.median(shares[name])
        lines.append(f"| {name} | {own:.3f} s | {share:.0%} | {other:.3f} s | {ratio:.2f} |")
    table = "\n".join(lines)
    print(table)
    if options.write:
        text = options.write.read_text()
        before, rest = text.split(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
