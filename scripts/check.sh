#!/usr/bin/env bash
# Checks that need no build: format, shell and Python syntax, sizes of what is committed.
set -euo pipefail
cd "$(dirname "$0")/.."

swift format lint --strict --recursive Package.swift Sources Tests
for script in scripts/*.sh scripts/*/*.sh .ci/run; do
    [ -e "$script" ] && bash -n "$script"
done
python3 - <<'PYTHON'
import ast, pathlib, sys

problems = []
for path in pathlib.Path("scripts").rglob("*.py"):
    try:
        ast.parse(path.read_text())
    except SyntaxError as error:
        problems.append(f"{path}: {error}")

def megabytes(*patterns):
    files = [file for pattern in patterns for file in pathlib.Path(".").glob(pattern) if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6

for name, size, limit in (
    ("test fixtures", megabytes("Tests/*/Fixtures/**/*"), 10),
    ("embedded models", megabytes("Sources/*/Resources/**/*"), 25),
):
    print(f"check: {name} {size:.1f} of {limit} MB")
    if size > limit:
        problems.append(f"{name} take {size:.1f} MB, the limit is {limit} MB")
for problem in problems:
    print(f"check: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
PYTHON
