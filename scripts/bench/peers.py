"""Times cases of `reward-server bench` in llama.cpp and transformers, too, and writes the ratios; started by peers.sh.

Every round runs our case, then the peer's, so that a machine that slows down slows both; a ratio is the median of the
rounds' own. Peers compute what we do: hidden states up to the last token, and the head at that one position. llama.cpp
reads the same .gguf file, transformers the same folder.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import time
import urllib.request

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
SIDE = 504  # what 512 pixels become
TEXT_TOKENS = 150
PREFILL = 512


def own(server, arguments):
    """The records of one run of bench, by case and number of candidates."""
    command = [server, "bench", "--json", "--quick", *arguments]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(record["case"], record.get("candidates")): record for record in map(json.loads, lines)}


class Llama:
    """llama.cpp on the CPU."""

    def __init__(self, path):
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = 2 * PREFILL
        parameters.n_batch = parameters.n_ubatch = PREFILL
        parameters.n_parallel = 1
        parameters.n_gpu_layers = 0
        parameters.cache_prompt = False
        parameters.cache_ram_mib = 0
        parameters.verbosity = 1
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = os.cpu_count()
        self.server = xllamacpp.Server(parameters)
        self.name = "llama.cpp (xllamacpp " + importlib.metadata.version("xllamacpp") + ")"

    def prefill(self):
        """Seconds of a prompt, by llama.cpp's own clock."""
        prompt = [index * 7 % 250 for index in range(PREFILL)]
        body = {"prompt": prompt, "n_predict": 1, "temperature": 0.0, "cache_prompt": False}
        request = urllib.request.Request(
            self.server.listening_address + "/completion", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            timings = json.loads(reply.read())["timings"]
        assert timings["prompt_n"] == PREFILL, timings
        return timings["prompt_ms"] / 1000


class Transformers:
    """Qwen2.5-VL of transformers."""

    def __init__(self, folder, dtype):
        import torch
        import transformers

        self.torch = torch
        torch.set_num_threads(os.cpu_count())
        torch.set_grad_enabled(False)
        self.dtype = getattr(torch, dtype)
        self.name = f"transformers {transformers.__version__}, torch {torch.__version__}, {dtype}"
        self.model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder, dtype=self.dtype, attn_implementation="sdpa"
        ).eval()
        config = self.model.config
        self.image, self.start, self.end = (
            config.image_token_id, config.vision_start_token_id, config.vision_end_token_id)

    def images(self, count):
        grid = self.torch.tensor([[1, SIDE // 14, SIDE // 14]] * count)
        patches = self.torch.randn(count * (SIDE // 14) ** 2, 3 * 2 * 14 * 14).to(self.dtype)
        return patches, grid

    def timed(self, run):
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def prefill(self):
        ids = (self.torch.arange(PREFILL) * 7 % 150_000)[None]
        return self.timed(lambda: self.model(input_ids=ids, use_cache=False, logits_to_keep=1))

    def vision(self):
        patches, grid = self.images(1)
        return self.timed(lambda: self.model.model.visual(patches, grid_thw=grid))

    def pair(self):
        patches, grid = self.images(2)
        one = [self.start] + [self.image] * ((SIDE // 28) ** 2) + [self.end]
        ids = self.torch.tensor([one + one + list(range(1_000, 1_000 + TEXT_TOKENS - 4))])
        kinds = (ids == self.image).to(self.torch.int32)
        return self.timed(lambda: self.model(
            input_ids=ids, pixel_values=patches, image_grid_thw=grid, mm_token_type_ids=kinds, use_cache=False,
            logits_to_keep=1))


def measure(rounds, server, arguments, key, run, times=1):
    """Seconds and shares of peak of our case, and seconds of the peer's run, in turn."""
    run()
    pairs = []
    for _ in range(rounds):
        record = own(server, arguments)[key]
        pairs.append((record["seconds"], record["share_of_peak"], times * run()))
    return pairs


def row(name, precision, peer, pairs):
    seconds, shares, others = zip(*pairs)
    ratio = statistics.median(other / mine for mine, _, other in pairs)
    middle = statistics.median
    return (f"| {name} | {precision} | {middle(seconds):.3f} s | {middle(shares):.0%} | {peer} | "
            f"{middle(others):.3f} s | {ratio:.2f} × |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--gguf", action="append", default=[], help="a text model for llama.cpp; may be repeated")
    parser.add_argument("--checkpoint", help="a folder of Qwen2.5-VL for transformers")
    parser.add_argument("--case", action="append", choices=["prefill", "vision", "pair", "group"],
                        help="of --checkpoint; may be repeated; all when left out")
    parser.add_argument("--precision", action="append", choices=["f32", "bf16", "int8"], help="ours; may be repeated")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16", help="of transformers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--label", default="", help="appended to the names of cases")
    parser.add_argument("--write", type=pathlib.Path, help="file between whose markers the rows are appended")
    options = parser.parse_args()
    precisions = options.precision or ["bf16"]
    rows = []
    for path in options.gguf:
        peer = Llama(path)
        for precision in precisions:
            arguments = ["--text", "--model", path, "--precision", precision, "--case", "prefill", "--tokens", str(PREFILL)]
            pairs = measure(options.rounds, options.server, arguments, ("prefill", None), peer.prefill)
            name = f"prefill of {PREFILL} tokens, {pathlib.Path(path).stem}{options.label}"
            rows.append(row(name, precision, peer.name, pairs))
            print(rows[-1], flush=True)
        del peer
    if options.checkpoint:
        peer = Transformers(options.checkpoint, options.dtype)
        cases = {
            "prefill": (["--case", "prefill", "--tokens", str(PREFILL)], ("prefill", None), peer.prefill, 1,
                        f"prefill of {PREFILL} tokens"),
            "vision": (["--case", "vision"], ("vision", None), peer.vision, 1, "vision tower, one image of 504×504"),
            "pair": (["--case", "groups", "--candidates", "1"], ("pair", 1), peer.pair, 1, "a pair of 512×512"),
            "group": (["--case", "groups", "--candidates", "12"], ("group", 12), peer.pair, 12,
                      "a group of 12, against twelve pairs"),
        }
        for case in options.case or cases:
            extra, key, run, times, name = cases[case]
            for precision in precisions:
                arguments = ["--model", options.checkpoint, "--precision", precision, *extra]
                pairs = measure(options.rounds, options.server, arguments, key, run, times)
                rows.append(row(name + options.label, precision, peer.name, pairs))
                print(rows[-1], flush=True)
    if options.write:
        text = options.write.read_text()
        before, rest = text.split(BEGIN)
        inside, after = rest.split(END)
        if not inside.strip():
            inside = ("\n| case | ours in | reward-server | share of peak | peer | its time | times as fast |\n"
                      "|---|---|---|---|---|---|---|\n")
        today = f"<!-- {datetime.date.today()}, {os.cpu_count()} cores, {options.rounds} rounds in turn, medians -->"
        options.write.write_text(f"{before}{BEGIN}{inside}" + "\n".join(rows) + f"\n{END}{after}")
        print(today)


if __name__ == "__main__":
    main()
