"""A model behind an OpenAI-compatible address as the model under test, so that a team can judge what it did not train.

Only the standard library, only when somebody names such an address, and never with more than the prompts: ``labkit run
--model openai:http://host:port/v1#model-name``. A key is read from the environment variable ``LAB_API_KEY``; it goes into
one header and into no record, message or file. Redirects are not followed, because they would take the key along.
"""

from __future__ import annotations

import email.message
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from labkit import LabError, __version__
from labkit.printable import plain
from labkit.records import Likelihood, Message

PREFIX = "openai:"
KEY = "LAB_API_KEY"
LARGEST = 8 * 1024 * 1024  # bytes of one reply
_LONGEST_WAIT = 30.0  # seconds that a server may ask us to wait
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Again(Exception):
    """Worth another attempt: too many requests, a server in trouble, or no answer in time."""

    def __init__(self, what: str, wait: float | None = None):
        self.what, self.wait = what, wait
        super().__init__(what)


class Endpoint:
    """Answers prompts through ``POST .../chat/completions``; takes the place of a loaded model in ``run_suite``.

    The prompt of a record is the list of messages as JSON: the template is the endpoint's own and unknown here.

    Args:
        address: ``openai:http://host:port/v1#model-name``.
        max_new_tokens: asked of the endpoint; an answer cut there has ``finish`` "length".
        timeout: seconds for one answer.
        attempts: how often a prompt is sent before the run stops; it can be resumed.
        pause: sleeps between attempts; another one for tests.

    Raises:
        LabError: the address is none, or the key would travel unencrypted.
    """

    def __init__(
        self,
        address: str,
        max_new_tokens: int = 64,
        timeout: float = 60.0,
        attempts: int = 4,
        pause: Callable[[float], object] = time.sleep,
    ):
        self.url, self.name = _parts(address)
        self._key = os.environ.get(KEY, "").strip()
        host = urlsplit(self.url).hostname
        if self._key and self.url.startswith("http:") and host not in _LOCAL:
            raise LabError(self.url, f"is not encrypted, and {KEY} is set", f"use https, or unset {KEY}")
        if not self._key.isascii() or not self._key.isprintable():
            raise LabError(KEY, "holds characters that no key has", "set it again")
        self.max_new_tokens, self._timeout, self._attempts, self._pause = max_new_tokens, timeout, attempts, pause
        self._opener = urllib.request.build_opener(_NoRedirects)
        self.made_by = {
            "model": f"endpoint:{self.name}",
            "template": "the endpoint's own",
            "endpoint": self.url,
            "decoding": f"temperature 0, {max_new_tokens} new tokens, one by one",
            "labkit": __version__,
        }

    def render(self, messages: Sequence[Message]) -> str:
        """The messages as JSON."""
        return json.dumps([m.model_dump() for m in messages], ensure_ascii=False)

    def batch(self, prompts: Sequence[str]) -> list[tuple[str, int, str]]:
        """Answer rendered prompts one by one; for each: text, number of new tokens (0 where untold), 'stop' or 'length'.

        Raises:
            LabError: the endpoint refuses, gives no usable answer, or does not come back after all attempts.
        """
        return [self._answer(json.loads(prompt)) for prompt in prompts]

    def likelihoods(self, messages: Sequence[Message], texts: Sequence[str]) -> list[Likelihood]:
        """Not to be had.

        Raises:
            LabError: always.
        """
        raise LabError(self.name, "gives no likelihoods of texts", "take the cases with 'prefers' out of the suite")

    def _answer(self, messages: list[dict[str, str]]) -> tuple[str, int, str]:
        asked = {
            "model": self.name,
            "messages": messages,
            "max_tokens": self.max_new_tokens,
            "temperature": 0,
            "stream": False,
        }
        body = json.dumps(asked).encode()
        last, wait = "", None
        for attempt in range(self._attempts):
            if attempt:
                self._pause(wait if wait is not None else min(_LONGEST_WAIT, 2.0 ** (attempt - 1)))
            try:
                return self._read(self._send(body))
            except _Again as again:
                last, wait = again.what, again.wait
        mend = "look after the server; the same command goes on after the last finished batch"
        raise LabError(self.url, f"{last}, {self._attempts} times in a row", mend)

    def _send(self, body: bytes) -> bytes:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"labkit/{__version__}",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(f"{self.url}/chat/completions", body, headers, method="POST")
        until = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as reply:
                return _whole(reply, until)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from error
        except TimeoutError as error:
            raise _Again(f"did not answer within {self._timeout:g} seconds") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _Again(f"did not answer within {self._timeout:g} seconds") from error
            raise LabError(
                self.url, f"cannot be reached ({error.reason})", "check the address and the server"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise LabError(
                self.url, f"broke off ({self._safe(str(error))})", "check the address and the server"
            ) from error

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        said = f"answered {error.code} {self._safe(error.reason)}"
        if error.code == 429 or error.code >= 500:
            return _Again(said, _wait(error.headers))
        try:
            detail = self._safe(error.read(4096).decode("utf-8", "replace"))
        except (OSError, HTTPException):
            detail = ""
        mend = {
            401: f"set {KEY}",
            403: f"set {KEY}",
            404: "check the address (it often ends in /v1) and the model's name",
        }
        return LabError(
            self.url, said + (f": {detail}" if detail else ""), mend.get(error.code, "mend what the server names")
        )

    def _read(self, data: bytes) -> tuple[str, int, str]:
        try:
            reply = json.loads(data)
        except (ValueError, RecursionError) as error:
            what = (
                "HTML" if data.lstrip()[:1] == b"<" else f"no JSON ({self._safe(data[:80].decode('utf-8', 'replace'))})"
            )
            raise LabError(self.url, f"answered with {what}", "check the address; it often ends in /v1") from error
        try:
            choice = reply["choices"][0]
            text = choice["message"]["content"]
            text = choice["message"].get("refusal") if text is None else text
            if not isinstance(text, str):
                raise TypeError
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise LabError(self.url, "answered without a text", "check that it speaks chat completions") from error
        usage = reply.get("usage")
        count = usage.get("completion_tokens") if isinstance(usage, dict) else 0
        told = count if isinstance(count, int) and count >= 0 else 0
        clean = text.encode("utf-8", "replace").decode()  # a lone surrogate can be in JSON, but in no file
        return clean.strip(), told, "length" if choice.get("finish_reason") == "length" else "stop"

    def _safe(self, text: str) -> str:
        """What a server said, on one line, cut, and without the key should it repeat it."""
        line = plain(text.replace(self._key, "[key]") if self._key else text).strip()
        return line if len(line) <= 200 else line[:200] + "..."


def _parts(address: str) -> tuple[str, str]:
    """The base address and the model's name."""
    mend = f"write {PREFIX}http://host:port/v1#model-name"
    try:
        parts = urlsplit(address.removeprefix(PREFIX))
        port_fits = parts.port is None or parts.port > 0
    except ValueError as error:
        raise LabError("the address of the endpoint", f"is none ({error})", mend) from error
    if parts.username or parts.password:
        raise LabError("the address of the endpoint", "holds a user or a password", f"give the key in {KEY}")
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not parts.fragment
        or parts.query
        or not port_fits
    ):
        raise LabError(plain(address), "is no address of a model", mend)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), parts.fragment


def _whole(reply: HTTPResponse, until: float) -> bytes:
    """The reply's body, unless it is endless or comes too slowly."""
    parts: list[bytes] = []
    size = 0
    while part := reply.read1(65536):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise ValueError(f"the reply is longer than {LARGEST >> 20} MB")
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _wait(headers: email.message.Message | None) -> float | None:
    """What Retry-After asks for in seconds, within reason."""
    told = headers.get("Retry-After", "") if headers else ""
    return min(_LONGEST_WAIT, float(told)) if told.isdigit() else None
