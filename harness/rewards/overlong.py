"""A soft penalty for responses close to the length limit; rewards add it to their score."""

from harness.errors import ConfigError


def overlong_penalty(tokens: int, *, max_tokens: int, buffer_tokens: int, factor: float) -> float:
    """What a long response loses: nothing up to the buffer, then linearly up to `factor`.

    Source: DAPO, arXiv:2503.14476 eq. 13, with the limit Lmax = max_tokens and the buffer Lcache
    = buffer_tokens.

    Args:
        tokens: length of the response.
        max_tokens: the length limit, at which the whole factor is lost; generation ends there.
        buffer_tokens: how far below the limit the penalty begins.
        factor: the loss at the limit, in units of the reward.

    Returns:
        A number from -factor to 0.

    Raises:
        ConfigError: the buffer does not lie below the limit.
    """
    if not 0 < buffer_tokens <= max_tokens:
        raise ConfigError(
            f"an overlong buffer of {buffer_tokens} tokens does not fit below a limit of "
            f"{max_tokens}: set it between 1 and {max_tokens}, or leave the penalty out"
        )
    over = tokens - (max_tokens - buffer_tokens)
    return -factor * max(0, over) / buffer_tokens
