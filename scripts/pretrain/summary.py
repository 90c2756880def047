#!/usr/bin/env python3
"""Prints what the oracle says about graded rollouts: mean by operation, held-out combinations, spread in groups.

    summary.py [--split test] FOLDER
"""

import argparse
import json

import numpy as np
import shape_data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", default="test", choices=["train", "test"])
    parser.add_argument("folder")
    options = parser.parse_args()
    table = shape_data.rows(options.folder, options.split)
    scores = np.array([row["candidate_scores"] for row in table])
    operations = np.array([row["operation"] for row in table])
    held_out = np.array([row["held_out_combination"] for row in table])
    mean = lambda chosen: round(float(scores[chosen].mean()), 3) if chosen.any() else None
    print(json.dumps({
        "groups": len(table), "group_size": scores.shape[1], "oracle": round(float(scores.mean()), 4),
        "above_0.6": round(float((scores > 0.6).mean()), 3), "group_deviation": round(float(scores.std(1).mean()), 4),
        **{name: mean(operations == name) for name in sorted(set(operations))},
        "held_out_combinations": mean(held_out),
    }))


if __name__ == "__main__":
    main()
