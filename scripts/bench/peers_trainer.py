"""Times the cases of `policy-trainer bench` in PyTorch, too; started by peers_trainer.sh.

Each round runs our case, then the peer's, both in new processes, so that a machine that slows down slows both and peak
memory is the case's own. The peer is diffusers' block with a peft adapter of rank 32 on the published targets.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

CASES = ["flux-double", "flux-single", "qwen-block", "tiny-step"]
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"]
WIDTH, HEADS, TEXT, ITEMS, SHARD = 3072, 24, 128, 96, 24
FORWARD, TRAIN, STEP = "forward", "forward and backward", "three predictions"


def timed(body, seconds=4.0):
    """The median of some runs after one to warm up."""
    body()
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        begun = time.perf_counter()
        body()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def own(options, case, dtype):
    precision = {"float32": "f32", "bfloat16": "bf16"}[dtype]
    command = [options.trainer, "bench", "--only", case, "--json", "--tokens", str(options.tokens), "--seconds", "4",
               "--precision", precision, "--base-weights", precision]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {r["work"]: (r["seconds"], r["peak_resident_bytes"], r["share_of_peak"]) for r in map(json.loads, lines)}


def adapted(block, rank=32):
    import peft

    targets = [n for n, _ in block.named_modules() if any(n == t or n.endswith("." + t) for t in TARGETS)]
    return peft.get_peft_model(block, peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets))


def block_case(case, tokens, dtype):
    import torch
    from diffusers.models.transformers.transformer_flux import FluxSingleTransformerBlock, FluxTransformerBlock
    from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformerBlock

    kind = {"flux-double": FluxTransformerBlock, "flux-single": FluxSingleTransformerBlock,
            "qwen-block": QwenImageTransformerBlock}[case]
    with torch.device("meta"):
        block = kind(WIDTH, HEADS, WIDTH // HEADS)
    block = block.to_empty(device="cpu").to(dtype)
    for parameter in block.parameters():
        parameter.data.normal_(0, 0.018)
    network = adapted(block)
    network.train()

    def random(count):
        return torch.randn(1, count, WIDTH, dtype=dtype).requires_grad_(True)

    text, image = random(TEXT), random(tokens - TEXT)
    condition = torch.randn(1, WIDTH, dtype=dtype) * 0.1
    angles = torch.rand(tokens, WIDTH // HEADS // 2) * 6.28
    full = angles.repeat_interleave(2, dim=1)
    rotary = (full.cos(), full.sin())
    if case == "qwen-block":
        turns = torch.polar(torch.ones_like(angles), angles)

        def forward():
            return network(
                hidden_states=image, encoder_hidden_states=text, encoder_hidden_states_mask=None, temb=condition,
                image_rotary_emb=(turns[TEXT:], turns[:TEXT]))
    elif case == "flux-double":
        def forward():
            return network(hidden_states=image, encoder_hidden_states=text, temb=condition, image_rotary_emb=rotary)
    else:
        def forward():
            return network(hidden_states=image, encoder_hidden_states=text, temb=condition, image_rotary_emb=rotary)

    def train():
        outputs = forward()
        torch.autograd.backward(list(outputs), [output.detach() for output in outputs])

    def plain():
        with torch.no_grad():
            forward()

    return {FORWARD: timed(plain), TRAIN: timed(train)}


def tiny_case(policy, dtype):
    import peft
    import torch
    from diffusers import FluxTransformer2DModel

    folder = pathlib.Path(policy) / "transformer"
    model = FluxTransformer2DModel.from_pretrained(folder, torch_dtype=dtype)
    config = model.config
    network = peft.get_peft_model(model, peft.LoraConfig(
        r=32, lora_alpha=64, target_modules=["attn." + t for t in TARGETS], init_lora_weights="gaussian"))
    network.add_adapter("old", peft.LoraConfig(
        r=32, lora_alpha=64, target_modules=["attn." + t for t in TARGETS], init_lora_weights="gaussian"))
    grid, text_tokens = 6, json.loads((folder.parent / "tokenizer_2/tokenizer_config.json").read_text())["model_max_length"]
    count = grid * grid
    positions = torch.tensor([[axis, r, c] for axis in range(2) for r in range(grid) for c in range(grid)], dtype=torch.float32)
    inputs = dict(
        hidden_states=torch.randn(SHARD, 2 * count, config.in_channels, dtype=dtype),
        encoder_hidden_states=torch.randn(SHARD, text_tokens, config.joint_attention_dim, dtype=dtype),
        pooled_projections=torch.randn(SHARD, config.pooled_projection_dim, dtype=dtype),
        timestep=torch.full((SHARD,), 0.6, dtype=dtype), txt_ids=torch.zeros(text_tokens, 3), img_ids=positions,
        guidance=torch.full((SHARD,), 2.5, dtype=dtype) if config.guidance_embeds else None, return_dict=False)
    clean = torch.randn(SHARD, count, config.in_channels, dtype=dtype)

    def predict():
        return network(**inputs)[0][:, :count]

    def step():
        network.zero_grad()
        for _ in range(ITEMS // SHARD):
            with torch.no_grad():
                network.set_adapter("old")
                old = predict()
                with network.disable_adapter():
                    reference = predict()
            network.set_adapter("default")
            velocity = predict()
            # The shape of the loss: both mixtures against the clean latent, and the pull to the reference.
            noised = inputs["hidden_states"][:, :count]
            plus = noised - 0.6 * velocity
            minus = noised - 0.6 * (2 * old - velocity)
            loss = 0.7 * ((plus - clean) ** 2).mean() + 0.3 * ((minus - clean) ** 2).mean()
            (loss + 1e-4 * ((velocity - reference) ** 2).mean()).backward()

    return {STEP: timed(step)}


def peer(options):
    """One case, printed as JSON; runs in a process of its own."""
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(os.cpu_count())
    dtype = getattr(torch, options.peer_dtype)
    tiny = options.peer == "tiny-step"
    seconds = tiny_case(options.policy, dtype) if tiny else block_case(options.peer, options.tokens, dtype)
    print(json.dumps(dict(seconds=seconds, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))


def run_peer(options, case, dtype):
    command = [sys.executable, __file__, "--peer", case, "--peer-dtype", dtype, "--tokens", str(options.tokens),
               "--policy", options.policy]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return {work: (seconds, result["peak"]) for work, seconds in result["seconds"].items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=2176)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--cases", nargs="*", default=[])
    parser.add_argument("--peer")
    parser.add_argument("--peer-dtype")
    options = parser.parse_args()
    if options.peer:
        peer(options)
        return
    print("| case | arithmetic | work | ours | PyTorch | time ÷ | peak memory | PyTorch | memory ÷ | share of peak |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in options.cases or CASES:
        # The embedded policy trains in float32.
        for dtype in ["float32"] if case == "tiny-step" else options.dtypes:
            pairs = [(own(options, case, dtype), run_peer(options, case, dtype)) for _ in range(options.rounds)]
            for work in pairs[0][0]:
                ratios = [o[work][0] / p[work][0] for o, p in pairs]
                ours, theirs = (statistics.median(pair[side][work][0] for pair in pairs) for side in (0, 1))
                memory, other = (statistics.median(pair[side][work][1] for pair in pairs) / 2**30 for side in (0, 1))
                share = statistics.median(o[work][2] for o, _ in pairs)
                # A peer's process has one peak: that of its gradients.
                sizes = f"{memory:.2f} GiB | {other:.2f} GiB | {memory / other:.2f}" if work != FORWARD else " | | "
                print(
                    f"| {case} | {dtype} | {work} | {ours:.3f} s | {theirs:.3f} s | {statistics.median(ratios):.2f} | "
                    f"{sizes} | {100 * share:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
