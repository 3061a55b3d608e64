"""What a person would write for the same samples: vLLM's LLM.generate and nothing of the project;
bench/gpu/generation.py runs it: python -m bench.gpu.bare_generation work.json result.json."""

import json
import sys
import time
from pathlib import Path
from typing import Any


def generate(work: dict[str, Any]) -> dict[str, Any]:
    """Loads the model, draws every request at once, and says when."""
    started = time.time()
    from vllm import LLM, SamplingParams

    llm = LLM(**work["arguments"])
    ready = time.time()
    parameters = [
        SamplingParams(**work["sampling"], seed=request["seed"], max_tokens=request["max_tokens"])
        for request in work["requests"]
    ]
    outputs = llm.generate(
        [request["text"] for request in work["requests"]], parameters, use_tqdm=False
    )
    generated = time.time()
    config = llm.llm_engine.vllm_config
    responses = [output.outputs[0] for output in outputs]
    return {
        "marks": {"process": started, "engine_ready": ready, "generated": generated},
        "samples": len(responses),
        "tokens": sum(len(response.token_ids) for response in responses),
        "at_limit": sum(response.finish_reason == "length" for response in responses),
        "prompt_tokens": sum(len(output.prompt_token_ids) for output in outputs),
        "engine": {
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "enforce_eager": config.model_config.enforce_eager,
        },
    }


if __name__ == "__main__":
    result = generate(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(result))
