"""Skywork-OR1's rule for programs: the last Python block must pass every test; reward.py reads it.

A model's program runs in a sandbox service and nowhere else. Without one, a program in the subset
of harness.rewards.program is computed without being executed, which is enough for golden cases.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import DataError
from harness.rewards.program import ProgramRefused, final_value, parse

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
HEADER = "import math\n"
"""Of upstream's list of imports, what the interpreter knows."""
TEST_TIMEOUT_S = {"assert_case": 2, "import_prefix": 2, "inputs": 6}
"""Time limit of one test, by the field that tells what kind of tests a problem has."""
PASSED = "every_test_was_reached"


def program_in(text: str) -> str | None:
    """The last block that is fenced as python, if Python can parse it."""
    blocks = BLOCK.findall(text)
    if not blocks:
        return None
    try:
        ast.parse(blocks[-1])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return str(blocks[-1])


def kind_of(tests: Mapping[str, Any]) -> str:
    """The field that tells what kind of tests a problem has.

    Raises:
        DataError: it has none of them.
    """
    for kind in TEST_TIMEOUT_S:
        if tests.get(kind):
            return kind
    raise DataError(
        f"a code problem's ground truth has the fields {', '.join(tests)}; it needs one of "
        f"{', '.join(TEST_TIMEOUT_S)}"
    )


def endings(tests: Mapping[str, Any]) -> list[str]:
    """What is put behind a program, one text a test; each has a run of its own."""
    if kind_of(tests) == "assert_case":
        return [str(case) for case in tests["assert_case"]]
    # Upstream calls the checker once for each line that asserts.
    lines = str(tests["test_code"]).splitlines()
    head = [line for line in lines if not line.lstrip().startswith("assert")]
    checks = [line for line in lines if line.lstrip().startswith("assert")]
    call = f"check({tests['entry_point']})"
    return ["\n".join([*head, check, call]) for check in checks]


def interpreted(program: str, tests: Mapping[str, Any]) -> bool:
    """Does a program of the interpreted subset pass every test?

    Raises:
        DataError: the tests feed programs through standard input, which needs a sandbox.
    """
    if kind_of(tests) == "inputs":
        raise DataError(
            "this problem's tests feed a program through its standard input, which needs a "
            "sandbox: choose reward=skywork_or1_sandbox"
        )
    return all(survives(program, ending) for ending in endings(tests))


def survives(program: str, ending: str) -> bool:
    """Does a process that runs both end with exit code 0? It may do so early, as upstream."""
    try:
        before, code = until_exit(program)
        source = "\n".join(
            [HEADER, before, *([ending] if code is None else []), f"{PASSED} = True"]
        )
        final_value(source, PASSED)
    except ProgramRefused:
        return False
    return not code


def until_exit(program: str) -> tuple[str, int | None]:
    """What stands before a `raise SystemExit(n)` of its own, and n; else all, and None."""
    for statement in parse(program).body:
        if isinstance(statement, ast.Raise) and isinstance(call := statement.exc, ast.Call):
            name, arguments = call.func, call.args
            if isinstance(name, ast.Name) and name.id == "SystemExit" and len(arguments) < 2:
                lines = program.splitlines()[: statement.lineno - 1]
                return "\n".join(lines), exit_code(arguments)
    return program, None


def exit_code(arguments: list[ast.expr]) -> int:
    """What the process says: nothing given is success, anything but a number failure."""
    if not arguments:
        return 0
    value = arguments[0].value if isinstance(arguments[0], ast.Constant) else 1
    return value if isinstance(value, int) else int(value is not None)


def sandboxed(program: str, tests: Mapping[str, Any], url: str) -> bool:
    """Does a program pass every test in a sandbox service (SandboxFusion's interface, by verl)?

    Raises:
        RuntimeError: the service does not answer as it should; nothing was judged then.
    """
    from verl.utils.reward_score.sandbox_fusion.utils import check_correctness

    kind = kind_of(tests)
    outcomes, details = check_correctness(
        url, cases(tests), f"{tests.get('import_prefix', '')}\n{program}", TEST_TIMEOUT_S[kind]
    )
    if broken := [d for o, d in zip(outcomes, details, strict=True) if o == -1]:
        raise RuntimeError(f"the sandbox at {url} judged nothing: {broken[0]}")
    return bool(outcomes) and all(outcome is True for outcome in outcomes)


def cases(tests: Mapping[str, Any]) -> dict[str, Any]:
    """The tests as verl's sandbox client takes them."""
    if kind_of(tests) == "inputs":
        return {key: tests[key] for key in ("inputs", "outputs", "fn_name") if tests.get(key)}
    after = endings(tests)
    return {"inputs": [""] * len(after), "outputs": [None] * len(after), "assert_case": after}
