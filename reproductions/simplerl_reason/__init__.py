"""SimpleRL-Reason v0: PPO from Qwen2.5-Math-7B on 8K MATH problems."""
