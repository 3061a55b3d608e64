"""The CPU plug-in without Ray: registration, sampling, log-probabilities, weight loading."""

import copy
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from transformers import (  # noqa: E402
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from harness.verl.cpu.generation import Request, generate, keep_likely  # noqa: E402
from harness.verl.cpu.rollout import RolloutServer  # noqa: E402
from harness.verl.cpu.stops import StopWatch  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EOS, PAD, VOCABULARY = 2, 0, 40
PROMPTS = [(5, 6, 7, 8), (9, 10), (5, 6, 7, 8), (11, 12, 13, 14, 15, 16)]


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        eos_token_id=EOS,
        pad_token_id=PAD,
        initializer_range=0.3,
    )
    return Qwen2ForCausalLM(config).eval()


def requests(**changes: object) -> list[Request]:
    values = {"max_tokens": 12, "temperature": 1.0, **changes}
    return [Request(prompt=p, seed=i, **values) for i, p in enumerate(PROMPTS)]  # type: ignore[arg-type]


def python(code: str, **environment: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VERL_")}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.slow
def test_the_plug_in_does_nothing_without_the_platform_variable() -> None:
    code = (
        "import verl, harness.verl.cpu\n"
        "from verl.plugin.platform import PlatformRegistry\n"
        "print('cpu' in PlatformRegistry.registered_names())"
    )
    assert python(code, VERL_USE_EXTERNAL_MODULES="harness.verl.cpu") == "False"


@pytest.mark.slow
def test_everything_is_registered_by_importing_verl() -> None:
    code = (
        "import sys, verl\n"
        "from verl.plugin.platform import get_platform\n"
        "assert 'verl.workers.engine' not in sys.modules\n"
        "from verl.workers.engine import EngineRegistry\n"
        "from verl.workers.rollout.base import get_rollout_class\n"
        "from verl.workers.rollout.replica import RolloutReplicaRegistry\n"
        "print(get_platform().device_name,\n"
        "    EngineRegistry.get_engine_cls('language_model', 'fsdp2').__name__,\n"
        "    EngineRegistry.get_engine_cls('value_model', 'fsdp2').__name__,\n"
        "    get_rollout_class('hf_cpu').__name__, RolloutReplicaRegistry.get('hf_cpu').__name__)"
    )
    assert python(code, VERL_PLATFORM="cpu", VERL_USE_EXTERNAL_MODULES="harness.verl.cpu") == (
        "cpu CPULanguageModelEngine CPUValueModelEngine WeightSender CPUReplica"
    )


def test_a_draw_depends_on_the_response_and_not_on_the_order_of_requests() -> None:
    def seeds(*asked: tuple[int, int]) -> dict[tuple[int, int], list[int]]:
        server = RolloutServer.__new__(RolloutServer)
        server.seed, server.steps, server.asked = 1, 3, Counter()
        found: dict[tuple[int, int], list[int]] = {}
        for prompt, session in asked:
            params = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "max_tokens": 4}
            request = server._request((prompt,), params | {"session": session})
            found.setdefault((prompt, session), []).append(request.seed)
        return found

    once = seeds((7, 0), (7, 1), (8, 0), (7, 0))
    assert seeds((7, 0), (8, 0), (7, 0), (7, 1)) == once
    every = [seed for given in once.values() for seed in given]
    assert len(set(every)) == 4, "another response, prompt or time is another draw"


def test_greedy_equals_transformers(model: Qwen2ForCausalLM) -> None:
    responses = generate(model, requests(temperature=0.0), eos=[EOS], pad=PAD)
    for prompt, response in zip(PROMPTS, responses, strict=True):
        expected = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=12,
            do_sample=False,
        )[0, len(prompt) :]
        assert response.tokens == expected.tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_equal_a_full_forward(model: Qwen2ForCausalLM, temperature: float) -> None:
    responses = generate(model, requests(temperature=temperature), eos=[EOS], pad=PAD)
    for prompt, response in zip(PROMPTS, responses, strict=True):
        ids = torch.tensor([[*prompt, *response.tokens]])
        with torch.no_grad():
            logits = model(ids).logits[0, len(prompt) - 1 : -1] / temperature
        expected = logits.log_softmax(-1).gather(1, torch.tensor(response.tokens)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(response.log_probs), expected, atol=1e-5, rtol=0)


def test_a_response_does_not_depend_on_its_batch(model: Qwen2ForCausalLM) -> None:
    together = generate(model, requests(), eos=[EOS], pad=PAD)
    alone = [generate(model, [request], eos=[EOS], pad=PAD)[0] for request in requests()]
    assert [r.tokens for r in together] == [r.tokens for r in alone]
    assert together[0].tokens != together[2].tokens  # the same prompt, another seed


def test_responses_stop_at_the_end_token_or_the_limit(model: Qwen2ForCausalLM) -> None:
    many = [Request(prompt=(5, 6), max_tokens=4 + i % 9, seed=i) for i in range(64)]
    responses = generate(model, many, eos=[EOS], pad=PAD)
    ended = [r.tokens[-1] == EOS for r in responses]
    assert any(ended) and not all(ended)
    for request, response in zip(many, responses, strict=True):
        assert EOS not in response.tokens[:-1]
        assert len(response.log_probs) == len(response.tokens) <= request.max_tokens
        assert response.tokens[-1] == EOS or len(response.tokens) == request.max_tokens


def test_frequencies_follow_the_distribution(model: Qwen2ForCausalLM) -> None:
    count = 4000
    drawn = generate(
        model,
        [Request(prompt=(5, 6), max_tokens=1, seed=i) for i in range(count)],
        eos=[EOS],
        pad=PAD,
    )
    with torch.no_grad():
        expected = model(torch.tensor([[5, 6]])).logits[0, -1].softmax(-1)
    tokens = torch.tensor([r.tokens[0] for r in drawn])
    frequency = torch.bincount(tokens, minlength=VOCABULARY) / count
    # Five standard deviations of a binomial share.
    assert ((frequency - expected).abs() < 5 * (expected * (1 - expected) / count).sqrt()).all()


def test_filters_keep_the_likely_tokens() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(4, 1)
    top_p = torch.tensor([[0.7], [1.0], [1e-6], [1.0]])
    top_k = torch.tensor([[-1], [3], [-1], [-1]])
    kept = keep_likely(logits, top_p, top_k).isfinite().sum(-1)
    assert kept.tolist() == [2, 3, 1, 4]


def test_top_k_one_is_greedy_and_certain(model: Qwen2ForCausalLM) -> None:
    greedy = generate(model, requests(temperature=0.0), eos=[EOS], pad=PAD)
    first = generate(model, requests(top_k=1), eos=[EOS], pad=PAD)
    assert [r.tokens for r in first] == [r.tokens for r in greedy]
    assert all(p == 0.0 for r in first for p in r.log_probs)


def test_synchronised_weights_equal_the_trainers(model: Qwen2ForCausalLM) -> None:
    from harness.verl.cpu.rollout import load_weights

    other = Qwen2ForCausalLM(model.config).eval()
    load_weights(other, {k: v.clone() for k, v in model.state_dict().items()})
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert other.lm_head.weight is other.model.embed_tokens.weight


def test_incomplete_or_unknown_weights_are_refused(model: Qwen2ForCausalLM) -> None:
    from harness.verl.cpu.rollout import load_weights

    state = dict(model.state_dict())
    state.pop("lm_head.weight", None)  # tied: may be absent
    load_weights(model, state)
    with pytest.raises(KeyError, match="unknown"):
        load_weights(model, {**state, "extra": torch.zeros(1)})
    state.pop("model.norm.weight")
    with pytest.raises(KeyError, match=r"model\.norm\.weight"):
        load_weights(model, state)


def test_the_prompt_alone_decides_its_server() -> None:
    """Whatever the order of requests and how busy each server is, a repeated run asks the same."""
    from harness.verl.cpu.router import PromptRouter

    prompts = [[i, i + 1] for i in range(60)]
    actors = {f"10.0.0.{i}:{i}": f"actor {i}" for i in range(3)}
    chosen = []
    for order, servers in ((prompts, actors), (prompts[::-1], dict(reversed(actors.items())))):
        router = PromptRouter(servers=servers)
        found = {}
        for number, prompt in enumerate(order):
            for sample in range(2):
                server, actor = router.acquire_server(f"{number}-{sample}", prompt_ids=prompt)
                assert actor == actors[server]
                found.setdefault(tuple(prompt), server)
                assert found[tuple(prompt)] == server
        assert router.get_total_inflight() == 2 * len(prompts)
        chosen.append(found)
    assert chosen[0] == chosen[1]
    shares = Counter(chosen[0].values())
    assert len(shares) == 3 and min(shares.values()) >= 10
    assert PromptRouter(servers=actors).require_acquire_fields() == ["prompt_ids"]


@pytest.mark.slow
def test_verl_still_starts_the_router_of_that_name() -> None:
    code = (
        "import verl.workers.rollout.llm_server\n"
        "from verl.workers.rollout import router\n"
        "seen = []\n"
        "router._create_global_sticky_inflight = lambda **given: seen.append(given)\n"
        "router.get_router_handle(servers={})\n"
        "print(seen[0]['load_balancer_cls'].__name__)"
    )
    environment = {"VERL_PLATFORM": "cpu", "VERL_USE_EXTERNAL_MODULES": "harness.verl.cpu"}
    assert python(code, **environment) == "PromptRouter"


def test_an_interface_is_known_by_its_address() -> None:
    from harness.verl.cpu.interface import addresses, interface_of

    assert interface_of("127.0.0.1") == "lo" and addresses()["lo"] == "127.0.0.1"
    assert interface_of("192.0.2.255") is None


STOPS = ("ab", "b<|im_end|>", "é", "</a>")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(ROOT / "harness" / "tiny" / "countdown")


@pytest.fixture(scope="module")
def speaker(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """A model of few, likely words: stop texts appear, and break over tokens."""
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    model = Qwen2ForCausalLM(config).eval()
    spoken = tokenizer("ab</a>é<|im_end|> x", add_special_tokens=False)["input_ids"]
    model.lm_head.weight.data.zero_()
    bias = torch.full((len(tokenizer),), -30.0)
    bias[sorted(set(spoken))] = 0.0
    model.lm_head.bias = torch.nn.Parameter(bias)
    return model


def ends_at(tokens: list[int], request: Request, eos: int, tokenizer: Any) -> tuple[int, bool]:
    """Length of the response and whether it ended by itself: decode everything at every token."""
    for length in range(1, len(tokens) + 1):
        head = tokens[:length]
        text = tokenizer.decode(head)
        # vLLM shows no character before it is whole.
        shown = "" if text.endswith("\ufffd") else text
        if (
            head[-1] == eos
            or head[-1] in request.stop_token_ids
            or any(stop in shown for stop in request.stop)
        ):
            return length, True
    return len(tokens), False


def test_stops_equal_a_search_in_everything_decoded(
    speaker: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    eos, slash = tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("/")
    kinds: list[dict[str, Any]] = [
        {},
        *({"stop": (text,)} for text in STOPS),
        {"stop": STOPS},
        {"stop": ("<|im_end|>",)},
        {"stop_token_ids": frozenset({slash})},
        {"stop": ("ab",), "stop_token_ids": frozenset({slash})},
    ]
    limits = [1, 2, 3, 5, 24]
    many = [
        Request(prompt=(40 + i % 3, 41), max_tokens=limits[i % 5], seed=i, **kinds[i % len(kinds)])
        for i in range(40 * len(kinds))
    ]
    free = [replace(r, stop=(), stop_token_ids=frozenset()) for r in many]
    backend = tokenizer.backend_tokenizer
    stopped = generate(speaker, many, eos=[eos], pad=PAD, tokenizer=backend)
    endless = generate(speaker, free, eos=[], pad=PAD)
    seen = set()
    for request, response, whole in zip(many, stopped, endless, strict=True):
        length, ended = ends_at(whole.tokens, request, eos, tokenizer)
        assert response.tokens == whole.tokens[:length]
        assert response.ended == ended and len(response.log_probs) == length
        seen.add(
            (bool(request.stop), bool(request.stop_token_ids), ended, length == len(whole.tokens))
        )
    # At the limit and before it, by a stop and without one, for every kind of stop.
    assert {(True, False, True, True), (True, False, True, False), (True, False, False, True),
            (False, True, True, True), (False, True, True, False)} <= seen  # fmt: skip


PIECES = ("</a>", "</", "/a>", "a>", "ab", "b", "é", "<|im_end|>", "<|im_end", "|>", " x")


def test_a_watch_equals_a_search_in_everything_decoded(tokenizer: PreTrainedTokenizerFast) -> None:
    draw = random.Random(0)
    eos, slash = tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("/")
    found: Counter[str] = Counter()
    for _ in range(1500):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 6)))
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        if draw.random() < 0.3:  # half a character, or a word cut short
            tokens.pop(draw.randrange(len(tokens)))
        request = Request(
            prompt=(40, 41),
            max_tokens=99,
            seed=0,
            stop=tuple(draw.sample(STOPS, draw.randint(0, 3))),
            stop_token_ids=frozenset(draw.sample([slash], draw.randint(0, 1))),
        )
        ends = draw.choice([eos, -1])
        stops = request.stop_token_ids | {ends}
        backend = tokenizer.backend_tokenizer
        watch = StopWatch(backend, request.prompt, tokens=stops, texts=request.stop)
        at = next((i for i, token in enumerate(tokens, 1) if watch.ends(token)), None)
        length, ended = ends_at(tokens, request, ends, tokenizer)
        assert at == (length if ended else None), (text, request)
        found.update(stop for stop in request.stop if ended and stop in tokenizer.decode(tokens))
    assert all(found[stop] > 20 for stop in STOPS)


def test_a_stop_in_the_prompt_or_across_its_end_does_not_count(
    speaker: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    prompt = tuple(tokenizer("ab a", add_special_tokens=False)["input_ids"])
    many = [Request(prompt=prompt, max_tokens=1, seed=i, stop=("ab",)) for i in range(64)]
    backend = tokenizer.backend_tokenizer
    responses = generate(speaker, many, eos=[], pad=PAD, tokenizer=backend)
    assert tokenizer.decode(prompt).endswith("a")
    assert "b" in {tokenizer.decode(r.tokens) for r in responses}
    assert not any(r.ended for r in responses)


def test_stop_texts_need_a_tokenizer(model: Qwen2ForCausalLM) -> None:
    with pytest.raises(ValueError, match="need a tokenizer"):
        generate(model, requests(stop=("x",)), eos=[EOS], pad=PAD)


def test_adapters_reach_the_rollout_in_full_precision(model: Qwen2ForCausalLM) -> None:
    from peft import LoraConfig, get_peft_model

    from harness.adapters import merged
    from harness.verl.cpu.rollout import load_weights

    base = copy.deepcopy(model)
    adapted = get_peft_model(
        base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    ).eval()
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    served = copy.deepcopy(model)
    load_weights(served, merged(adapted.state_dict(), scale=2.0))
    with torch.no_grad():
        expected, plain = adapted(ids).logits, model(ids).logits
        torch.testing.assert_close(served(ids).logits, expected, atol=1e-5, rtol=1e-5)
    assert (expected - plain).abs().max() > 0.1
