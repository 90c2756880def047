#!/usr/bin/env python3
"""Trains the embedded judge on graded candidates: synthetic ones and rollouts of the policy.

Folders come from 'policy-trainer dataset shapes --candidates K' and from rollouts.py graded by 'dataset grade'.
Rollout folders may appear while the training runs: the glob is read again every minute. Linear heads regress
pixels and errors at inner layers; they are thrown away when the model is saved.

    judge.py --tokenizer TOKENIZERS/judge --data WORLD --rollouts 'ROLLOUTS/train-*' --seconds 3600 OUT
"""

import argparse
import glob
import os
import time
from pathlib import Path

import numpy as np
import shape_data
import torch
import torch.nn.functional as F
from qwen_judge import DEVIATION, MEAN, PackedJudge
from torch import nn

CELL_VALUES = 8 * 8 * 3
COLORS = ["red", "green", "blue", "yellow", "purple", "orange"]
SHAPES = ["circle", "square", "triangle"]
KINDS = 1 + len(COLORS) * len(SHAPES)


def kinds(scene):
    """What stands in each of the nine cells: 0 for nothing, else one number per colour and shape."""
    result = np.zeros(9, np.int64)
    for item in scene["objects"]:
        result[item["cell"]] = 1 + COLORS.index(item["color"]) * len(SHAPES) + SHAPES.index(item["shape"])
    return result


class Graded:
    """The rows of some folders with sources, targets, strips of candidates and their scores."""

    def __init__(self, folders, split="train"):
        self.parts, self.folders = [], list(folders)
        for folder in folders:
            table = list(shape_data.rows(folder, split))
            images = [shape_data.pictures(folder, split, field) for field in ("image", "target", "candidates")]
            scores = np.array([row["candidate_scores"] for row in table], np.float32)
            contents = np.array([[kinds(row["scene"]), kinds(row["edited_scene"])] for row in table])
            self.parts.append(([row["prompt"] for row in table], *images, scores, contents))
        self.counts = np.array([len(part[0]) for part in self.parts])

    def __len__(self):
        return int(self.counts.sum())

    def draw(self, random, count):
        """One group: instruction, source, target, count candidates, their scores, both scenes' cell contents."""
        part = self.parts[random.choice(len(self.parts), p=self.counts / self.counts.sum())]
        row = random.integers(len(part[0]))
        chosen = random.permutation(part[3].shape[1])[:count]
        return (part[0][row], part[1][row], part[2][row], part[3][row][chosen], part[4][row][chosen],
                part[5][row])


def stack(groups):
    prompts, *arrays = zip(*groups)
    return list(prompts), *(torch.from_numpy(np.stack(array)) for array in arrays)


def cells(values):
    """[..., 48, 48, c] to sums over cells and half-size pixels of cells: [..., 9, c], [..., 9, 64 · c]."""
    lead, channels = values.shape[:-3], values.shape[-1]
    x = values.reshape(*lead, 3, 8, 2, 3, 8, 2, channels).sum((-2, -5))
    # [..., 3, 8, 3, 8, c]: rows of cells, rows, columns of cells, columns
    x = x.movedim(-3, -4).reshape(*lead, 9, 64, channels)
    return x.sum(-2), x.flatten(-2)


class Heads(nn.Module):
    """Linear heads on inner states that make every step of the comparison a task of its own."""

    def __init__(self, hidden):
        super().__init__()
        sizes = {"source_own": CELL_VALUES, "source_target": CELL_VALUES, "source_target_late": CELL_VALUES,
                 "edited_own": CELL_VALUES, "edited_own_late": CELL_VALUES, "difference": CELL_VALUES,
                 "difference_late": CELL_VALUES, "errors": 4, "errors_late": 4, "answer": 3, "answer_late": 3,
                 "source_kind": KINDS, "target_kind": KINDS, "target_kind_late": KINDS, "edited_kind": KINDS}
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, size) for name, size in sizes.items()})

    def losses(self, states, sources, targets, edited, contents):
        pixels = [(cells(x.float())[1] / (4 * 255) - MEAN) / DEVIATION for x in (sources, targets, edited)]
        s, t = sources.float() / 255, targets.float() / 255
        change = (s - t).abs()
        region = (change.amax(-1) > 0.02).float()[:, None]
        region = F.max_pool2d(region, 5, 1, 2)[:, 0, ..., None]
        error = (edited.float() / 255 - t[:, None]).abs().sum(-1, keepdim=True)
        every = cells(error)[0].sum(-1) / 768
        inside = cells(error * region[:, None])[0].sum(-1) / 768
        outside = (every - inside).clamp(min=0)
        asked = cells(change * region)[0].sum(-1)[:, None].expand_as(inside) / 768
        share = cells(region)[0].sum(-1)[:, None].expand_as(inside) / 256
        errors = torch.stack([inside.sqrt(), outside.sqrt(), asked.sqrt(), 0.3 * share], -1)
        total = asked.sum(-1).clamp(min=1e-6)
        accomplished = (1 - inside.sum(-1) / total).clamp(0, 1)
        mean_outside = outside.sum(-1) / (9 - share.sum(-1)).clamp(min=0.1)
        answer = torch.stack([accomplished, (1 - mean_outside / 0.06).clamp(0, 1),
                              (mean_outside + 1e-3).log() / 4], -1)
        difference = pixels[2] - pixels[1][:, None]
        wanted = {
            "source_own": (states[1][0], pixels[0], 0.2), "source_target": (states[2][0], pixels[1], 0.5),
            "source_target_late": (states[3][0], pixels[1], 0.5),
            "edited_own": (states[1][1], pixels[2], 0.2), "edited_own_late": (states[3][1], pixels[2], 0.3),
            "difference": (states[3][1], difference, 0.7), "difference_late": (states[4][1], difference, 0.7),
            "errors": (states[4][1], errors, 30), "errors_late": (states[5][1], errors, 30),
            "answer": (states[5][2], answer, 2), "answer_late": (states[6][2], answer, 2),
        }
        read = lambda name, state: self.heads[name](F.rms_norm(state.float(), state.shape[-1:])).float()
        # Cells that the edit changes are few and all that matters: they weigh more.
        weights = 1 + 6 * (region.reshape(-1, 3, 16, 3, 16).mean((2, 4)) > 0.02).float().flatten(1)
        weights = weights / weights.mean()
        result = {}
        for name, (state, value, weight) in wanted.items():
            loss = ((read(name, state) - value) ** 2).mean(-1)
            if "target" in name or "difference" in name:
                loss = loss * (weights if loss.dim() == 2 else weights[:, None])
            result[name] = weight * loss.mean()
        before, after = contents[:, 0], contents[:, 1]
        for name, (state, value, weight) in {
            "source_kind": (states[1][0], before, 0.2), "target_kind": (states[2][0], after, 0.4),
            "target_kind_late": (states[3][0], after, 0.4),
            "edited_kind": (states[3][1], after[:, None].expand(edited.shape[0], edited.shape[1], -1), 0.4),
        }.items():
            loss = F.cross_entropy(read(name, state).movedim(-1, 1), value, reduction="none")
            result[name] = weight * (loss * (weights if loss.dim() == 2 else weights[:, None])).mean()
        return result


def digit_losses(judge, logits, scores):
    """Soft cross-entropy over the vocabulary, squared error and in-group ranking of the expected score."""
    rating = scores * 5
    low = rating.floor().clamp(max=4)
    share = (rating - low)[..., None]
    label = F.one_hot(low.long(), 6) * (1 - share) + F.one_hot(low.long() + 1, 6) * share
    probabilities = logits.float().log_softmax(-1)[..., judge.prompts.digits]
    expected = judge.expected(logits)
    gap = scores[:, :, None] - scores[:, None]
    margin = (expected[:, :, None] - expected[:, None]) / 0.1
    pairs = gap > 0.03
    rank = F.softplus(-margin[pairs]).mean() if pairs.any() else logits.sum() * 0
    return {"digit": -(label * probabilities).sum(-1).mean(), "square": 6 * F.mse_loss(expected, scores),
            "rank": 0.5 * rank}


def rank(values):
    """Ranks with ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def measures(predicted, scores):
    """Spearman over all candidates, pairwise accuracy inside groups, mean absolute error; [groups, K] each."""
    gap = scores[:, :, None] - scores[:, None] > 0.1
    right = predicted[:, :, None] > predicted[:, None]
    return {"spearman": round(float(np.corrcoef(rank(predicted.ravel()), rank(scores.ravel()))[0, 1]), 4),
            "pairwise": round(float(right[gap].mean()), 4), "pairs": int(gap.sum()),
            "error": round(float(np.abs(predicted - scores).mean()), 4)}


def evaluate(judge, graded, limit):
    predicted, scores = [], []
    for prompts, sources, _, candidates, truth, _ in graded.parts:
        for begin in range(0, min(limit, len(prompts)), 8):
            part = slice(begin, min(begin + 8, limit))
            tensors = [torch.from_numpy(np.array(x[part])) for x in (sources, candidates)]
            predicted.append(judge.scores(prompts[part], *tensors).float().numpy())
            scores.append(truth[part])
    return measures(np.concatenate(predicted), np.concatenate(scores))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--data", nargs="+", required=True, help="folders with synthetic candidates")
    parser.add_argument("--rollouts", default="", help="glob of folders with graded rollouts")
    parser.add_argument("--share", type=float, default=0.6, help="share of groups from rollouts, once there are any")
    parser.add_argument("--test", nargs="*", default=[], help="folders whose test split is evaluated")
    parser.add_argument("--test-groups", type=int, default=60)
    parser.add_argument("--start", type=Path, help="state.pt of another run, or folder of a judge (new heads then), to start from")
    parser.add_argument("--seconds", type=float, default=3600, help="time to train in all, resumed runs included")
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--warmup", type=int, default=300, help="steps in which the rate rises")
    parser.add_argument("--hold", type=float, default=0.4, help="share of the time before the rate decays")
    parser.add_argument("--groups", type=int, default=4)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--snapshot", type=float, default=180)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="copies that share the gradient, one thread each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.processes == 1:
        train(options, 0)
    else:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20000 + os.getpid() % 20000)}
        torch.multiprocessing.spawn(join, (options,), options.processes)


def join(index, options):
    """One of several copies: each draws its own groups, all step with the mean gradient."""
    torch.distributed.init_process_group("gloo", rank=index, world_size=options.processes)
    train(options, index)


def share(parameters, processes):
    """Replaces every gradient by its mean over the copies."""
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters])
    torch.distributed.all_reduce(flat)
    flat /= processes
    for parameter, part in zip(parameters, flat.split([parameter.numel() for parameter in parameters])):
        parameter.grad.copy_(part.view_as(parameter))


def train(options, index):
    first = index == 0
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    from_folder = options.start is not None and options.start.is_dir()
    judge = PackedJudge.load(options.start) if from_folder else PackedJudge.new(options.tokenizer)
    heads = Heads(judge.model.config.get_text_config().hidden_size)
    parameters = [*judge.model.parameters(), *heads.parameters()]
    ema = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, options.rate, betas=(0.9, 0.98), weight_decay=0.03, fused=True)
    step, spent = 0, 0.0
    state = options.out / "state.pt"
    if options.start and not from_folder and not state.exists():
        saved = torch.load(options.start)
        for number, (parameter, value) in enumerate(zip(parameters, saved["weights"])):
            parameter.data.copy_(value)
            optimizer.state[parameter] = saved["optimizer"]["state"][number]
        ema = [parameter.detach().clone() for parameter in parameters]
    if state.exists():
        saved = torch.load(state)
        for parameter, value in zip(parameters, saved["weights"]):
            parameter.data.copy_(value)
        ema, step, spent = saved["ema"], saved["step"], saved["spent"]
        optimizer.load_state_dict(saved["optimizer"])
        for group in optimizer.param_groups:
            group["fused"], group["foreach"] = True, False
    synthetic = Graded(options.data)
    tests = {Path(folder).name: Graded([folder], "test") for folder in options.test}
    rollouts, looked = None, -1e9
    random = np.random.default_rng([options.seed, step, index])
    begin, next_snapshot, running = time.monotonic() - spent, spent + options.snapshot, {}

    def snapshot():
        torch.save({"weights": [p.detach() for p in parameters], "ema": ema, "step": step, "spent": spent,
                    "optimizer": optimizer.state_dict()}, state)
        own = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            for parameter, value in zip(parameters, ema):
                parameter.copy_(value)
            judge.save(options.out / "judge", options.tokenizer)
            result = {name: evaluate(judge, graded, options.test_groups) for name, graded in tests.items()}
            for parameter, value in zip(parameters, own):
                parameter.copy_(value)
        shape_data.progress(options.out, seconds=int(spent), step=step, **result)

    while True:
        # All copies use the first one's clock, so that they stop at the same step.
        clock = torch.tensor(time.monotonic() - begin, dtype=torch.float64)
        if options.processes > 1:
            torch.distributed.broadcast(clock, 0)
        if (spent := clock.item()) >= options.seconds:
            break
        if options.rollouts and spent - looked > 60:
            looked = spent
            found = [folder for folder in sorted(glob.glob(options.rollouts)) if (Path(folder) / "done").exists()]
            if found and (rollouts is None or found != rollouts.folders):
                rollouts = Graded(found)
        done = spent / options.seconds
        fall = 1 if done < options.hold else max(0.02, (1 - done) / (1 - options.hold))
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / options.warmup) * fall
        pools = [rollouts if rollouts and random.random() < options.share else synthetic
                 for _ in range(options.groups)]
        prompts, sources, targets, edited, scores, contents = stack(
            [pool.draw(random, options.candidates) for pool in pools])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bfloat16):
            states = judge(prompts, sources, edited)
            logits = judge.logits(states[-1][2])
            losses = {**digit_losses(judge, logits, scores),
                      **heads.losses(states, sources, targets, edited, contents)}
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        if options.processes > 1:
            share(parameters, options.processes)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 4 == 0:
            torch._foreach_lerp_(ema, [p.detach() for p in parameters], 1 - min(0.992, (1 + step) / (40 + step)))
        for name, value in losses.items():
            running[name] = 0.98 * running.get(name, value.item()) + 0.02 * value.item()
        if first and step % 100 == 0:
            shape_data.progress(options.out, seconds=int(spent), step=step,
                               candidates=step * options.groups * options.candidates * options.processes,
                               rollouts=len(rollouts) if rollouts else 0,
                               **{name: round(value, 3) for name, value in running.items()})
        if spent >= next_snapshot:
            next_snapshot += options.snapshot
            if first:
                snapshot()
    if first:
        snapshot()


if __name__ == "__main__":
    main()
