#!/usr/bin/env bash
# Times reward-server beside llama.cpp and transformers on PyTorch: same machine, same weights, round by round in turn,
# and appends the ratios to docs/Benchmarks.md between its markers. Run it on an idle machine, and empty the markers
# first. Needs numpy, gguf, xllamacpp, torch and transformers.
# Usage: scripts/bench/peers.sh TOKENIZER_FOLDER [REAL.gguf]...
#   PYTHON=… the interpreter; ROUNDS=3; PARTS="llama transformers"; CHECKPOINT=… a folder instead of random weights of the
#   whole Qwen2.5-VL-3B (7.5 GB).
set -euo pipefail
cd "$(dirname "$0")/../.."

tokenizer=$1
shift
python=${PYTHON:-python3}
parts=${PARTS:-llama transformers}
server=$(swift build -c release -Xswiftc -enable-testing --show-bin-path)/reward-server
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
peers=("$python" scripts/bench/peers.py --server "$server" --rounds "${ROUNDS:-3}" --write docs/Benchmarks.md)

if [[ $parts == *llama* ]]; then
    for kind in bf16 q8_0 q4_k_m; do
        "$python" scripts/models/random_gguf.py --size 1.5b --layers 8 --kind $kind "$folder/1.5b-8-layers-$kind.gguf"
        precisions=(--precision bf16)
        [ $kind = bf16 ] || precisions+=(--precision int8)
        "${peers[@]}" --gguf "$folder/1.5b-8-layers-$kind.gguf" "${precisions[@]}"
    done
    for model in "$@"; do "${peers[@]}" --gguf "$model" --precision bf16 --precision int8; done
fi
if [[ $parts == *transformers* ]]; then
    checkpoint=${CHECKPOINT:-$folder/3b}
    [ -n "${CHECKPOINT:-}" ] ||
        "$python" scripts/models/random_checkpoint.py --family qwen2.5-vl-3b --tokenizer "$tokenizer" "$checkpoint"
    "${peers[@]}" --checkpoint "$checkpoint" --precision bf16
    "${peers[@]}" --checkpoint "$checkpoint" --precision int8 --case group
fi
