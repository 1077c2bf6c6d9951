"""The models of a run, from a TOML file of aliases.

[my-judge]
base_url = "https://api.openai.com/v1"
model = "gpt-5"
api_key_env = "OPENAI_API_KEY"
price_in = 1.25   # USD for a million tokens read
price_out = 10.0
concurrency = 16
params = {temperature = 0, max_tokens = 1024}
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from bpo_model.compare.endpoint import ModelSpec


def load_models(file: Path) -> dict[str, ModelSpec]:
    """Read the aliases.

    Raises:
        ValueError: If an entry has an unknown or a missing field, naming entry and field.
    """
    found = {}
    for alias, fields in tomllib.loads(file.read_text(encoding="utf-8")).items():
        unknown = sorted(set(fields) - set(ModelSpec.__dataclass_fields__))
        missing = sorted({"base_url", "model"} - set(fields))
        if unknown or missing:
            raise ValueError(f"{file.name}, [{alias}]: unknown {unknown}, missing {missing}")
        found[alias] = ModelSpec(**fields)
    return found


def pick(models: Mapping[str, ModelSpec], alias: str) -> ModelSpec:
    """The model of an alias.

    Raises:
        ValueError: If there is none, naming those that are.
    """
    if alias not in models:
        raise ValueError(f"no model {alias!r}; known: {', '.join(sorted(models)) or 'none'}")
    return models[alias]
