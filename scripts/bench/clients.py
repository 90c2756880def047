"""How much of the judge's own rate is left over HTTP: groups of 12 from one and from several clients at once.

The rate in the process is the group of 12, cold caches, of `reward-server bench`, measured before and after the server
answered; its images are decoded and prepared beforehand, while over HTTP that is part of the work, as are the clients.
Both work without caches. Needs numpy. Run:
    python scripts/bench/clients.py .build/release/reward-server [--model FOLDER] [--batch-tokens N]… [--clients 8] [--seconds 10]
"""

import argparse
import base64
import contextlib
import http.client
import json
import pathlib
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse
import zlib

import numpy

# The question of `reward-server bench`: a longer one has more tokens.
QUESTION = {
    "instruction": "Make the sky red and leave everything else as it is.",
    "requirement": "The sky is red; houses, trees and people have not changed.",
}


def picture(generator):
    """A PNG of 48×48 noisy pixels as a data URI."""
    rows = generator.integers(0, 256, (48, 145), numpy.uint8)
    rows[:, 0] = 0  # no filter

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 48, 48, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
    return "data:image/png;base64," + base64.b64encode(png + chunk(b"IEND", b"")).decode()


@contextlib.contextmanager
def server(command):
    """The address of a server that runs meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        ready = pathlib.Path(folder) / "ready.json"
        process = subprocess.Popen(
            [*command, "--port", "0", "--ready-file", str(ready)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit(f"clients: {' '.join(command)} ended with {process.returncode}")
                time.sleep(0.05)
            yield urllib.parse.urlsplit(json.loads(ready.read_text())["url"])
        finally:
            process.terminate()
            process.wait()


def in_process(command, candidates):
    """Candidates a second of the judge without HTTP."""
    output = subprocess.run(
        [*command, "--case", "groups", "--candidates", str(candidates), "--json"], check=True,
        capture_output=True, text=True).stdout
    record = next(record for record in map(json.loads, output.splitlines()) if record["case"] == "group")
    return candidates / record["seconds"]


def over_http(address, bodies, seconds):
    """Requests a second of as many clients as there are lists of bodies."""
    counts = [0] * len(bodies)
    end = time.perf_counter() + seconds

    def client(index):
        connection = http.client.HTTPConnection(address.hostname, address.port)
        for body in bodies[index] * 1000:
            if time.perf_counter() > end:
                return
            connection.request("POST", "/v1/edit-scores", body, {"Content-Type": "application/json"})
            reply = json.loads(connection.getresponse().read())
            if len(reply["scores"]) != reply["group"]["ok"]:
                raise SystemExit(f"clients: not all candidates have scores: {reply}")
            counts[index] += 1

    start = time.perf_counter()
    threads = [threading.Thread(target=client, args=(index,)) for index in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary", help="reward-server")
    parser.add_argument("--model", help="a model folder; the embedded judge when left out")
    parser.add_argument("--batch-tokens", type=int, action="append", help="of serve; several are measured one after another")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    model = ["--model", options.model] if options.model else []
    generator = numpy.random.default_rng(0)
    # Bodies are made beforehand: a client costs little more than its socket.
    bodies = [
        [
            json.dumps({
                "source": {"image": picture(generator)}, **QUESTION,
                "edits": [{"image": picture(generator)} for _ in range(options.candidates)],
            }).encode()
            for _ in range(40)
        ]
        for _ in range(options.clients)
    ]
    bench = [options.binary, "bench", *model]
    before = in_process(bench, options.candidates)
    for budget in options.batch_tokens or [None]:
        extra = [] if budget is None else ["--batch-tokens", str(budget)]
        # Bodies come again, so no cache may answer.
        caches = ["--image-cache", "0", "--prefix-cache", "0"]
        with server([options.binary, "serve", *model, *caches, *extra]) as address:
            over_http(address, bodies[:1], 1)
            one = options.candidates * over_http(address, bodies[:1], options.seconds / 2)
            several = options.candidates * over_http(address, bodies, options.seconds)
        own = in_process(bench, options.candidates)
        mean = (before + own) / 2
        name = "" if budget is None else f"--batch-tokens {budget}: "
        print(f"{name}in the process {mean:.0f} candidates/s; one client {one:.0f}, {one / mean:.0%} of it; "
              f"{options.clients} clients {several:.0f}, {several / mean:.0%} of it", flush=True)
        before = own


if __name__ == "__main__":
    main()
