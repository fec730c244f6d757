"""The child process that serves a GGUF model on loopback: `python -m culturepark.runtime.models.server_process`.

It ends at the end of its standard input, so it does not outlive a parent that was killed.
"""

import argparse
import json
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Load the weights, print `{"url": …}` when ready, and serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens a slot")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--adapter", help="LoRA as GGUF, active in every request")
    chosen = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = chosen.path
    if chosen.adapter:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(chosen.adapter, 1.0)]
    params.n_parallel = chosen.slots
    params.n_ctx = chosen.slots * chosen.context  # shared by all slots
    params.cpuparams.n_threads = chosen.threads
    params.cpuparams_batch.n_threads = chosen.threads
    params.cache_ram_mib = 0  # 8 GiB by default; the slots' own caches are what a talk needs
    params.model_alias = {Path(chosen.path).stem}  # else every reply names the path on this machine
    # Other programs and open web pages can reach a loopback port: no page, no view of what the slots hold, and
    # no web page may read an answer.
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = "http://127.0.0.1"
    params.cors_origins_explicit = True
    params.verbosity = 1  # errors only: the log lives as long as the server
    params.port = 0
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)  # it has logged the reason
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
