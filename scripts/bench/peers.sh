#!/usr/bin/env bash
# Times reward-server beside transformers on PyTorch: same machine, same weights, round by round in turn, and writes the
# ratios to docs/Benchmarks.md between its markers. Run it on an idle machine. Needs numpy, torch and transformers.
# Usage: scripts/bench/peers.sh TOKENIZER_FOLDER [OPTION OF reward-server bench]...
#   PYTHON=… the interpreter; LAYERS=4 BLOCKS=8 how much is left of Qwen2.5-VL-3B; ROUNDS=3; DTYPE=float32 of the peer.
set -euo pipefail
cd "$(dirname "$0")/../.."

tokenizer=$1
shift
python=${PYTHON:-python3}
binaries=$(swift build -c release -Xswiftc -enable-testing --show-bin-path)
folder=${CHECKPOINT:-$(mktemp -d)}
if [ -z "${CHECKPOINT:-}" ]; then
    trap 'rm -rf "$folder"' EXIT
    "$python" scripts/random_checkpoint.py --family qwen2.5-vl-3b --layers "${LAYERS:-4}" --blocks "${BLOCKS:-8}" \
        --tokenizer "$tokenizer" "$folder"
fi
"$python" scripts/bench/peers.py --server "$binaries/reward-server" --checkpoint "$folder" --rounds "${ROUNDS:-3}" \
    --dtype "${DTYPE:-float32}" --write docs/Benchmarks.md -- "$@"
