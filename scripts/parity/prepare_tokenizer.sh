#!/usr/bin/env bash
# Prepares what TokenizerParityTests compares with: the published vocabulary of 151,643 entries, 120,000 strings and the ids
# that the tokenizers library gives them. Prints the folder, for: export EDIT_R1_TOKENIZER="$(scripts/parity/prepare_tokenizer.sh)"
# Needs python3 with pip and, once, PyPI; says why on standard error and exits 1 when it cannot.
#     prepare_tokenizer.sh [FOLDER]      (default: .build/tokenizer-parity)
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:-$PWD/.build/tokenizer-parity}
packages=(tokenizers==0.23.3 dashscope==2.0.2)
python=${PYTHON:-python3}
stop() {
    echo "tokenizer parity: $1; the test against the published vocabulary is skipped" >&2
    exit 1
}

script=$(sha256sum scripts/parity/tokenizer.py | cut -d ' ' -f 1)
if [ -f "$folder/manifest.json" ] && grep -q "$script" "$folder/manifest.json"; then
    echo "$folder"
    exit 0
fi
"$python" -m pip --version >/dev/null 2>&1 || stop "$python has no pip"
mkdir -p "$folder"
if [ ! -f "$folder/packages/installed" ]; then
    rm -rf "$folder/packages"
    # Without dependencies: only the vocabulary of dashscope and the compiled part of tokenizers are used.
    "$python" -m pip install --quiet --no-deps --disable-pip-version-check --target "$folder/packages" "${packages[@]}" \
        >"$folder/pip.log" 2>&1 || stop "pip could not get ${packages[*]} (see $folder/pip.log)"
    touch "$folder/packages/installed"
fi
PYTHONPATH="$folder/packages" "$python" scripts/parity/tokenizer.py "$folder" >"$folder/prepare.log" 2>&1 ||
    stop "scripts/parity/tokenizer.py failed (see $folder/prepare.log)"
echo "$folder"
