"""The model and how it is trained: model, algorithm, reward, schedule."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from harness.spec.base import Fraction, Part, Probability, Sampling


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
