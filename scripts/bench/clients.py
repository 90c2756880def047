"""Groups of 12 from several clients at once against a running reward-server: rate, and how busy the model was.

Busy is what the server itself timed (vision, prefill, head) divided by the time on the clock: what is missing
from 100 % is the cost of HTTP and of the clients, which share the machine. Pictures differ in every request, so that no
cache answers. Needs numpy. Run: python scripts/bench/clients.py URL [--clients 8] [--seconds 10]
"""

import argparse
import base64
import http.client
import json
import struct
import threading
import time
import urllib.parse
import zlib

import numpy


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    address = urllib.parse.urlsplit(options.url)
    generator = numpy.random.default_rng(0)
    # Bodies are made beforehand: a client costs little more than its sockets.
    bodies = [
        [
            json.dumps({
                "source": {"image": picture(generator)}, "instruction": "make the circle red",
                "edits": [{"image": picture(generator)} for _ in range(options.candidates)],
            }).encode()
            for _ in range(40)
        ]
        for _ in range(options.clients)
    ]
    replies, lock = [], threading.Lock()

    def client(own, end):
        for body in own * 1000:
            if time.perf_counter() > end:
                return
            connection = http.client.HTTPConnection(address.hostname, address.port)
            connection.request("POST", "/v1/edit-scores", body, {"Content-Type": "application/json"})
            reply = json.loads(connection.getresponse().read())
            with lock:
                replies.append(reply["timings"])

    for name, count, length in [("warm-up", 1, 1.0), ("one client", 1, options.seconds / 2),
                                (f"{options.clients} clients", options.clients, options.seconds)]:
        replies.clear()
        start = time.perf_counter()
        threads = [threading.Thread(target=client, args=(bodies[i], start + length)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        passed = time.perf_counter() - start
        model = sum(reply[key] for reply in replies for key in ("vision_ms", "prefill_ms", "head_ms")) / 1_000
        rate = len(replies) * options.candidates / passed
        print(f"{name}: {rate:.0f} candidates/s, model busy {model / passed:.0%} of the time, "
              f"{1_000 * model / max(1, len(replies)):.2f} ms of it a group")


if __name__ == "__main__":
    main()
