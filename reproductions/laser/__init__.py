"""LASER: a step reward for short right answers, whose targets may follow a monitor set."""
