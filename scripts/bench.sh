#!/usr/bin/env bash
# Measures the pair on this machine and prints a table: groups scored over HTTP, and the phases of a training epoch.
# Run it on an idle machine. Usage: scripts/bench.sh
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
swift build -c release -Xswiftc -enable-testing --product reward-server >/dev/null
swift build -c release -Xswiftc -enable-testing --product policy-trainer >/dev/null
binaries=$(swift build -c release --show-bin-path)
folder=$(mktemp -d)
"$binaries/reward-server" serve --port 0 --ready-file "$folder/server.json" >"$folder/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 1 600); do
    [ -s "$folder/server.json" ] && break
    sleep 0.1
done
url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["url"])' "$folder/server.json")
"$binaries/policy-trainer" dataset shapes --count 200 --test-count 40 --seed 1 "$folder/data" >/dev/null
"$binaries/policy-trainer" train --config scripts/demo.yaml dataset="$folder/data" output="$folder/run" \
    servers="[$url]" epochs=4 minutes=0 evaluateEvery=0 samplesEvery=0 evaluation.rows=12 >"$folder/train.log" 2>&1
echo "commit $(git rev-parse --short HEAD), $(date -u +%F), $(nproc) cores,$(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2)"
python3 - "$url" "$folder" <<'PYTHON'
import base64, json, pathlib, statistics, sys, time, urllib.request

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
data = folder / "data"
rows = [json.loads(line) for line in (data / "train_metadata.jsonl").read_text().splitlines()]

def picture(name):
    return {"image": "data:image/png;base64," + base64.b64encode((data / name).read_bytes()).decode()}

print("| case | median | rate |\n|---|---|---|")
for size in (1, 4, 12):
    times = []
    for index in range(34):
        row = rows[index]
        # Candidates of other rows: every picture differs, so that no cache answers.
        edits = [picture(rows[(40 + index * size + k) % len(rows)]["target"]) for k in range(size)]
        body = {"source": picture(row["image"]), "instruction": row["prompt"], "edits": edits}
        request = urllib.request.Request(url + "/v1/edit-scores", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        start = time.perf_counter()
        json.load(urllib.request.urlopen(request))
        times.append(time.perf_counter() - start)
    median = statistics.median(times[4:])
    print(f"| score a group of {size} over HTTP, embedded judge, 48×48 | {median * 1000:.1f} ms | {size / median:.0f} candidates/s |")
epochs = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
epochs = [epoch for epoch in epochs if epoch["kind"] == "epoch"][1:]
for phase, samples in (("rollout", 288), ("scoring", 288), ("training", 288)):
    median = statistics.median(epoch[f"seconds_{phase}"] for epoch in epochs)
    print(f"| epoch of 24 groups of 12, {'waiting for ' if phase == 'scoring' else ''}{phase}, embedded policy | {median:.2f} s | {samples / max(median, 1e-9):.0f} samples/s |")
PYTHON
