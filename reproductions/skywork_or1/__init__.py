"""Skywork-OR1: GRPO on mathematics and code with an entropy controller and growing responses."""
