"""Where problems are found, in which order, and what is said about every bad or missing source."""

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evals.benchmarks import cards, load_problems, remote
from evals.benchmarks.problems import content_sha256, parse, row_digest
from harness.errors import DataError

ROWS = [
    {"id": f"toy-{n:04d}", "problem": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(3)
]
UPSTREAM = [{"question": f" What is {n} + {n}?\n", "gold": [f"0{2 * n}.0"]} for n in range(3)]


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


Toy = Callable[..., cards.BenchmarkCard]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """Makes a card called toy, pinned to ROWS; cache and environment are the test's own."""
    monkeypatch.setattr(cards, "FOLDER", tmp_path / "cards")
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REPRISE_BENCHMARKS", raising=False)
    (tmp_path / "cards").mkdir()

    def make(**changes: Any) -> cards.BenchmarkCard:
        source = {
            "kind": "remote",
            "repo": "someone/project",
            "commit": "0123456789ab",
            "path": "data/toy.jsonl",
            "sha256": hashlib.sha256(jsonl(UPSTREAM)).hexdigest(),
            "format": "jsonl",
            "columns": {"problem": "question", "answer": "gold"},
            "answer": ["first", "integer"],
        }
        content: dict[str, Any] = {
            "title": "Toy",
            "task": "math",
            "rows": 3,
            "truth": ["answer"],
            "source": source,
            "content_sha256": None,
            "samples_per_problem": 1,
            "licence": "none",
        }
        plain = cards.BenchmarkCard(name="toy", **content)
        problems = parse(jsonl(ROWS), plain, "ROWS")
        content["content_sha256"] = content_sha256(problems)
        content["row_digests"] = " ".join(row_digest(problem) for problem in problems)
        path = tmp_path / "cards" / "toy.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        cards.describe.cache_clear()
        return cards.describe("toy")

    yield make
    cards.describe.cache_clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A web server on loopback in GitHub's place; the test fills in what it serves."""
    served: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{running.server_port}/{{repo}}/{{commit}}/{{path}}"
        monkeypatch.setattr(remote, "URL", address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield served
        running.shutdown()
        thread.join()


PATH = "/someone/project/0123456789ab/data/toy.jsonl"


def given(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "toy.jsonl").write_bytes(content)
    return folder


def test_every_source_gives_the_same_problems(
    toy: Toy, server: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy()
    server[PATH] = jsonl(UPSTREAM)
    fetched = load_problems("toy")
    assert fetched.origin == "someone/project@0123456789ab:data/toy.jsonl"
    server.clear()
    cached = load_problems("toy")
    assert cached.origin == str(tmp_path / "cache" / "benchmarks" / "toy.jsonl")
    folder = given(tmp_path / "mine", jsonl([{**row, "level": 5} for row in ROWS]))
    own = load_problems("toy", folder)
    monkeypatch.setenv("REPRISE_BENCHMARKS", str(folder))
    assert load_problems("toy") == own
    assert own.origin == str(folder / "toy.jsonl")
    assert fetched.problems == cached.problems == own.problems
    assert fetched.sha256 == cached.sha256 == own.sha256
    assert [p.truth for p in own.problems] == [{"answer": "0"}, {"answer": "2"}, {"answer": "4"}]
    assert own.pinned


def test_a_benchmark_that_is_not_in_the_folder_comes_from_the_next_source(
    toy: Toy, server: dict[str, bytes], tmp_path: Path
) -> None:
    toy()
    server[PATH] = jsonl(UPSTREAM)
    assert load_problems("toy", tmp_path).origin.startswith("someone/project")


def test_a_card_without_a_digest_is_not_pinned(toy: Toy, tmp_path: Path) -> None:
    toy(content_sha256=None)
    assert not load_problems("toy", given(tmp_path / "mine", jsonl(ROWS[:2]))).pinned


def test_a_missing_folder_is_a_mistake(toy: Toy, tmp_path: Path) -> None:
    toy()
    with pytest.raises(DataError, match=r"no such folder of benchmarks; eval\.folder or REPRISE"):
        load_problems("toy", tmp_path / "typo")


def test_without_any_source_the_error_names_three_ways(
    toy: Toy, server: dict[str, bytes], tmp_path: Path
) -> None:
    toy()
    with pytest.raises(DataError) as caught:
        load_problems("toy")
    text = str(caught.value)
    assert "benchmark toy (someone/project@0123456789ab:data/toy.jsonl)" in text and "404" in text
    assert "eval.folder=FOLDER (or REPRISE_BENCHMARKS) with toy.jsonl" in text
    assert str(tmp_path / "cache" / "benchmarks" / "toy.jsonl") in text
    assert "access to the network" in text


def test_a_benchmark_that_must_not_be_fetched(toy: Toy) -> None:
    toy(source=None)
    with pytest.raises(DataError, match=r"toy \(given by you\) is not here: it has no source"):
        load_problems("toy")


def test_nothing_listens(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy()
    monkeypatch.setattr(remote, "URL", "http://127.0.0.1:9/{path}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError, match=r"toy .* is not here: http://127.*refused.*Three ways"):
        load_problems("toy")


def test_a_changed_upstream_file_is_refused_before_it_is_parsed(
    toy: Toy, server: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy()
    server[PATH] = jsonl(UPSTREAM)[:-1]
    monkeypatch.setattr(remote, "rows_of", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(DataError, match=r"has sha256 \w{64}, pinned is .* bytes received"):
        load_problems("toy")
    assert not (tmp_path / "cache").exists()


def test_a_card_that_does_not_fit_its_file(toy: Toy, server: dict[str, bytes]) -> None:
    card = toy()
    assert isinstance(card.source, cards.RemoteSource)
    toy(source=card.source.model_dump() | {"answer": ["last_box"]})
    server[PATH] = jsonl(UPSTREAM)
    with pytest.raises(DataError, match=r"row 1: toy\.yaml does not fit the file"):
        load_problems("toy")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (jsonl(ROWS)[:-20], r"toy\.jsonl:3: is damaged or cut off"),
        (jsonl([ROWS[0], ROWS[1], ROWS[1]]), r"toy\.jsonl:3: the id toy-0001 is there twice"),
        (jsonl(ROWS[:1]) + b"[1]\n", r"toy\.jsonl:2: is not a JSON object"),
        (jsonl(ROWS[:1]) + b'{"id": "\xff"}\n', r"toy\.jsonl:2: is damaged"),
        (jsonl([ROWS[0], {"id": "x", "problem": "p"}]), r"toy\.jsonl:2: no value for answer"),
        (jsonl([{**ROWS[0], "answer": ""}]), r"toy\.jsonl:1: no value for answer"),
        (jsonl(ROWS[:2]), r"2 problems instead of 3 \(content"),
        (jsonl([ROWS[0], ROWS[2]]), r"2 problems instead of 3; the first .* is number 2, toy-0002"),
        (
            jsonl([ROWS[0], {**ROWS[1], "answer": "5"}, ROWS[2]]),
            r"is not the benchmark toy .*: the first that differs is number 2, toy-0001 \(content",
        ),
        (jsonl([*ROWS, {**ROWS[0], "id": "z"}]), r"4 problems instead of 3 \(content"),
        (b"", r"0 problems instead of 3"),
    ],
)
def test_a_file_that_is_not_the_benchmark_is_refused(
    content: bytes, message: str, toy: Toy, tmp_path: Path
) -> None:
    toy()
    with pytest.raises(DataError, match=message):
        load_problems("toy", given(tmp_path / "mine", content))


def test_an_unwritable_cache_says_what_to_set(
    toy: Toy, server: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy()
    server[PATH] = jsonl(UPSTREAM)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRISE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written .*; set REPRISE_CACHE"):
        load_problems("toy")
