"""BPO in DSPy: rewrite and verify input fields while a program runs, or instructions when it is compiled.

    from bpo_integrations.dspy import BPO

    program = BPO(dspy.ChainOfThought("question -> answer"), fields="question")

| to rewrite                                   | use                      |
|----------------------------------------------|--------------------------|
| inputs of one program, before it runs        | `BPO`                    |
| a text anywhere in a module of your own      | `BPORewrite`             |
| inputs everywhere, by `dspy.configure`       | `bpo_adapter`            |
| instructions, once, as a compiler            | `BPOTeleprompter`        |
| instructions, as proposals in GEPA's search  | `BPOInstructionProposer` |

All take the options of `bpo_model.config.Options`, such as `deadline_ms` and `on_error`, and report the
optimizer's tokens to DSPy's usage tracker as "bpo/<model>".
"""

from bpo_model import MissingDependencyError

try:
    import dspy as _dspy  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        'bpo_integrations.dspy needs dspy. Install it with: pip install "bpo-model[dspy]"'
    ) from error

from bpo_integrations.dspy.adapter import bpo_adapter
from bpo_integrations.dspy.modules import BPO, BPORewrite
from bpo_integrations.dspy.teleprompter import BPOInstructionProposer, BPOTeleprompter

__all__ = ["BPO", "BPOInstructionProposer", "BPORewrite", "BPOTeleprompter", "bpo_adapter"]
