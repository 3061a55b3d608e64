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
    warmup_ratio: Probability = 0.0
    """Linear warm-up as a share of all training steps; warmup_steps must then be 0."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Shape after the warm-up; verl moves the rate once per training step."""
    min_lr_ratio: Probability = 0.0
    """Lowest learning rate of the cosine schedule, as a share of lr."""
    grad_clip: PositiveFloat = 1.0
    """Largest gradient norm."""


LossAggregation = Literal[
    "token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"
]


class KLPenalty(Part):
    """A penalty for leaving the reference model."""

    coef: Annotated[float, Field(ge=0)]
    """Weight of the penalty."""
    estimator: Literal["k1", "abs", "k2", "k3"] = "k1"
    """Per-token estimator: k1 = log ratio, k2 = half its square, k3 = low variance."""


class KLLoss(KLPenalty):
    """A KL penalty inside the policy loss."""

    aggregation: LossAggregation | None = None
    """How token penalties become one number; null as the policy loss."""
    token_limit: PositiveFloat | None = None
    """Largest penalty of one token (smallest: 0); null does not bound it."""


class RolloutSampling(Sampling):
    """How responses are sampled during training."""

    stop: list[Annotated[str, Field(min_length=1)]] = []
    """Texts that end a response; they stay part of it."""
    stop_token_ids: list[int] = []
    """Tokens that end a response besides the model's end tokens; they stay part of it."""


class GroupFilter(Part):
    """Dynamic sampling: generate until enough groups hold responses that differ (DAPO, eq. 11)."""

    metric: Literal["correct", "reward"]
    """What must differ within a group."""
    prompts_per_batch: PositiveInt
    """Prompts of one generation batch; groups above prompts_per_step are discarded."""
    max_batches: Annotated[int, Field(ge=0)] = 0
    """Generation batches of one step before the run stops with an error; 0 never stops."""


class Pruning(Part):
    """Leave responses out of the update by the size of their advantage (CPPO, section 3.2)."""

    rate: Annotated[float, Field(gt=0, lt=1)]
    """Share that is left out."""
    drop: Literal["smallest", "largest", "random"] = "smallest"
    """Which absolute advantages are left out."""
    across: Literal["group", "step"] = "group"
    """Responses that are compared with one another: those to one prompt, or all of a step."""
    rounding: Literal["down", "up"] = "down"
    """Of the number of responses that are kept, where rate leaves no whole one."""


class AdaptiveEntropy(Part):
    """An entropy coefficient that follows the entropy: up a step below the target, down above it,
    and applied only after a step below it."""

    target: Annotated[float, Field(gt=0)]
    """Entropy in nats a token."""
    delta: PositiveFloat
    """Change of the coefficient in one training step."""
    min_coef: Annotated[float, Field(ge=0)] = 0.0
    """Smallest coefficient, and the first."""
    max_coef: PositiveFloat
    """Largest coefficient."""


class PreferenceLoss(Part):
    """Pairs of responses to one prompt instead of a policy gradient (TRPA, arXiv:2504.04524)."""

    level: str
    """Component of the score that ranks responses; 1 is the best level."""
    beta: PositiveFloat
    """Weight of the log-ratio to the reference in a pair's preference."""
    best_weight: PositiveFloat = 1.0
    """Factor on pairs whose better response is of level 1."""
    trust_region: KLPenalty | None = None
    """KL penalty to the policy that sampled."""


class LoRA(Part):
    """Low-rank adapters instead of all weights."""

    rank: PositiveInt
    """Rank of the adapters."""
    alpha: PositiveInt
    """Scale: the adapter's output counts alpha / rank."""
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """Linear layers that get an adapter."""


class Critic(Part):
    """The value model of PPO."""

    optimizer: Optimizer
    """Optimizer of the value model."""
    value_clip: PositiveFloat = 0.5
    """Clip range of the value loss."""
    mini_batch_prompts: PositiveInt | None = None
    """Prompts in one update of the value model; null as the policy."""
    loss_aggregation: LossAggregation | None = None
    """How token losses become one number; null as the policy."""
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
    advantage: Literal["gae", "grpo", "rloo", "reinforce_plus_plus", "reinforce_plus_plus_baseline"]
    """Advantage estimator; gae needs a critic, grpo and rloo need group_size > 1."""
    normalize_by_std: bool = True
    """GRPO: divide the advantage by the group's standard deviation (Dr. GRPO: false)."""
    std_epsilon: PositiveFloat = 1e-6
    """GRPO: added to that standard deviation."""
    whiten_advantages: bool = False
    """GRPO: bring the advantages of all response tokens of a batch to mean 0 and variance 1."""
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
    sampling: RolloutSampling = RolloutSampling()
    """How responses are sampled during training."""
    log_prob_temperature: PositiveFloat | None = None
    """Temperature at which the trainer computes log-probabilities; null as they were sampled."""
    old_log_probs: Literal["trainer", "rollout"] = "trainer"
    """Whose log-probabilities the ratio is taken against: recomputed, or the engine's own."""
    filter_groups: GroupFilter | None = None
    """Dynamic sampling; null trains on every group."""
    drop_groups: Literal["correct", "reward"] | None = None
    """Leave groups in which this does not differ out of the update, without replacing them; a step
    that keeps none updates nothing. null keeps all."""
    train_group_size: PositiveInt | None = None
    """Responses of each group that are trained on, the first ones; null: all that were sampled."""
    pruning: Pruning | None = None
    """Leave responses with uninformative advantages out of the update; null keeps all."""
    mask_truncated: bool = False
    """Leave responses that hit the length limit out of the loss."""
    clip_low: PositiveFloat = 0.2
    """Lower clip of the probability ratio (1 - clip_low)."""
    clip_high: PositiveFloat = 0.2
    """Upper clip of the probability ratio (1 + clip_high)."""
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    """Bound of the loss for negative advantages; null switches dual clip off."""
    loss_aggregation: LossAggregation = "token-mean"
    """How token losses become one number, over the whole mini-batch."""
    loss_divisor: PositiveFloat | None = None
    """seq-mean-token-sum-norm: what each sequence's sum is divided by; null: the response limit."""
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""
    adaptive_entropy: AdaptiveEntropy | None = None
    """Controller of that weight; entropy_coef must then be 0."""
    preference_loss: PreferenceLoss | None = None
    """Loss over pairs of responses; null takes the clipped policy gradient."""
    kl_in_reward: KLPenalty | None = None
    """KL penalty subtracted from the token rewards."""
    kl_loss: KLLoss | None = None
    """KL penalty added to the policy loss."""
    lora: LoRA | None = None
    """Low-rank adapters; null trains all weights."""
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


FunctionName = Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]


class DenseReward(Part):
    """A reward for every token of a response, with a discount of its own."""

    function: FunctionName
    """`module:function` that maps a harness.rewards.Sample, with token_ids, to a number a token."""
    arguments: dict[str, Any] = {}
    """Extra keyword arguments of the function."""
    gamma: Fraction
    """Discount of these rewards; algorithm.gamma is that of the response's score."""


class Reward(Part):
    """The scoring function: one response at a time, then, if asked for, a group or a whole step."""

    name: str
    """Short name used in tables."""
    function: FunctionName
    """`module:function` that maps a harness.rewards.Sample to a harness.rewards.Score."""
    arguments: dict[str, Any] = {}
    """Extra keyword arguments of the function."""
    group: FunctionName | None = None
    """`module:function` that maps the harness.rewards.Scored of one group to their rewards."""
    group_arguments: dict[str, Any] = {}
    """Extra keyword arguments of that function."""
    batch: FunctionName | None = None
    """`module:function` that maps the harness.rewards.Batch of a training step to the rewards of
    its groups; instead of `group`, where rewards depend on other groups or on earlier steps."""
    batch_arguments: dict[str, Any] = {}
    """Extra keyword arguments of that function."""
    dense: DenseReward | None = None
    """Rewards of single tokens, besides the score."""
    check: FunctionName | None = None
    """`module:function` that maps a ground truth to why it cannot be scored, or to null; such rows
    are left out by the prepare stage, counted and listed."""
    tasks: list[str]
    """Values of data.task that this reward can score."""


class Monitor(Part):
    """Training problems that are sampled now and then, for rewards that depend on how well the
    model does and at what length."""

    rows: PositiveInt
    """Training rows that are watched, drawn with data.subset_seed or else the run's seed."""
    every: PositiveInt
    """Steps between two passes; the first comes after as many steps."""
    samples: PositiveInt
    """Responses a problem."""


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
    export_step: PositiveInt | None = None
    """Step whose checkpoint is exported; null takes the last. Before it, all of them are kept."""
    validate_every: PositiveInt | None = None
    """Steps between verl's own validations; null leaves them out."""
    validate_first: bool = False
    """Validate before the first step as well."""
    validation_sampling: Sampling = Sampling(temperature=0.0)
    """How verl's own validation samples."""
    monitor: Monitor | None = None
    """Passes over a monitor set, which reward.batch receives; null makes none."""
    validation_samples: PositiveInt = 1
    """Responses a problem in verl's own validation."""
