"""The paper's data augmentation (section 4.4, Table 6): answers to optimized prompts, under the original prompts."""
