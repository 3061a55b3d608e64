"""Skywork-OR1: which rows it keeps, what a program must do, and its chain."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from harness.chain import legs
from harness.errors import DataError
from harness.rewards import Sample
from harness.spec import RLAlgorithm
from reproductions.skywork_or1.code import endings, interpreted, kind_of
from reproductions.skywork_or1.reward import decoded, math_or_code, needs_sandbox
from tests.composing import spec_of

SUM = "```python\ndef add(a, b):\n    return a + b\n```"
ASSERTS = {"assert_case": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"]}
STDIN = {"inputs": ["1 2\n", "4 5\n"], "outputs": ["3", "9"]}


def test_golds_and_tests_are_json_text_and_intervals_are_not() -> None:
    assert decoded({"answer": '["3", "4"]'}) == ["3", "4"]
    assert decoded(json.dumps(ASSERTS)) == ASSERTS
    assert decoded("[0, 5]") == "[0, 5]" and decoded("{1, 2}") == "{1, 2}"


def test_code_rows_are_left_out_without_a_sandbox() -> None:
    assert needs_sandbox({"answer": '["3"]'}) is None
    assert "reward=skywork_or1_sandbox" in str(needs_sandbox({"answer": json.dumps(STDIN)}))
    assert spec_of("+repro=skywork_or1").reward.check is not None


def test_a_checker_runs_once_for_each_assertion() -> None:
    checker = (
        "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(0, 0) == 0"
    )
    after = endings({"import_prefix": "import math\n", "test_code": checker, "entry_point": "add"})
    assert [text.count("assert") for text in after] == [1, 1]
    assert all(text.endswith("check(add)") for text in after)


def test_tests_of_another_kind_are_refused() -> None:
    with pytest.raises(DataError, match="assert_case, import_prefix, inputs"):
        kind_of({"unit_tests": "..."})
    with pytest.raises(DataError, match="sandbox"):
        interpreted("print(3)", STDIN)


def test_the_chain_and_its_controller() -> None:
    spec = spec_of("+repro=skywork_or1", "hardware=16xH100")
    stages = [(leg.spec.data.max_response_tokens, leg.spec.schedule.steps) for leg in legs(spec)]
    assert stages == [(8192, 740), (16384, 1000), (32768, 420)]
    assert isinstance(spec.algorithm, RLAlgorithm) and spec.algorithm.adaptive_entropy
    assert spec.algorithm.adaptive_entropy.max_coef == 0.005
    assert spec.algorithm.drop_groups == "reward"
    assert spec.data.keep["failures"] == list(range(1, 16))


class Sandbox(BaseHTTPRequestHandler):
    """SandboxFusion's /run_code for the programs of these tests."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        done = subprocess.run(
            [sys.executable, "-c", asked["code"]], input=asked["stdin"] or "",
            capture_output=True, text=True, timeout=10,
        )  # fmt: skip
        status = "Success" if done.returncode == 0 else "Failed"
        result = {"status": "Finished", "return_code": done.returncode, "stdout": done.stdout,
                  "stderr": done.stderr}  # fmt: skip
        answer = json.dumps({"status": status, "run_result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def sandbox() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Sandbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/run_code"
    server.shutdown()
    server.server_close()


@pytest.mark.slow  # the client is verl's, whose import takes seconds
@pytest.mark.parametrize(
    ("response", "tests", "value"),
    [
        (SUM, ASSERTS, 1.0),
        (SUM.replace("+", "-"), ASSERTS, 0.0),
        ("```python\nimport sys\nprint(sum(map(int, sys.stdin.read().split())))\n```", STDIN, 1.0),
        ("```python\nprint(3)\n```", STDIN, 0.0),
    ],
)
def test_programs_run_in_the_sandbox(
    sandbox: str, response: str, tests: dict[str, Any], value: float
) -> None:
    sample = Sample(prompt="", response=response, ground_truth={"answer": json.dumps(tests)})
    assert math_or_code(sample, sandbox_url=sandbox).value == value


@pytest.mark.slow
def test_a_sandbox_that_does_not_answer_is_no_verdict() -> None:
    sample = Sample(prompt="", response=SUM, ground_truth=ASSERTS)
    with pytest.raises(RuntimeError, match="judged nothing"):
        math_or_code(sample, sandbox_url="http://127.0.0.1:9/run_code")
