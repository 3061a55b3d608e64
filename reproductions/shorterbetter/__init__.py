"""ShorterBetter: GRPO whose length target is the shortest right response of a group."""
