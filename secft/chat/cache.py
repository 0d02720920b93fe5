"""Replies that were given once are kept on disk and never asked for again.

One file per reply, named by the SHA-256 of everything that decides about it: who is asked (client, model, digest of
weights, parameters) and what (messages, schema, length). It is written beside its place and renamed into it, so that a
killed process leaves a whole entry or none, and several processes may share a directory. An entry that cannot be read,
or whose checksum is wrong, counts as absent, and that is told. Neither keys nor prompts are written.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from secft.chat.protocol import Reply, Request
from secft.errors import InputError
from secft.files import digest, storage_errors, write_text
from secft.log import warn

FORMAT = 1


def request_key(identity: Mapping[str, Any], request: Request) -> str:
    """Return the name of a request's entry; its purpose is no part of it, the longest reply is.

    Args:
        identity: what the client says about itself; holds the default length of replies.
        request: what is asked.
    """
    asked = {"messages": list(request.messages), "schema": request.schema, "max_tokens": request.max_tokens}
    return digest({"format": FORMAT, "identity": identity, "request": asked})


class ReplyCache:
    """A directory of replies."""

    def __init__(self, directory: Path, identity: Mapping[str, Any]) -> None:
        """Create the directory where needed: replies that cannot be kept are not to be asked for.

        Raises:
            InputError: a file stands in the way.
            StorageError: it cannot be created or written.
        """
        with storage_errors(directory):
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise InputError(f"{directory}: a file stands where the directory of replies should be.") from None
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._directory = directory
        self._identity = dict(identity)

    def key(self, request: Request) -> str:
        """Return the name of a request's entry."""
        return request_key(self._identity, request)

    def get(self, key: str) -> Reply | None:
        """Return a kept reply, marked as cached, or None."""
        path = self._path(key)
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            fields = entry["reply"]
            if entry["check"] == digest([key, fields]):
                return replace(Reply(**fields), cached=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass
        warn(f"{path} is damaged: it changed since it was written; the model is asked again")
        return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        fields = asdict(replace(reply, cached=False))
        entry = {"check": digest([key, fields]), "reply": fields}
        write_text(self._path(key), json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n")

    def _path(self, key: str) -> Path:
        return self._directory / key[:2] / f"{key}.json"
