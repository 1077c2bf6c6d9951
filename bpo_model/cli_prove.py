"""`bpo prove`: the command; what it does is in bpo_model/prove, which needs the extra `prove`."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from bpo_model.errors import MissingDependencyError

PRICE = "USD for a million tokens read, and written; 0 0 for a model of your own"


def prove(
    prompts: Annotated[Path, typer.Argument(help="one prompt a line, .jsonl as for optimize --file, or .csv")],
    target_url: Annotated[str, typer.Option(help="the model you send prompts to, such as http://localhost:8000/v1")],
    target_model: Annotated[str, typer.Option(help="its name there")],
    judge_url: Annotated[str, typer.Option(help="the model that compares the answers; a strong one")],
    judge_model: Annotated[str, typer.Option(help="its name there")],
    target_key_env: Annotated[str | None, typer.Option(help="environment variable with its key")] = None,
    judge_key_env: Annotated[str | None, typer.Option(help="environment variable with its key")] = None,
    target_params: Annotated[str, typer.Option(help="JSON sent with each call; a null takes a name away")] = "{}",
    judge_params: Annotated[
        str, typer.Option(help='such as {"max_tokens": 1024}; temperature is 0 if not given')
    ] = "{}",
    target_price: Annotated[tuple[float, float] | None, typer.Option(help=PRICE, show_default=False)] = None,
    judge_price: Annotated[tuple[float, float] | None, typer.Option(help=PRICE, show_default=False)] = None,
    max_usd: Annotated[float | None, typer.Option(min=0, help="stop before more is spent; needs prices")] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="a random sample of so many prompts")] = None,
    worth: Annotated[float, typer.Option(min=0.1, help="smallest effect worth having, in points over all prompts")] = 5,
    column: Annotated[str, typer.Option(help="of a CSV file")] = "prompt",
    out: Annotated[Path, typer.Option(help="folder of the run; the same command goes on there")] = Path("bpo-prove"),
    concurrency: Annotated[int, typer.Option(min=1, help="calls to each model at once")] = 8,
    model: Annotated[str | None, typer.Option(help="the optimizer; default: embedded")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it would take, and call nobody")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask before money is spent")] = False,
) -> None:
    """Does rewriting help your model on your prompts? Answers in pairs, judged in both orders (extra: prove).

    Exit codes: 0 keep, 4 off, 5 need more prompts, 3 unfit judge or too many failed calls; 1 it failed, 2 the
    command line is wrong, 130 interrupted.
    """
    missing = [name for name in ("openai", "numpy") if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f'bpo prove needs {" and ".join(missing)}, not installed. Install it with: pip install "bpo-model[prove]"'
        )
    if max_usd is not None and None in {target_price, judge_price}:
        raise typer.BadParameter("--max-usd needs --target-price and --judge-price (0 0 for a model of your own)")
    from bpo_model import __version__
    from bpo_model.compare.endpoint import ModelSpec
    from bpo_model.optimizer import PromptOptimizer
    from bpo_model.prove.command import prove as prove_prompts
    from bpo_model.prove.prompts import read_prompts
    from bpo_model.prove.run import Setup

    def spec(
        role: str, url: str, name: str, key: str | None, price: tuple[float, float] | None, given: str
    ) -> ModelSpec:
        read, written = price or (None, None)
        return ModelSpec(url, name, _key(role, key), read, written, concurrency, _params(role, given))

    target = spec("target", target_url, target_model, target_key_env, target_price, target_params)
    judge = spec("judge", judge_url, judge_model, judge_key_env, judge_price, judge_params)
    found = read_prompts(prompts, column).first(n)
    optimizer = PromptOptimizer.from_pretrained(model)
    identity = f"{optimizer.checkpoint.identity} {optimizer.options} {__version__}"
    setup = Setup(found.cases, optimizer, identity, target, judge, out, max_usd, found.repeated)
    raise typer.Exit(prove_prompts(setup, worth=worth, yes=yes, dry_run=dry_run))


def _key(role: str, name: str | None) -> str | None:
    """The variable's name, if it is set: nothing should be rewritten first and fail then."""
    if name and not os.environ.get(name, "").strip():
        raise typer.BadParameter(f"--{role}-key-env: ${name} is not set")
    return name


def _params(role: str, given: str) -> dict[str, Any]:
    """The parameters of each call."""
    try:
        found = json.loads(given)
    except ValueError as error:
        raise typer.BadParameter(f"--{role}-params is not JSON: {error}") from error
    if not isinstance(found, dict) or not {"model", "messages", "stream", "n"}.isdisjoint(found):
        raise typer.BadParameter(f"--{role}-params must be an object without model, messages, stream and n")
    return {name: value for name, value in {"temperature": 0, **found}.items() if value is not None}
