#!/usr/bin/env bash
# Installs what is missing, builds optimised, runs every test, and checks format and sizes.
# Arguments go to `swift test`, for example: scripts/test.sh --filter TokenizerTests
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/check.sh
# @testable imports of an optimised build need -enable-testing.
swift build -c release --build-tests -Xswiftc -enable-testing
swift test -c release -Xswiftc -enable-testing --skip-build "$@"
