"""One grader behind a pipe, to be run and killed by bench/grading.py; JSON lines in and out.

Each grader gets a bare answer in the form that it reads: most a box, lm-eval's the sentence or the
dollars that its prompts ask for, the others their own mark.
"""

import json
import os
import sys
import time
from collections.abc import Callable

Grade = Callable[[str, str], bool]
"""(gold, response) -> accepted."""

BOX = "\\boxed{%s}"
FORMS = {
    "lm-eval minerva": "Final Answer: The final answer is %s. I hope it is correct.",
    "minerva": "Final Answer: The final answer is %s. I hope it is correct.",
    "lm-eval hendrycks": "$%s$",
    "dapo": "Answer: %s",
    "gsm8k_strict": "#### %s",
}
"""How a bare answer is put before a grader that does not read boxes."""


def math_verify() -> Grade:
    from math_verify import parse, verify

    return lambda gold, response: verify(parse(f"\\boxed{{{gold}}}"), parse(response))


def verl_math_verify() -> Grade:
    from verl.utils.reward_score.math_verify import compute_score

    return lambda gold, response: compute_score(response, gold) > 0


def verl_math_reward() -> Grade:
    from verl.utils.reward_score.math_reward import compute_score

    return lambda gold, response: compute_score(response, gold) > 0


def verl_prime_math() -> Grade:
    from verl.utils.reward_score.prime_math import compute_score

    return lambda gold, response: bool(compute_score(response, gold)[0])


def lm_eval_minerva() -> Grade:
    from lm_eval.tasks.minerva_math import utils

    def accepted(gold: str, response: str) -> bool:
        given = utils.normalize_final_answer(utils.get_unnormalized_answer(response))
        return utils.is_equiv(given, utils.normalize_final_answer(gold))

    return accepted


def lm_eval_hendrycks() -> Grade:
    from lm_eval.tasks.hendrycks_math.utils import process_results

    def accepted(gold: str, response: str) -> bool:
        doc = {"solution": f"\\boxed{{{gold}}}"}
        return process_results(doc, [response])["exact_match"] == 1

    return accepted


PEERS = {
    "math-verify": math_verify,
    "verl math_verify": verl_math_verify,
    "verl math_reward": verl_math_reward,
    "verl prime_math": verl_prime_math,
    "lm-eval minerva": lm_eval_minerva,
    "lm-eval hendrycks": lm_eval_hendrycks,
}


def house(name: str) -> Grade:
    """A grader of this project, through its worker pool, as evaluations use it."""
    from evals.grading import Item, grade_all

    def accepted(gold: str, response: str) -> bool:
        item = Item(truth={"answer": gold}, response=response)
        return grade_all([item], grader=name, workers=1)[0].correct

    return accepted


def spoken(name: str, row: dict[str, str]) -> str:
    """The response to grade: the row's own, or its bare answer in the form the grader reads."""
    text = row["response_or_prediction"]
    return text if row["kind"] == "response" else FORMS.get(name, BOX) % text


def serve(name: str) -> None:
    """Answers each line [gold, response] with [accepted, error, wall seconds]."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # graders print
    grade = PEERS[name]() if name in PEERS else house(name)
    for line in sys.stdin:
        gold, response = json.loads(line)
        start = time.perf_counter()
        try:
            accepted, error = bool(grade(gold, response)), None
        except Exception as failure:  # a grader that raises has given no verdict
            accepted, error = False, type(failure).__name__
        print(json.dumps([accepted, error, time.perf_counter() - start]), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
