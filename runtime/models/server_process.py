"""The child process that serves a GGUF model on loopback: `python -m culturepark.runtime.models.server_process`.

It ends at the end of its standard input, so it does not outlive a parent that was killed.
"""

import argparse
import json
import sys

import xllamacpp


def main() -> None:
    """Load the weights, print `{"url": …}` when ready, and serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens a slot")
    parser.add_argument("--threads", type=int, required=True)
    chosen = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = chosen.path
    params.n_parallel = chosen.slots
    params.n_ctx = chosen.slots * chosen.context  # shared by all slots
    params.cpuparams.n_threads = chosen.threads
    params.cpuparams_batch.n_threads = chosen.threads
    params.cache_ram_mib = 0  # 8 GiB by default; the slots' own caches are what a talk needs
    params.port = 0
    server = xllamacpp.Server(params)
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
