"""The process that llama.cpp runs in: ``python -m secft.chat.llama_server``, started by secft.chat.llama_cpp.

It reads its settings as one JSON line from standard input, loads the GGUF file, listens on an ephemeral port of
127.0.0.1 behind a random key, writes ``{"port": ...}`` as one line to standard output, and ends as soon as standard
input closes or its parent is gone: whatever happens to the parent, nothing stays behind.

A process of its own, because a crash inside llama.cpp must end a request, not the run.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

QUIET = 1
"""llama.cpp's level of log that tells errors only."""

_PARENT_CHECK = 1.0


def _parameters(settings: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.n_parallel = settings["slots"]
    parameters.n_ctx = settings["context"] * settings["slots"]
    parameters.n_gpu_layers = settings["gpu_layers"]
    parameters.cpuparams.n_threads = settings["threads"]
    parameters.cpuparams_batch.n_threads = settings["threads"]
    parameters.cache_prompt = settings["cache_prompt"]
    parameters.cache_ram_mib = 0
    flash = xllamacpp.llama_flash_attn_type
    parameters.flash_attn_type = (
        flash.LLAMA_FLASH_ATTN_TYPE_AUTO if settings["flash_attention"] else flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    parameters.n_ctx_checkpoints = 0
    parameters.fit_params = False
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["key"]]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = QUIET
    return parameters


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK)
    os._exit(0)


def main() -> None:
    """Serve until standard input closes."""
    parent = os.getppid()
    settings = json.loads(sys.stdin.readline())
    answer = os.dup(1)
    os.dup2(2, 1)  # llama.cpp may write to standard output; only our own line goes to the parent
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    import xllamacpp

    server = xllamacpp.Server(_parameters(settings))
    os.write(answer, json.dumps({"port": urlsplit(server.listening_address).port}).encode() + b"\n")
    sys.stdin.read()
    os._exit(0)  # destructors of llama.cpp may wait for requests that nobody wants any more


if __name__ == "__main__":
    main()
