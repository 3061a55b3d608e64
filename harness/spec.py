"""RunSpec: one run, frozen and typed; compose.py makes it from Hydra and every other room reads it.

The text under each field is its documentation: `--help`, error messages and docs print it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]


class Part(BaseModel):
    """A frozen piece of a RunSpec that refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class Model(Part):
    """The base model that training starts from."""

    name: str
    """Short name used in run names and tables."""
    path: str
    """Local folder or hub id of a Hugging Face causal language model."""
    revision: str | None = None
    """Hub commit; null takes the newest and records which one it was."""
    context_length: PositiveInt
    """Longest prompt + response in tokens that the model was made for."""
    parameters_b: PositiveFloat
    """Parameters in billions (for the plan)."""
    trust_remote_code: bool = False
    """Run Python code shipped with the model."""


class Optimizer(Part):
    """AdamW and its schedule."""

    lr: PositiveFloat
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """AdamW betas."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Linear warm-up, in training steps."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Shape after the warm-up; verl moves the rate once per training step."""
    grad_clip: PositiveFloat = 1.0
    """Largest gradient norm."""


class Sampling(Part):
    """How tokens are drawn."""

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """Softmax temperature; 0 is greedy."""
    top_p: Fraction = 1.0
    """Nucleus mass kept; 1 keeps everything."""
    top_k: int = -1
    """Most likely tokens kept; -1 keeps everything."""


class KLPenalty(Part):
    """A penalty for leaving the reference model."""

    coef: Annotated[float, Field(ge=0)]
    """Weight of the penalty."""
    estimator: Literal["k1", "abs", "k2", "k3"] = "k1"
    """Per-token estimator: k1 = log ratio, k2 = half its square, k3 = low variance."""


class Critic(Part):
    """The value model of PPO."""

    optimizer: Optimizer
    """Optimizer of the value model."""
    value_clip: PositiveFloat = 0.5
    """Clip range of the value loss."""
    epochs: PositiveInt = 1
    """Passes over each batch."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps in which only the critic is updated."""


class RLAlgorithm(Part):
    """Policy optimisation with a reward."""

    kind: Literal["rl"]
    """Discriminates reinforcement learning from supervised fine-tuning."""
    name: str
    """Short name used in run names and tables."""
    advantage: Literal[
        "gae", "grpo", "rloo", "reinforce_plus_plus", "reinforce_plus_plus_baseline", "remax"
    ]
    """Advantage estimator; gae needs a critic, grpo and rloo need group_size > 1."""
    normalize_by_std: bool = True
    """GRPO: divide the advantage by the group's standard deviation (Dr. GRPO: false)."""
    gamma: Fraction = 1.0
    """Discount."""
    lam: Probability = 1.0
    """GAE lambda."""
    prompts_per_step: PositiveInt
    """Prompts sampled for each training step."""
    group_size: PositiveInt = 1
    """Responses sampled for each prompt."""
    mini_batch_prompts: PositiveInt
    """Prompts in one optimizer update (each brings group_size responses)."""
    epochs: PositiveInt = 1
    """Passes over each batch of responses."""
    shuffle_mini_batches: bool = False
    """Shuffle responses before cutting mini-batches."""
    sampling: Sampling = Sampling()
    """How responses are sampled during training."""
    clip_low: PositiveFloat = 0.2
    """Lower clip of the probability ratio (1 - clip_low)."""
    clip_high: PositiveFloat = 0.2
    """Upper clip of the probability ratio (1 + clip_high)."""
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    """Bound of the loss for negative advantages; null switches dual clip off."""
    loss_aggregation: Literal[
        "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
    ] = "token-mean"
    """How token losses become one number, over the whole mini-batch."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""
    kl_in_reward: KLPenalty | None = None
    """KL penalty subtracted from the token rewards."""
    kl_loss: KLPenalty | None = None
    """KL penalty added to the policy loss."""
    optimizer: Optimizer
    """Optimizer of the policy."""
    critic: Critic | None = None
    """Value model; needed by gae and by nothing else."""


class SFTAlgorithm(Part):
    """Supervised fine-tuning on the demonstrations of the data set."""

    kind: Literal["sft"]
    """Discriminates supervised fine-tuning from reinforcement learning."""
    name: str
    """Short name used in run names and tables."""
    sequences_per_step: PositiveInt
    """Sequences in one optimizer update."""
    optimizer: Optimizer
    """Optimizer of the model."""


Algorithm = Annotated[RLAlgorithm | SFTAlgorithm, Field(discriminator="kind")]


class Reward(Part):
    """The scoring function, one response at a time."""

    name: str
    """Short name used in tables."""
    function: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """`module:function` that maps a harness.rewards.Sample to a harness.rewards.Score."""
    arguments: dict[str, Any] = {}
    """Extra keyword arguments of the function."""
    tasks: list[str]
    """Values of data.task that this reward can score."""


class HubSource(Part):
    """A data set on the Hugging Face hub."""

    kind: Literal["hub"]
    """Discriminates the source."""
    dataset: str
    """Hub id of the data set."""
    revision: str | None = None
    """Hub commit; null takes the newest and records which one it was."""
    split: str = "train"
    """Split to read; train and test rows are cut from it."""


class FileSource(Part):
    """One or two local files (.parquet, .jsonl, .json or .csv)."""

    kind: Literal["file"]
    """Discriminates the source."""
    path: str
    """File to read; train and test rows are cut from it unless test_path is given."""
    test_path: str | None = None
    """File with the held-out rows."""


class GeneratorSource(Part):
    """Rows made here by a seeded generator."""

    kind: Literal["generator"]
    """Discriminates the source."""
    generator: str
    """A name in harness.data.generators.GENERATORS."""
    seed: int = 42
    """Seed of the rows; independent of the run's seed so that seeds share one data set."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the generator."""


Source = Annotated[HubSource | FileSource | GeneratorSource, Field(discriminator="kind")]


class Data(Part):
    """Training and held-out problems and how they become prompts."""

    name: str
    """Short name used in tables and file names."""
    task: str
    """What kind of problem it is (countdown, math, ...); the reward must support it."""
    source: Source
    """Where the rows come from."""
    train_rows: PositiveInt | None
    """Rows for training, from the start; null takes all but the test rows."""
    test_rows: PositiveInt
    """Held-out rows, after the training rows."""
    columns: dict[str, str]
    """Field name -> column of the source; the fields fill the template."""
    template: str
    """Prompt text with {field} placeholders."""
    render: Literal["raw", "chat"]
    """raw: the template's text is the whole prompt; chat: it is a user message."""
    ground_truth: list[str]
    """Fields that the reward receives."""
    demonstration: str | None = None
    """Column with a worked response, for supervised fine-tuning."""
    max_prompt_tokens: PositiveInt
    """Longest prompt."""
    max_response_tokens: PositiveInt
    """Longest response."""
    overlong_prompts: Literal["error", "filter"] = "filter"
    """What to do with a prompt above max_prompt_tokens."""
    shuffle: bool = True
    """Visit the training rows in random order."""


class Rollout(Part):
    """The generation engine and its share of the accelerator."""

    engine: Literal["vllm", "hf_cpu"]
    """vllm on GPUs; hf_cpu is Hugging Face generation inside verl, on a CPU."""
    tensor_parallel: PositiveInt = 1
    """GPUs over which one copy of the model is split."""
    memory_fraction: Fraction = 0.5
    """Share of GPU memory for weights and KV cache of the engine."""
    max_sequences: PositiveInt = 256
    """Sequences decoded at the same time."""


class Hardware(Part):
    """The machine: what there is, and what training does to fit into it."""

    name: str
    """Short name used in run names and tables."""
    device: Literal["cpu", "cuda"]
    """Kind of device that trains."""
    nodes: PositiveInt
    """Machines."""
    gpus_per_node: PositiveInt
    """GPUs (on cpu: training processes) per machine."""
    gpu: str | None = None
    """GPU model, for example A800."""
    gpu_mem_gb: PositiveFloat | None = None
    """Memory of one GPU."""
    precision: Literal["bf16", "fp32"]
    """Compute precision; master weights are fp32."""
    attention: Literal["flash_attention_2", "sdpa"]
    """Attention implementation of the trained models."""
    remove_padding: bool
    """Pack sequences without padding (needs flash attention)."""
    gradient_checkpointing: bool
    """Recompute activations in the backward pass."""
    offload: bool = False
    """Keep parameters and optimizer state in host memory between uses."""
    tokens_per_gpu: PositiveInt
    """Tokens in one forward/backward of one GPU; micro-batches are cut to it."""
    rollout: Rollout
    """The generation engine."""


class Benchmark(Part):
    """One test set of a protocol."""

    name: str
    """A benchmark's name; held_out is the test part of the run's own data."""
    samples_per_problem: PositiveInt
    """Responses drawn for each problem (k)."""
    max_problems: PositiveInt | None = None
    """Use only the first problems; null uses all."""


class Evaluation(Part):
    """A protocol: how benchmarks are sampled. Numbers compare only under the same protocol."""

    name: str
    """Short name of the protocol."""
    benchmarks: list[Benchmark]
    """Test sets."""
    sampling: Sampling
    """How responses are drawn."""
    max_tokens: PositiveInt | None = None
    """Longest response; null takes data.max_response_tokens."""
    seed: int = 0
    """Seed of the draws."""


class Launch(Part):
    """Where the run's processes start."""

    kind: Literal["local"]
    """local: on this machine, now."""


class Tracking(Part):
    """Where metrics go besides events.jsonl."""

    name: str
    """Short name of the choice."""
    backends: list[Literal["wandb", "tensorboard"]] = []
    """Experiment trackers."""
    wandb_mode: Literal["online", "offline"] = "offline"
    """offline writes to the run directory and never asks for a key."""
    project: str = "reprise"
    """W&B project."""


class Schedule(Part):
    """How long to train and how often to save."""

    steps: PositiveInt | None
    """Training steps; null runs all epochs."""
    epochs: PositiveInt
    """Passes over the training rows; steps ends earlier when given."""
    save_every: PositiveInt
    """Steps between checkpoints; the last step is always saved."""
    keep_checkpoints: PositiveInt = 2
    """Checkpoints kept on disk."""
    validate_every: PositiveInt | None = None
    """Steps between verl's own greedy validations; null leaves them out."""


class RunSpec(Part):
    """One run, complete: what will happen, with nothing left to defaults elsewhere."""

    repro: str | None = None
    """Id of the reproduced project; null for a free composition."""
    miniature: bool = False
    """True when the recipe runs at laptop size: same algorithm, tiny model, synthetic task."""
    seed: int
    """Seed of training (data order, initialisation, sampling)."""
    output_root: str
    """Folder that holds run directories."""
    model: Model
    algorithm: Algorithm
    reward: Reward
    data: Data
    hardware: Hardware
    eval: Evaluation
    launch: Launch
    tracking: Tracking
    schedule: Schedule
    verl: dict[str, Any] = {}
    """Extra verl keys (flat, dotted), checked against the pinned verl and part of the identity."""
