"""`bpo mcp`: the optimizer and its contract as tools for MCP clients, over stdio.

`optimize_prompt` rewrites and verifies; `check_rewrite` judges anybody's rewrite by the same
contract. Nothing leaves the machine, and prompts are never logged.
"""

from bpo_integrations.step import OptimizerLike, RewriteStep
from bpo_model import MissingDependencyError, OptimizedPrompt, Violation, __version__
from bpo_model.config import Overrides
from bpo_model.contract import verify_prompt

try:
    from mcp.server import MCPServer
    from pydantic import BaseModel
except ImportError as error:
    raise MissingDependencyError('bpo mcp needs mcp. Install it with: pip install "bpo-model[mcp]"') from error

INSTRUCTIONS = (
    "optimize_prompt rewrites a prompt that is meant for a language model, so that it gets a better answer. "
    "Use `text` of the result in place of the prompt; it is the prompt itself, byte for byte, where no verified "
    "rewrite was found, and `reason` says why. check_rewrite says what a rewrite by somebody else lost or invented."
)


class Failed(BaseModel):
    """A check that a rewrite failed."""

    check: str
    detail: str


class Optimized(BaseModel):
    """What `optimize_prompt` returns."""

    text: str
    changed: bool
    reason: str
    detail: str
    rejected: list[Failed]
    """What was wrong with candidates that were not taken."""


class Checked(BaseModel):
    """What `check_rewrite` returns."""

    ok: bool
    violations: list[Failed]


def server(optimizer: OptimizerLike = None, *, deadline_ms: float | None = None) -> MCPServer[None]:
    """Build the server; the weights are loaded with the first prompt."""
    options: Overrides = {} if deadline_ms is None else {"deadline_ms": deadline_ms}
    step = RewriteStep(optimizer, **options)
    made: MCPServer[None] = MCPServer("bpo", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    @made.tool()
    async def optimize_prompt(prompt: str) -> Optimized:
        """Rewrite a prompt for a language model; the prompt itself comes back where no verified rewrite is found."""
        return _optimized(await step.aresult(prompt))

    @made.tool()
    def check_rewrite(original: str, rewrite: str) -> Checked:
        """Check that a rewrite of a prompt lost nothing and invented nothing: numbers, names, quotes, context ..."""
        violations = verify_prompt(original, rewrite)
        return Checked(ok=not violations, violations=_failed(violations))

    return made


def main(model: str | None = None, deadline_ms: float | None = None) -> None:
    """Serve on standard input and output until the client hangs up."""
    server(model, deadline_ms=deadline_ms).run()


def _optimized(result: OptimizedPrompt) -> Optimized:
    """The result for the wire."""
    return Optimized(
        text=result.text, changed=result.changed, reason=result.reason.value,
        detail=result.detail, rejected=_failed(result.violations),
    )  # fmt: skip


def _failed(violations: tuple[Violation, ...]) -> list[Failed]:
    """Violations without the rejected texts."""
    return [Failed(check=violation.check, detail=violation.detail) for violation in violations]
