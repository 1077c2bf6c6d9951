"""A torture suite for prompt rewriters: what a rewrite may not lose, add or do, on ours and on others."""
