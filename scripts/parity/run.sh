#!/usr/bin/env bash
# Runs the comparisons that need PyTorch itself (some GB to install) and writes docs/Parity.md.
# PYTHON names an interpreter with torch, transformers 5.23.0, diffusers 0.42.1, peft, safetensors, pyyaml and Pillow 11.0 to 12.2.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}
swift build -c release -Xswiftc -enable-testing --product reward-server >/dev/null
swift build -c release -Xswiftc -enable-testing --product policy-trainer >/dev/null
binaries=$(swift build -c release --show-bin-path)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
photos=Tests/ImagingTests/Fixtures/photos
"$binaries/policy-trainer" dataset shapes --count 4 --test-count 4 --seed 3 "$folder/data" >/dev/null
{
    "$python" scripts/parity/sample.py --binary "$binaries/policy-trainer"
    "$python" scripts/parity/sample.py --binary "$binaries/policy-trainer" --policy Sources/PolicyTrainer/Resources/EmbeddedQwenPolicy
    "$python" scripts/parity/score.py --binary "$binaries/reward-server" --instruction "make the red circle blue" \
        --source "$folder/data/images/000000.png" "$folder"/data/targets/*.png
    "$python" scripts/parity/score.py --binary "$binaries/reward-server" --instruction "add more light, please" \
        --source "$(find "$photos" -name '*.png' | head -n 1)" "$photos"/*
} | tee "$folder/lines.jsonl"
"$python" - "$folder/lines.jsonl" <<'PYTHON'
import importlib.metadata, json, pathlib, subprocess, sys

lines = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
versions = ", ".join(f"{name} {importlib.metadata.version(name)}"
                     for name in ("torch", "transformers", "diffusers", "peft", "pillow"))
commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
page = pathlib.Path("docs/Parity.md")
head = page.read_text().split("<!-- measured -->")[0]
table = [f"Measured by `scripts/parity/run.sh` on commit {commit} with {versions}.", "",
         "| check | case | largest difference | upstream float32 against float64 | fine |", "|---|---|---|---|---|"]
for line in lines:
    if line["check"] == "sample":
        guidance = f", guidance {line['guidance']}" if "guidance" in line else ""
        case = f"{line['policy']}, {line['size']}, {line['steps']} steps{guidance}"
    else:
        case = f"{line['image']}, {line['tokens']} tokens"
    value = line.get("relative difference", line.get("largest difference"))
    rounding = f"{line['upstream rounding']:.1e}" if "upstream rounding" in line else ""
    table.append(f"| {line['check']} | {case} | {value:.1e} | {rounding} | {'yes' if line['ok'] else 'NO'} |")
page.write_text(head + "<!-- measured -->\n" + "\n".join(table) + "\n")
sys.exit(0 if all(line["ok"] for line in lines) else 1)
PYTHON
