"""The generation process of an evaluation (evals/generate.py), with the time of its engine's start
and of its last sample written down; bench/gpu/generation.py has it started in that one's place.

REPRISE_MARKS names the folder that gets marks.json and what a bare script needs for the same work.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "REPRISE_MARKS"
MARKS = "marks.json"
WORK = "work.json"


class Marks:
    """Moments of this process, in seconds since 1970; on disk after each."""

    def __init__(self, folder: Path) -> None:
        self.path, self.found = folder / MARKS, {"process": time.time()}

    def set(self, name: str) -> None:
        """Notes a moment."""
        self.found[name] = time.time()
        self.path.write_text(json.dumps(self.found))


def record_engine(marks: Marks, arguments: dict[str, Any]) -> None:
    """Marks the engine's start, and keeps the arguments that it was made of."""
    import vllm

    real, start = vllm.EngineArgs, vllm.LLMEngine.from_engine_args

    def engine_arguments(**given: Any) -> Any:
        arguments.clear()
        arguments.update(given)
        return real(**given)

    def from_engine_args(*given: Any, **named: Any) -> Any:
        marks.set("engine_start")
        engine = start(*given, **named)
        marks.set("engine_ready")
        return engine

    vllm.EngineArgs = engine_arguments
    vllm.LLMEngine.from_engine_args = from_engine_args


def record_requests(folder: Path, arguments: dict[str, Any]) -> None:
    """Writes work.json once all requests have been drawn: engine arguments, prompts, seeds."""
    from evals.backends.vllm import VLLMEngine
    from evals.job import effective

    real = VLLMEngine.draw

    def draw(self: Any, requests: Any, missing: Any) -> Iterator[Any]:
        yield from real(self, requests, missing)
        content = {
            "arguments": arguments,
            "sampling": effective(self.job.sampling).model_dump(),
            "requests": [
                {"text": r.text, "seed": r.seed, "max_tokens": r.max_tokens}
                for r in requests
                if r.key in missing
            ],
        }
        (folder / WORK).write_text(json.dumps(content))

    VLLMEngine.draw = draw  # type: ignore[method-assign]


def main(words: list[str]) -> None:
    """`-m evals.generate --job ... --shard ...`, as the project starts it."""
    folder = Path(os.environ[FOLDER])
    marks, arguments = Marks(folder), dict[str, Any]()
    record_engine(marks, arguments)
    record_requests(folder, arguments)
    from evals import generate

    real = generate.sample_model

    def sample_model(*given: Any, **named: Any) -> None:
        real(*given, **named)
        marks.set("generated")

    generate.sample_model = sample_model
    sys.argv = words[1:]
    generate.main()


if __name__ == "__main__":
    main(sys.argv[1:])
