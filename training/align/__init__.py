"""Baselines of the target LLM (Table 5 of the paper): reward model, DPO, RLOO and PPO, each a module over TRL."""
