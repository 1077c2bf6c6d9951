"""Compare two ways to ask a model: calls that are never made twice, a judge, and what its verdicts show.

`bpo prove` and `evals.winrate` share it. Importing this package loads nothing; its modules load numpy.
"""
