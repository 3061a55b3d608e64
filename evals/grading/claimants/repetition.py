"""Whether a long answer mostly repeats itself, as two published graders decide before they parse;
read by the claimants `orz` and `dr_grpo`.

Source: Open-Reasoner-Zero/Open-Reasoner-Zero@3fdd9a0:orz/ppo/tools/math_utils.py.
"""

LONG_CHARACTERS = 128
SHARE = 0.2


def is_repetitive(text: str) -> bool:
    """More than 128 characters, and a fifth of all pairs of start and length occurs again.

    The share is the summed length of the prefixes that neighbours in the order of all suffixes
    have in common, over n (n + 1) / 2. O(n log^2 n) time for n characters.
    """
    if len(text) <= LONG_CHARACTERS:
        return False
    return 2 * sum(common_prefixes(text)) / (len(text) * (len(text) + 1)) > SHARE


def common_prefixes(text: str) -> list[int]:
    """For each suffix: characters that it shares with the next one in alphabetical order."""
    ranks = suffix_ranks(text)
    order = [0] * len(text)
    for start, rank in enumerate(ranks):
        order[rank] = start
    shared, length = [0] * len(text), 0
    for start, rank in enumerate(ranks):  # Kasai et al. 2001: the length drops by one at most
        if rank == len(text) - 1:
            length = 0
            continue
        other = order[rank + 1]
        longest = len(text) - max(start, other)
        while length < longest and text[start + length] == text[other + length]:
            length += 1
        shared[rank] = length
        length = max(length - 1, 0)
    return shared


def suffix_ranks(text: str) -> list[int]:
    """The place of each suffix in alphabetical order, by doubling the prefix that is compared."""
    ranks = _ranked([(ord(character), 0) for character in text])
    width = 1
    while width < len(text):
        behind = ranks[width:] + [-1] * width
        ranks = _ranked(list(zip(ranks, behind, strict=True)))
        width *= 2
    return ranks


def _ranked(keys: list[tuple[int, int]]) -> list[int]:
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return [places[key] for key in keys]
