"""How far bf16 and int8 arithmetic move a model's next-token probabilities from float32's.

For 40 texts of random tokens and 20 to 120 tokens: the largest and the mean difference of the log-probabilities of float32's
20 likeliest tokens, how often the likeliest token stays, and the mean difference of an expected value over ten of those tokens,
which is how scores are made. Run:
    python scripts/bench/agreement.py .build/release/reward-server --model MODEL [--tokens-below 150000]
"""

import argparse
import json
import math
import pathlib
import random
import subprocess
import tempfile

SHOWN, ASKED, LABELS = 20, 2000, 10


def logits(options, precision, tokens):
    """Log-probabilities by token id for each text."""
    command = [options.server, "logits", "--model", options.model, "--precision", precision, "--tokens", str(tokens),
               "--top", str(ASKED), "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [{entry["id"]: entry["logProbability"] for entry in json.loads(line)["next"]} for line in output.splitlines()]


def expected(values, labels):
    """Mean of 0 … 1 over the labels, as a score is."""
    weights = [math.exp(values[label]) for label in labels]
    return sum(weight * place for place, weight in enumerate(weights)) / sum(weights) / (len(labels) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens-below", type=int, default=150_000)
    options = parser.parse_args()
    generator = random.Random(1)
    texts = [[generator.randrange(options.tokens_below) for _ in range(generator.randint(20, 120))] for _ in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder) / "tokens.json"
        tokens.write_text(json.dumps(texts))
        exact = logits(options, "f32", tokens)
        for precision in ("bf16", "int8"):
            found = logits(options, precision, tokens)
            differences, scores, same = [], [], 0
            for right, other in zip(exact, found):
                top = sorted(right, key=right.get, reverse=True)[:SHOWN]
                same += max(other, key=other.get) == top[0]
                both = [token for token in top if token in other]
                differences += [abs(right[token] - other[token]) for token in both]
                labels = sorted(both[:LABELS])  # by number, so that their order says nothing about their probability
                scores.append(abs(expected(right, labels) - expected(other, labels)))
            print(f"| {pathlib.Path(options.model).stem} | {precision} | {max(differences):.3f} | "
                  f"{sum(differences) / len(differences):.4f} | {same}/{len(texts)} | "
                  f"{sum(scores) / len(scores):.4f} |", flush=True)


main()
