"""llama.cpp with the embedded SmolLM2: how fast is which arrangement, and does it give the same text always.

    python benchmarks/llm.py [--prompts 30] [--tokens 64]

Every arm answers the same requests twice, in order and shuffled: a passage of the CWE, a question and an answer wanted
as JSON by a grammar. "Other texts" counts the replies of both passes that differ from the reference: one process, one
slot, all threads, no prompt cache, in order, with or without flash attention as the arm has it. Other processes disturb
the tokens per CPU second least; these count the loading of the model, too.
The table goes to the screen and to benchmarks/results/llm.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import queue
import random
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from cwe_examples import cwe_examples  # noqa: E402

from secft.chat.chat_api import read_response, request_body  # noqa: E402
from secft.chat.llama_process import LlamaProcess  # noqa: E402
from secft.chat.protocol import Reply, Request  # noqa: E402
from secft.environment import cores, hardware  # noqa: E402
from secft.models.resolve import packaged_gguf  # noqa: E402

SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Arm:
    """One arrangement.

    Attributes:
        name: for the table.
        processes: of llama.cpp.
        slots: requests under way in each process.
        threads: of each process.
        cache: reuse the beginning of the slot's last prompt.
        flash: flash attention.
    """

    name: str
    processes: int
    slots: int
    threads: int
    cache: bool = False
    flash: bool = False


def arms(threads: int) -> list[Arm]:
    """Return the arrangements; the first one is the reference."""
    return [
        Arm(f"1 process, 1 slot, {threads} threads", 1, 1, threads),
        Arm(f"**{threads} processes, 1 slot, 1 thread each** (secft)", threads, 1, 1),
        Arm("1 process, 1 slot, prompt cache", 1, 1, threads, cache=True),
        Arm(f"{threads} processes, 4 slots, 1 thread each", threads, 4, 1),
        Arm(f"1 process, 8 slots, {threads} threads", 1, 8, threads),
        Arm(f"1 process, 1 slot, {threads} threads, flash attention", 1, 1, threads, flash=True),
        Arm(f"{threads} processes, 1 thread each, flash attention", threads, 1, 1, flash=True),
    ]


def requests(count: int, tokens: int) -> list[Request]:
    """Return what is asked."""
    system = "You write one question and its answer about a passage, as JSON."
    return [
        Request(
            (
                {"role": "system", "content": system},
                {"role": "user", "content": f"Passage: {row['messages'][1]['content'][:900]}"},
            ),
            SCHEMA,
            tokens,
        )
        for row in cwe_examples(count)
    ]


def measure(arm: Arm, asked: list[Request]) -> tuple[list[list[Reply]], float, float]:
    """Answer everything in order, then shuffled.

    Returns:
        The replies of both passes in the order of the requests; the seconds and the CPU seconds of both.
    """
    before = cpu_seconds()
    settings = {"path": str(packaged_gguf()), "slots": arm.slots, "context": 2048, "gpu_layers": 0}
    settings |= {"threads": arm.threads, "cache_prompt": arm.cache, "flash_attention": arm.flash}
    processes = [LlamaProcess(settings) for _ in range(arm.processes)]
    free: queue.SimpleQueue[LlamaProcess] = queue.SimpleQueue()
    for process in processes * arm.slots:
        free.put(process)

    def ask(number: int) -> Reply:
        process = free.get()
        parameters = {"model": "m", "temperature": 0, "seed": 7, "max_tokens": asked[number].max_tokens}
        body: dict[str, Any] = {**request_body(asked[number], parameters, "json_schema"), "cache_prompt": arm.cache}
        try:
            status, raw = process.post(body, 600)
        finally:
            free.put(process)
        assert status == 200, raw
        return read_response(raw, parameters)

    shuffled = list(range(len(asked)))
    random.Random(3).shuffle(shuffled)
    passes = []
    started = time.perf_counter()
    with ThreadPoolExecutor(arm.processes * arm.slots) as pool:
        for order in (list(range(len(asked))), shuffled):
            answered = dict(zip(order, pool.map(ask, order), strict=True))
            passes.append([answered[number] for number in range(len(asked))])
    seconds = time.perf_counter() - started
    for process in processes:
        process.close()
    return passes, seconds, cpu_seconds() - before


def cpu_seconds() -> float:
    """Return the CPU seconds of all processes that were started and have ended."""
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=64, help="longest reply")
    options = parser.parse_args()
    asked = requests(options.prompts, options.tokens)
    rows: list[str] = []
    reference: dict[bool, list[str]] = {}
    busy = os.getloadavg()[1]
    for arm in arms(cores()):
        passes, seconds, cpu = measure(arm, asked)
        replies = [reply for one in passes for reply in one]
        known = reference.setdefault(arm.flash, [reply.text for reply in passes[0]])
        others = sum(reply.text != expected for one in passes for reply, expected in zip(one, known, strict=True))
        said = sum(reply.completion_tokens for reply in replies)
        read = sum(reply.prompt_tokens for reply in replies)
        speed = f"{said / seconds:.0f} | {read / seconds:.0f} | {said / cpu:.0f}"
        rows.append(f"| {arm.name} | {speed} | {others} of {len(replies)} |")
        print(rows[-1], flush=True)
    machine = hardware()
    lines = [
        f"`python benchmarks/llm.py --prompts {options.prompts} --tokens {options.tokens}`, {machine['processor']}, "
        f"{machine['cores']} cores, Python {platform.python_version()}; SmolLM2-135M-Instruct Q4_1, temperature 0. "
        f"Load average of the machine before: {busy:.1f}.",
        "",
        "| arrangement | reply tokens/s | prompt tokens/s | reply tokens per CPU second | other texts |",
        "|---|---|---|---|---|",
        *rows,
    ]
    (HERE / "results" / "llm.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
