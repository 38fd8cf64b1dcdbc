"""A model behind an address: answers, retries, refusals, and a key that stays out of everything that is written."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from labkit import LabError, cli
from labkit.evaluation.endpoint import KEY, Endpoint
from labkit.evaluation.generate import run_suite
from labkit.evaluation.suite import load
from labkit.files import read_strictly
from labkit.records import Message, RunRecord

SECRET = "test-key-7f3a"
Reply = tuple[int, bytes, dict[str, str]]


def says(text: object, finish: str = "stop", **more: object) -> Reply:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, json.dumps({"choices": [choice], "usage": {"completion_tokens": 7}, **more}).encode(), {}


class Server:
    """Answers by a list of replies (the last one again and again), and remembers what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[dict], Reply]] = [says("You have 45 days.")]
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        self.slow = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({"path": self.path, **body})
                outer.keys.append(self.headers.get("Authorization"))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                code, data, headers = reply(body) if callable(reply) else reply
                time.sleep(outer.slow)
                try:
                    self.send_response(code)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # the client did not wait

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"openai:http://127.0.0.1:{self.http.server_port}/v1#tiny"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(KEY, raising=False)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def suite(tmp_path) -> Path:
    cases = "\n".join(
        f"- {{id: c{i}, requirement: REQ-1, technique: MFT, given: 'May I keep it {i} days?', expect: [facts: [45 days]]}}"
        for i in range(3)
    )
    path = tmp_path / "suite.yaml"
    path.write_text(f"suite: small\nsystem: Be short\ncases:\n{cases}\n", encoding="utf-8")
    return path


def ask(server: Server, **settings) -> list[tuple[str, int, str]]:
    waits: list[float] = settings.pop("waits", [])
    endpoint = Endpoint(server.address, pause=waits.append, **settings)
    return endpoint.batch([endpoint.render([Message(role="user", content="How long?")])])


def test_an_answer_with_its_tokens_and_its_end(server):
    server.replies = [says(" 45 days.\n"), says("45 da", "length")]
    assert ask(server) == [("45 days.", 7, "stop")]
    assert ask(server) == [("45 da", 7, "length")]
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions" and asked["model"] == "tiny" and asked["temperature"] == 0
    assert asked["messages"] == [{"role": "user", "content": "How long?"}] and server.keys[0] is None


def test_what_a_model_refuses_is_its_answer(server):
    choice = {"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}
    server.replies = [(200, json.dumps({"choices": [choice]}).encode(), {})]
    assert ask(server) == [("I cannot.", 0, "stop")]


def test_half_a_character_reaches_no_file(server):
    server.replies = [(200, rb'{"choices": [{"message": {"content": "a\ud800b"}}]}', {})]
    assert ask(server) == [("a?b", 0, "stop")]


@pytest.mark.parametrize(
    ("code", "headers", "waits"),
    [(500, {}, [1.0]), (503, {"Retry-After": "3"}, [3.0]), (429, {"Retry-After": "999"}, [30.0])],
)
def test_a_server_in_trouble_is_asked_again(server, code, headers, waits):
    server.replies = [(code, b"later", headers), says("45 days")]
    slept: list[float] = []
    assert ask(server, waits=slept)[0][0] == "45 days"
    assert slept == waits and len(server.asked) == 2


def test_trouble_that_stays_ends_the_run(server):
    server.replies = [(500, b"broken", {})]
    slept: list[float] = []
    with pytest.raises(LabError, match=r"answered 500.*4 times in a row.*goes on"):
        ask(server, waits=slept)
    assert slept == [1.0, 2.0, 4.0] and len(server.asked) == 4


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((200, b"<!doctype html><p>Welcome", {}), "answered with HTML.*ends in /v1"),
        ((200, b'{"choices": [', {}), "answered with no JSON"),
        ((200, b"[" * 100_000, {}), "answered with no JSON"),
        ((200, b"", {}), "answered with no JSON"),
        ((200, b'{"error": {"message": "no such model"}}', {}), "answered without a text"),
        ((200, b'{"choices": []}', {}), "answered without a text"),
        ((200, b'{"choices": [{"message": {"content": 7}}]}', {}), "answered without a text"),
        ((200, b"[]", {}), "answered without a text"),
        ((401, b"who are you", {}), f"answered 401.*who are you.*Set {KEY}"),
        ((404, b"\x1b[31mnothing here", {}), "answered 404.*: nothing here. Check the address"),
        ((302, b"", {"Location": "http://127.0.0.1:9/v1"}), "answered 302"),
        ((200, b"x" * (9 << 20), {}), "longer than 8 MB"),
    ],
)
def test_what_is_no_answer_is_told_at_once(server, reply, said):
    server.replies = [reply]
    with pytest.raises(LabError, match=said) as error:
        ask(server)
    assert len(server.asked) == 1 and "\x1b" not in str(error.value)


def test_a_slow_server_is_given_up(server):
    server.slow = 0.5
    with pytest.raises(LabError, match=r"did not answer within 0.1 seconds, 2 times"):
        ask(server, timeout=0.1, attempts=2)


def test_a_server_that_is_not_there_is_not_tried_again(server):
    slept: list[float] = []
    endpoint = Endpoint("openai:http://127.0.0.1:9/v1#tiny", pause=slept.append)
    with pytest.raises(LabError, match="cannot be reached"):
        endpoint.batch(["[]"])
    assert not slept


@pytest.mark.parametrize(
    "address",
    ["openai:", "openai:http://host/v1", "openai:ftp://host/v1#m", "openai:http:///v1#m", "openai:http://host:x/v1#m",
     "openai:http://host/v1?key=1#m", "openai:http://ann:pw@host/v1#m", "openai:file:/etc/passwd#m"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(LabError, match=r"openai:http://host:port/v1#model-name|LAB_API_KEY"):
        Endpoint(address)


def test_a_key_does_not_travel_in_the_open(monkeypatch):
    monkeypatch.setenv(KEY, SECRET)
    with pytest.raises(LabError, match="is not encrypted"):
        Endpoint("openai:http://models.example/v1#m")
    Endpoint("openai:https://models.example/v1#m")
    monkeypatch.setenv(KEY, "a\nb")
    with pytest.raises(LabError, match="holds characters"):
        Endpoint("openai:https://models.example/v1#m")


def test_the_key_stays_out_of_everything_written(server, suite, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(KEY, SECRET)
    out = tmp_path / "runs" / "tiny.jsonl"
    assert cli.run(["run", "--model", server.address, "--suite", str(suite), "--out", str(out)]) == 0
    assert server.keys == [f"Bearer {SECRET}"] * 3
    server.replies = [(400, f"bad key {SECRET}".encode(), {})]
    assert cli.run(["run", "--model", server.address, "--suite", str(suite), "--out", str(tmp_path / "b.jsonl")]) == 2
    said = capsys.readouterr()
    assert "bad key [key]" in said.err
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2 and not any(SECRET in text for text in (*written, said.out, said.err))


def test_records_take_the_same_path_as_those_of_a_loaded_model(server, suite, tmp_path):
    cases = load(suite)
    out = run_suite(Endpoint(server.address), cases, tmp_path / "tiny.jsonl", "tiny")
    records = read_strictly(out, RunRecord)
    assert [r.case_id for r in records] == ["c0", "c1", "c2"]
    made_by = records[0].made_by
    assert (made_by["model"], made_by["suite"]) == ("endpoint:tiny", cases.sha256) and "adapter" not in made_by
    assert json.loads(records[0].prompt)[0] == {"role": "system", "content": "Be short"}
    again = run_suite(Endpoint(server.address), cases, tmp_path / "again.jsonl", "tiny")
    assert again.read_bytes() == out.read_bytes()


def test_an_interrupted_run_goes_on(server, suite, tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.evaluation.generate.BATCH", 1)
    server.replies = [says("45 days"), (400, b"stop", {}), says("45 days")]
    cases, out = load(suite), tmp_path / "tiny.jsonl"
    with pytest.raises(LabError, match="answered 400"):
        run_suite(Endpoint(server.address), cases, out, "tiny")
    assert not out.exists() and len(server.asked) == 2
    run_suite(Endpoint(server.address), cases, out, "tiny")
    assert len(server.asked) == 4 and len(read_strictly(out, RunRecord)) == 3


def test_likelihoods_are_not_to_be_had(server):
    with pytest.raises(LabError, match="prefers"):
        Endpoint(server.address).likelihoods([], ["a"])
