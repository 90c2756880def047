#!/usr/bin/env python3
"""Fails when a document or a comment cites a file that a reader of the repository cannot open.

    python3 scripts/tools/check_citations.py [ROOT]

A citation is a path that begins with a folder of this repository (`docs/X.md`, `scripts/y.py`, `Sources/…`, `Tests/…`,
`deploy/…`) or the bare name of a Markdown file. Braces, `*` and capitalised placeholders (`<Family>`) are patterns: one match
is enough. A line that names another repository (owner/name) cites that repository's files. Text between the marks
`<!-- citations: off -->` and `<!-- citations: on -->` is history and is not read. Paths of a development machine and numbers
of issues that nobody else can read are refused, too.
"""

import pathlib
import re
import subprocess
import sys

FOLDERS = ("docs", "scripts", "Sources", "Tests", "deploy", ".github", ".devcontainer")
PATH = re.compile(rf"(?<![\w/.$}}{{-])(?:\./)?((?:{'|'.join(map(re.escape, FOLDERS))})/[\w.+<>*{{}},/-]*[\w>*}}])")
MARKDOWN = re.compile(r"(?<![\w/.:-])([A-Za-z][\w-]*\.md)\b")
MACHINE = re.compile(r"(?<![\w.])(/(?:work|home|root)/[\w.-]+)")
ISSUE = re.compile(r"\b[Ii]ssue #?(\d+)\b")
# Repositories whose files the sources name, beside any owner/name that ends a phrase "… in owner/name".
FOREIGN = re.compile(
    r"\b(?:huggingface|ggml-org|PKU-YuanGroup|NVlabs|TIGER-AI-Lab|python-pillow|QwenLM|black-forest-labs|kohya-ss|"
    r"comfyanonymous|Comfy-Org|vllm-project|sgl-project|AutoGPTQ|casper-hansen|pytorch|oneapi-src|uxlfoundation|google|openai|"
    r"unicode-org|Dao-AILab|yifan123|XueZeyue|PicoTrex|stepfun-ai|mit-han-lab|jax-ml|pallets|apple|swiftlang)/[\w.-]+")
TEXT = {".md", ".swift", ".c", ".h", ".py", ".sh", ".yaml", ".yml", ".toml", ".txt"}
# Written at run time, so that they are no files of the repository.
GENERATED = re.compile(r"^(?:docs|scripts)/\.|/Package\.resolved$")


def tracked(root):
    """Every file under version control, and new ones that are not ignored."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(name for name in set(names) if (root / name).is_file())


def alternatives(path):
    """The paths of a pattern with braces."""
    found = re.search(r"\{([^{}]*)\}", path)
    if not found:
        return [path]
    return [one for word in found.group(1).split(",")
            for one in alternatives(path[:found.start()] + word + path[found.end():])]


def exists(path, files, folders):
    path = path.rstrip("/.")
    if re.search(r"[<>*]", path):
        pattern = re.compile("".join(".*" if part == "**" else "[^/]*" if part == "*" or part.startswith("<") else re.escape(part)
                                     for part in re.split(r"(\*\*|\*|<[^>]*>)", path)) + r"(?:\.\w+)?(?:/.*)?$")
        return any(pattern.match(file) for file in files)
    return path in files or path in folders or any(f"{path}{suffix}" in files for suffix in (".md", ".swift", ".py", ".sh"))


def present(lines):
    """The numbered lines of a file, without what its marks call history."""
    active = True
    for number, line in enumerate(lines, 1):
        if "<!-- citations: off" in line:
            active = False
        if active:
            yield number, line
        if "<!-- citations: on" in line:
            active = True


def problems(root):
    """One line a citation that cannot be opened."""
    names = tracked(root)
    files = set(names)
    folders = {str(parent) for name in names for parent in pathlib.PurePosixPath(name).parents}
    markdown = {pathlib.PurePosixPath(name).name for name in names if name.endswith(".md")}
    found = []
    for name in names:
        if pathlib.PurePosixPath(name).suffix not in TEXT or "/Fixtures/" in name or "/Resources/" in name:
            continue
        if name in ("scripts/tools/check_citations.py", "scripts/tools/test_checks.py"):
            continue
        lines = (root / name).read_text(encoding="utf-8").splitlines()
        for number, line in present(lines):
            where = f"{name}:{number}"
            found += [f"{where}: names the path {path} of one machine" for path in MACHINE.findall(line)]
            found += [f"{where}: cites issue {issue}, which a reader cannot open" for issue in ISSUE.findall(line)]
            # A source often runs on from the line before.
            if FOREIGN.search(line) or (number > 1 and FOREIGN.search(lines[number - 2])):
                continue
            cited = [one for path in PATH.findall(line) for one in alternatives(path)]
            found += [f"{where}: cites {path}, which does not exist" for path in cited
                      if not GENERATED.search(path) and not exists(path, files, folders)]
            rest = re.sub(r"https?://\S+", "", PATH.sub("", line))
            found += [f"{where}: cites {path}, which does not exist" for path in MARKDOWN.findall(rest) if path not in markdown]
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    found = problems(root)
    for problem in found:
        print(f"check_citations: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
