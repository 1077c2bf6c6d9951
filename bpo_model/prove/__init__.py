"""`bpo prove`: does rewriting help this model on these prompts? Measured in pairs, seen by a judge (extra: prove)."""
