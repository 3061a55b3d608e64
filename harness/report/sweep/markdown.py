"""The sweep page as Markdown, for READMEs and terminals; page.py writes it."""

from harness.report.markdown import text_table
from harness.report.render import hours, number, percent
from harness.report.sweep.pairs import Pair
from harness.report.sweep.rows import Cell, Row, SeedMean, Sweep


def markdown(sweep: Sweep) -> str:
    """Tables of runs, configurations and differences, then failures."""
    parts = [f"# Sweep over {len(sweep.rows)} run(s)", sweep.counts, text_table(*_runs(sweep))]
    if sweep.seed_field:
        parts += ["## Mean over seeds", text_table(*_groups(sweep))]
    if sweep.paired.pairs:
        parts += ["## Paired differences", about_pairs(len(sweep.paired.pairs))]
        parts.append(text_table(*_pairs(sweep)))
    parts += [f"- {note}" for note in sweep.paired.notes]
    if sweep.failures:
        parts += ["## Not finished", text_table(["run", "state", "reason"], sweep.failures)]
    if sweep.problems:
        parts += ["## Could not be read", text_table(["run", "problem"], sweep.problems)]
    return "\n\n".join(parts) + "\n"


def about_pairs(count: int) -> str:
    """How to read the differences."""
    if count == 1:
        return (
            "One comparison, paired by problem. The interval says what other problems of this kind "
            "would show; another training seed is not in it."
        )
    return (
        f"{count} comparisons, paired by problem. p is from the exact sign-flip test and corrected "
        f"for the {count} comparisons by Holm's method; the 95 % intervals are each for one "
        f"comparison and not corrected: between equals {count / 20:.2g} of {count} "
        "would miss zero on average. They speak about other problems of this kind; another "
        "training seed is not in them."
    )


def _runs(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    columns = ["run", *(varied.label for varied in sweep.varied)]
    columns += ["seed"] if sweep.seed_field else []
    columns += ["state", "steps", "reward", *(f"{c.title} [95 %]" for c in sweep.columns), "hours"]
    return columns, [_run(row, bool(sweep.seed_field)) for row in sweep.rows]


def _run(row: Row, seeds: bool) -> list[str]:
    steps = "" if row.step is None else f"{row.step}/{row.steps or '?'}"
    reward = "" if row.reward is None else number(row.reward)
    seed = [row.seed] if seeds else []
    time = "" if row.hours is None else hours(row.hours)
    return [row.label, *row.values, *seed, row.state, steps, reward, *map(score, row.cells), time]


def score(cell: Cell | None) -> str:
    """A score with its interval and the gain over the base model, in percent."""
    if cell is None:
        return "not run"
    if cell.invalid:
        return f"INVALID ({cell.invalid})"
    change = "" if cell.change is None else f" ({100 * cell.change:+.1f} on base)"
    return f"{percent(cell.value)} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]{change}"


def seeds_mean(mean: SeedMean | None) -> str:
    """A mean over seeds with its interval, or why it has none."""
    if mean is None:
        return "not run"
    if mean.low is None or mean.high is None:
        why = "one seed, no interval" if mean.seeds == 1 else f"{mean.seeds} seeds, all equal"
        return f"{percent(mean.value)} ({why})"
    return (
        f"{percent(mean.value)} [{100 * mean.low:.1f}, {100 * mean.high:.1f}] ({mean.seeds} seeds)"
    )


def _groups(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    columns = ["configuration", "runs", "done", *(column.title for column in sweep.columns)]
    return columns, [
        [group.label, str(len(group.runs)), str(group.done), *map(seeds_mean, group.means)]
        for group in sweep.groups
    ]


def _pairs(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    columns = ["benchmark", "from", "to", "points [95 %]", "p", "p (Holm)", ""]
    return columns, [_pair(sweep, pair) for pair in sweep.paired.pairs]


def _pair(sweep: Sweep, pair: Pair) -> list[str]:
    points = f"{100 * pair.difference:+.1f} [{100 * pair.low:+.1f}, {100 * pair.high:+.1f}]"
    first, second = sweep.groups[pair.first].label, sweep.groups[pair.second].label
    p_values = [f"{pair.p_value:.2g}", f"{pair.p_holm:.2g}"]
    return [pair.benchmark, first, second, points, *p_values, pair.word]
