#!/usr/bin/env bash
# Times policy-trainer's training beside PyTorch with diffusers and peft: the same blocks, widths and adapter, in turn, each
# case in a process of its own, and prints a table of ratios. Run it on an idle machine; needs torch, diffusers and peft.
# Usage: scripts/bench/peers_trainer.sh [CASE]...   (flux-double flux-single qwen-block tiny-step)
#   PYTHON=… the interpreter; ROUNDS=3; TOKENS=2176; DTYPES="float32 bfloat16".
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}
binaries=$(swift build -c release -Xswiftc -enable-testing --show-bin-path)
read -ra dtypes <<<"${DTYPES:-float32 bfloat16}"
"$python" scripts/bench/peers_trainer.py --trainer "$binaries/policy-trainer" --rounds "${ROUNDS:-3}" \
    --tokens "${TOKENS:-2176}" --dtypes "${dtypes[@]}" \
    --policy Sources/PolicyTrainer/Resources/EmbeddedPolicy --cases "$@"
