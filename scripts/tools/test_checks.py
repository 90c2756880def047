#!/usr/bin/env python3
"""Shows that the checks of scripts/check.sh can fail: plants a mistake of each kind in a small repository of its own.

    python3 scripts/tools/test_checks.py
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_citations

GOOD = {
    "docs/Guide.md": "See scripts/run.sh, Guide.md, Sources/<Module>/Thing.swift and Sources/A/{Thing,Other}.swift.\n",
    "scripts/run.sh": "# Source: `src/policies.md` in huggingface/diffusers 0.42.1.\n",
    "Sources/A/Thing.swift": "/// As docs/Guide.md says.\n",
    "Sources/A/Other.swift": "/// arXiv:2509.16117, equation 5.\n",
}
# A planted line, and what the check must say about it.
PLANTED = {
    "/// Source: policies.md 1.3.": "policies.md",
    "/// See docs/Absent.md.": "docs/Absent.md",
    "/// Made by scripts/absent.py.": "scripts/absent.py",
    "/// As in Sources/A/{Thing,Absent}.swift.": "Sources/A/Absent.swift",
    "/// Found in /work/shared/reference.": "/work/shared",
    "/// See issue 13.": "issue 13",
}


def found(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        subprocess.run(["git", "init", "-q", folder], check=True)
        return check_citations.problems(root)


def main():
    failures = [f"a repository without mistakes is refused: {problem}" for problem in found(GOOD)]
    for line, expected in PLANTED.items():
        problems = found(GOOD | {"Sources/A/Planted.swift": line + "\n"})
        if len(problems) != 1 or expected not in problems[0] or "Sources/A/Planted.swift:1" not in problems[0]:
            failures.append(f"the planted line {line!r} gives {problems}")
    for failure in failures:
        print(f"test_checks: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
