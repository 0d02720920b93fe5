"""Start, watch and end one process of secft.chat.llama_server, and post requests to it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from secft.chat.errors import AccessError, NoConnectionError, TimedOutError
from secft.records import Message
from secft.threads import wait_gently

MOST_BYTES = 16 << 20

_LOADING_SECONDS = 900.0
_ENDING_SECONDS = 5.0
_LOG_LINES = 4


class LlamaProcess:
    """One llama.cpp with one GGUF file, in a process of its own that ends with this one."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._path = Path(str(settings["path"]))
        self._beginning: tuple[Message, ...] | None = None
        self._key = secrets.token_hex(16)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        environment = {**os.environ, "PYTHONPATH": _python_path()}
        wait_gently(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "secft.chat.llama_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C of the terminal is for us; we end it
        )
        try:
            self._send_settings({**settings, "key": self._key})
            self._port = self._read_port()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def post(self, body: Mapping[str, Any], timeout: float) -> tuple[int, bytes]:
        """Ask for one chat completion.

        Returns:
            Status of HTTP and the body.

        Raises:
            TimedOutError: no answer in time; llama.cpp drops the request.
            NoConnectionError: the process ended, or the connection broke.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
            response = connection.getresponse()
            return response.status, response.read(MOST_BYTES)
        except TimeoutError:
            raise TimedOutError("time-out", f"no answer of llama.cpp in {timeout:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoConnectionError("llama.cpp ended", self.last_words() or str(error)) from None
        finally:
            connection.close()

    def read_beginning(self, turns: tuple[Message, ...], timeout: float) -> None:
        """Let llama.cpp read the turns that the next request begins with, unless it has just done so.

        llama.cpp keeps of a slot what the next prompt has in common with the last one. That would depend on what was
        asked before; a short message behind the turns sets the end of what is kept, whatever came in between. Other
        turns are read from their first token on.

        Args:
            turns: all turns before the last one.
            timeout: seconds.

        Raises:
            TimedOutError, NoConnectionError: see post.
        """
        short: Message = {"role": "user", "content": "."}
        messages = [dict(turn) for turn in (*turns, short)]
        same, self._beginning = self._beginning == turns, None
        status, _ = self.post({"messages": messages, "max_tokens": 0, "cache_prompt": same}, timeout)
        # What it says against these turns it says against the request, too.
        self._beginning = turns if status == 200 else None

    def last_words(self) -> str:
        """Return how it ended and the last lines of its log; empty while it runs."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=1.0)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return "; ".join([how, *self._log_lines()])
        return ""

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(timeout=_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()
            self._log.close()

    def _send_settings(self, settings: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended already; reading its port will tell
            self._process.stdin.write(json.dumps(settings).encode() + b"\n")
            self._process.stdin.flush()

    def _read_port(self) -> int:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _LOADING_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise AccessError("llama.cpp cannot load the model", f"{self._path}: {self.last_words() or 'no answer'}")
        return int(json.loads(line)["port"])

    def _log_lines(self) -> list[str]:
        self._log.seek(0)
        text = self._log.read().decode(errors="replace")
        return [line.strip()[:200] for line in text.splitlines() if line.strip()][-_LOG_LINES:]


def _python_path() -> str:
    """Let the child find this very package, wherever the current directory is."""
    here = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH", "")
    return f"{here}{os.pathsep}{others}" if others else here
