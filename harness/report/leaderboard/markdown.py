"""The leaderboard as Markdown, for READMEs and terminals; page.py writes it."""

from harness.report.leaderboard.lines import Elsewhere, Found, Leaderboard, Line
from harness.report.markdown import text_table
from harness.report.render import percent

HOW_TO_READ = (
    "Ours is a finished run at full size of the recipe, the best match of its protocol and not its "
    "best score; miniatures are never ours. Its 95 % interval is for other draws on the same "
    "problems, of pass@k and maj@k for other problems of this kind. A verdict is given only where "
    "the protocols agree in all that both state. Independent scores are a third party's, of the "
    "released weights, under its own protocol: they stand beside a claim and are not tested "
    "against it. Most claims are one training run on few problems."
)


def markdown(board: Leaderboard) -> str:
    """Claims, then the systems of the catalogue."""
    words = ", ".join(f"{count} {word}" for word, count in board.words.items())
    parts = ["# Leaderboard", f"{len(board.lines)} published claims: {words}.", HOW_TO_READ]
    columns = ["project", "benchmark", "metric", "claimed", "ours", "released weights here",
               "independent", "status"]  # fmt: skip
    parts.append(text_table(columns, [_line(line) for line in board.lines]))
    parts += ["## Systems", text_table(
        ["system", "kind", "status", "claims", "full size here", "miniature here", "note"],
        [[s.name, s.kind, s.status, "" if s.claims is None else str(s.claims), s.full_size,
          s.miniature, s.note] for s in board.systems],
    )]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _line(line: Line) -> list[str]:
    benchmark = f"{line.benchmark} ({line.model})" if line.model else line.benchmark
    return [
        line.name, benchmark, line.metric, percent(line.claimed), found(line.ours),
        found(line.released), elsewhere(line.independent), line.status,
    ]  # fmt: skip


def found(mine: Found | None) -> str:
    """A number measured here."""
    if mine is None:
        return "not run"
    if mine.value is None or mine.low is None or mine.high is None:
        return mine.word
    return f"{percent(mine.value)} [{100 * mine.low:.1f}, {100 * mine.high:.1f}]"


def elsewhere(other: Elsewhere | None) -> str:
    """An independent score."""
    return "none" if other is None else f"{percent(other.mean)} ± {100 * other.sd:.1f}"
