"""The page over several runs: what varies, how each stands, seeds together, paired differences."""
