#!/usr/bin/env bash
# Checks that need no build: format, shell scripts, Python by ruff, cited files, sizes of what is committed.
set -euo pipefail
cd "$(dirname "$0")/.."

swift format lint --strict --recursive Package.swift Sources Tests
for script in scripts/*.sh scripts/*/*.sh .ci/run; do
    [ -e "$script" ] && bash -n "$script"
done
# scripts/test.sh brings ruff along in .build/ruff; a PATH with another version is not asked.
pinned=$(sed -n 's/^ruff==//p' scripts/requirements.txt)
ruff=.build/ruff/bin/ruff
[ -x "$ruff" ] || ruff=$(command -v ruff || true)
if [ -n "$ruff" ] && [ "$("$ruff" --version)" = "ruff $pinned" ]; then
    "$ruff" check --quiet scripts
else
    python3 -m compileall -q -f scripts >/dev/null || { echo "check: a Python script does not parse" >&2; exit 1; }
    echo "check: ruff $pinned is missing, scripts/ was only parsed; install it with: pip install -r scripts/requirements.txt" >&2
fi
python3 scripts/tools/check_citations.py
# The checks themselves: each must refuse a planted mistake.
python3 scripts/tools/test_checks.py
python3 - <<'PYTHON'
import pathlib, sys

problems = []
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
