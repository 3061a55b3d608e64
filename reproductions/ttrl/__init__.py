"""TTRL: GRPO on problems without answers; the majority of a group's responses is the label."""
