"""The paper's win-rate benchmarks: answers to original and rewritten prompts, judged in pairs."""
