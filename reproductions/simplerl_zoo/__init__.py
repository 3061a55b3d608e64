"""SimpleRL-Zoo: GRPO from many open base models, on 8K MATH problems."""
