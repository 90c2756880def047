#!/usr/bin/env bash
# The main job, end to end: builds, starts reward-server with the embedded judge, trains an embedded policy against it over HTTP, and ends
# with a table, pictures and three scores from the shell.
#
#   scripts/demo.sh [--policy kontext|qwen] [--seed N] [--minutes M] [--output FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

policy=kontext
seed=1
minutes=9.5
output=demo-output
while [ "$#" -gt 0 ]; do
    case "$1" in
        --policy) policy=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --minutes) minutes=$2; shift 2 ;;
        --output) output=$2; shift 2 ;;
        *) echo "demo: unknown argument '$1'; usage: scripts/demo.sh [--policy kontext|qwen] [--seed N] [--minutes M] [--output FOLDER]" >&2; exit 1 ;;
    esac
done

case "$policy" in
    kontext) embedded=embedded settings=() ;;
    # Its feed-forward maps have other names than those of scripts/demo.yaml.
    qwen)
        attention=attn.to_q,attn.to_k,attn.to_v,attn.to_out.0,attn.add_q_proj,attn.add_k_proj,attn.add_v_proj,attn.to_add_out
        embedded=embedded-qwen
        settings=("lora.targets=[$attention,img_mlp.net.0.proj,img_mlp.net.2,txt_mlp.net.0.proj,txt_mlp.net.2]")
        ;;
    *) echo "demo: unknown policy '$policy', not kontext or qwen" >&2; exit 1 ;;
esac

scripts/setup.sh
echo "== building (some minutes the first time)"
# The same flags as scripts/test.sh, so that both share one build.
swift build -c release -Xswiftc -enable-testing --product reward-server
swift build -c release -Xswiftc -enable-testing --product policy-trainer
binaries=$(swift build -c release --show-bin-path)

rm -rf "$output"
mkdir -p "$output"
data="$output/data"
run="$output/run"

echo "== drawing the ShapeEdit world"
"$binaries/policy-trainer" dataset shapes --count 2000 --test-count 200 --seed 2026 "$data"

echo "== starting reward-server with the embedded judge"
"$binaries/reward-server" serve --port 0 --ready-file "$output/server.json" 2>"$output/server.log" >"$output/server.out" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 1 600); do
    [ -s "$output/server.json" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$output/server.log" >&2; exit 1; }
    sleep 0.1
done
[ -s "$output/server.json" ] || { echo "demo: reward-server was not ready within a minute; see $output/server.log" >&2; exit 1; }
url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$output/server.json")
echo "   $url"

echo "== training, at most $minutes minutes ($policy, seed $seed)"
"$binaries/policy-trainer" train --config scripts/demo.yaml \
    dataset="$data" output="$run" seed="$seed" minutes="$minutes" servers="[$url]" \
    policy="$embedded" "${settings[@]}"

echo "== report"
"$binaries/policy-trainer" report --run "$run" --dataset "$data" "$output/report"

kill -TERM "$server"
wait "$server" || true
trap - EXIT

echo "== scoring one held-out scene from the shell: the right edit, another edit of the same scene, and no edit at all"
python3 - "$data" <<'PYTHON' >"$output/scene.txt"
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
rows = [json.loads(line) for line in (folder / "test_metadata.jsonl").read_text().splitlines()]
row = next(row for row in rows if row["operation"] == "recolor")
background = next(name for name in ("black", "sky") if name != row["scene"]["background"])
for value in (folder / row["image"], row["prompt"], folder / row["target"], f"make the background {background}"):
    print(value)
PYTHON
{ read -r source; read -r instruction; read -r right; read -r other; } <"$output/scene.txt"
"$binaries/policy-trainer" sample --policy "$embedded" --image "$source" --instruction "$other" --steps 6 --seed 1 \
    --lora "$run/checkpoints/latest/lora" "$output/wrong.png"
"$binaries/reward-server" score --source "$source" --instruction "$instruction" "$right" "$output/wrong.png" "$source"

echo "== done: $output/report"
ls "$output/report"
