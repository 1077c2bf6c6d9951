"""A second round of training: the optimizer learns from what the contract says of its own rewrites."""
