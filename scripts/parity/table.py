#!/usr/bin/env python3
"""Makes the table family x format x check of docs/Parity.md from the results of the parity tests and scripts.

    table.py RESULTS_FOLDER [--page docs/Parity.md]

RESULTS_FOLDER holds *.jsonl files with lines {"family", "format", "check", "difference", "limit", "unit", "cases",
"reference"}: the Swift tests write them into the folder that EDIT_R1_PARITY_RESULTS names (Tests/TestSupport/ParityRecord.swift),
scripts/parity/*.py likewise. Lines of one family, format, check, unit and reference become one row with their largest
difference; a limit of null tells the difference without judging it. The table goes between the two marks of the page; the exit status is 1 when a row is over its limit.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys

BEGIN, END = "<!-- parity table -->", "<!-- end of parity table -->"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows(folder):
    found = {}
    for path in sorted(folder.glob("**/*.jsonl")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
                key = tuple(str(line[name]) for name in ("family", "format", "check", "unit", "reference"))
                # Without a limit the difference is told, not judged.
                limit = math.inf if line["limit"] is None else float(line["limit"])
                numbers = (float(line["difference"]), limit, int(line["cases"]))
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"table.py: {path}:{number}: {error!r}; see the keys in table.py --help") from error
            row = found.setdefault(key, [0.0, math.inf, 0])
            # A NaN is the largest difference of all.
            row[0] = math.inf if math.isnan(numbers[0]) else max(row[0], numbers[0])
            row[1] = min(row[1], numbers[1])
            row[2] += numbers[2]
    return found


def shown(value, unit):
    if math.isinf(value):
        return "none"
    if unit in ("absolute", "relative"):
        return "0" if value == 0 else f"{value:.1e}"
    return f"{value:g} {unit}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/Parity.md")
    options = parser.parse_args()
    found = rows(options.results)
    if not found:
        raise SystemExit(f"table.py: {options.results} holds no *.jsonl results; run the tests with "
                         f"EDIT_R1_PARITY_RESULTS={options.results}")
    text = options.page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"table.py: {options.page} has no marks {BEGIN} and {END}")
    git = lambda *words: subprocess.run(["git", "-C", str(ROOT), *words], check=False, capture_output=True, text=True).stdout.strip()
    commit = git("rev-parse", "--short", "HEAD")
    changed = " with uncommitted changes" if git("status", "--porcelain", "--", "Sources", "Tests") else ""
    lines = [f"Made by `scripts/parity/table.py` on commit {commit}{changed}. Differences without a unit are absolute.", "",
             "| family | format | check | cases | largest difference | limit | against | fine |",
             "|---|---|---|---|---|---|---|---|"]
    failed = 0
    for (family, form, check, unit, reference), (difference, limit, cases) in sorted(found.items()):
        fine = difference <= limit and not math.isinf(difference)
        failed += not fine
        relative = " relative" if unit == "relative" else ""
        lines.append(f"| {family} | {form} | {check} | {cases:,} | {'not a number' if math.isinf(difference) else shown(difference, unit)}{relative} | "
                     f"{shown(limit, unit)}{relative} | {reference} | {'NO' if not fine else 'told only' if math.isinf(limit) else 'yes'} |")
    head, rest = text.split(BEGIN, 1)
    options.page.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1], encoding="utf-8")
    print(f"{options.page}: {len(found)} rows, {failed} over their limits")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
