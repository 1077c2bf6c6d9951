"""OPRO (Yang et al. 2023, "Large Language Models as Optimizers") as a baseline: one instruction for a whole task.

python -m evals.opro --set FILE --models models.toml --target my-llm --judge my-judge --steps 20 --out runs/opro
python -m evals run opro:runs/opro/result.json --models models.toml --target my-llm --judge my-judge --out runs/x

A model, the proposer (OPRO's "optimizer"; here that word is taken), reads the instructions that were tried so
far with their scores and writes new ones; each is scored on the training part of a set; the best one is kept.

How the BPO paper ran it (appendix H; section 4.8 and appendix E of an earlier version): for each of Dolly's 8
categories 250 examples of its own, 200 to search on and 50 held out; answers of GPT-4, made from Dolly's human
ones, as references; gpt-3.5-turbo as target and proposer; 200 steps; the instruction of the highest score is
final; it starts from "Give me a helpful response.", since starting from nothing was much worse. OPRO lost to the
plain prompt in more than half of the categories (Fig. 10, GPT-4's points against the references, mean of 3 runs).
Not said: how answers were scored during the search, and where the instruction stands. Here as there: one search a
category (`--by-category`), the start, 80% to search on, the choice. Otherwise here: a check by code decides where
the set has one, else a judge that sees the answers with and without the instruction, in both orders, since no
set of ours has references of one kind. The instruction stands in front of the prompt, on a line of its own, as
OPRO's released code has it for chat models (its position "Q_begin").

OPRO's numbers, from its released code: the 20 best instructions in the meta-prompt, worst first, scores as whole
numbers up to 100, 3 examples drawn anew each step, 8 instructions a step, temperature 1.0 for the proposer and 0 for
the target, 200 steps, nothing longer than 500 characters. Two of its rules are left out: hiding instructions that
score below 30 from a GPT proposer (a small model has none above), and showing right answers (few sets have any).
The meta-prompt is in our words.

Why no library. promptolution 2.3.0 is alive, tested, and has OPRO with the same numbers, so its source was read
first. Its answers and scores live in dictionaries of the process: a search that is killed pays for everything
again. It knows no prices; its only limit is a count of words, looked at between steps. A step that raises ends the
search with a line in the log, and what there is comes back as the result; one call that fails for good fails its
whole batch; a judge's reply without a number counts as the worst score. It asks for pandas, scikit-learn, hydra and
fastparquet, and Python below 3.13. Mending that leaves the loop, which is 40 lines (search.py). DSPy's COPRO has
OPRO's idea (the best attempts with their scores, worst first) without the requests, and searches an instruction
and an output prefix for a DSPy signature, whose adapter writes the prompt: not what these benchmarks send.
"""
