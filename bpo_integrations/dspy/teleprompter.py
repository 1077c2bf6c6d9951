"""Rewriting the instructions of a program when it is compiled: nothing is added to a call."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import dspy

from bpo_integrations.dspy.texts import keeps_format, rewrite_texts
from bpo_integrations.step import OptimizerLike, RewriteStep
from bpo_model import AGGRESSIVE, OptimizedPrompt, PromptOptimizer
from bpo_model.config import Overrides

logger = logging.getLogger(__name__)

_DEFAULT = re.compile(r"Given the fields (?:`\w+`(?:, )?)*, produce the fields (?:`\w+`(?:, )?)*\.")
"""What DSPy makes up; the names may differ from the signature's, such as without a ChainOfThought's reasoning."""
_REFERENCES = re.compile(r"`[^`\n]+`|\{[^{}\n]*\}")


class BPOTeleprompter(dspy.teleprompt.Teleprompter):  # type: ignore[misc]  # dspy has no types
    """Compiles a program by rewriting the instructions of its predictors, with no examples needed.

    A rewrite is kept if it passes the optimizer's own checks, names the same `fields` and
    {variables}, and, with a metric, does not lower the score. Instructions that DSPy made up
    from the field names carry no intent and stay. The result is saved like every compiled program,
    and may be compiled further.
    """

    def __init__(
        self,
        optimizer: OptimizerLike = None,
        *,
        metric: Callable[..., Any] | None = None,
        num_threads: int | None = None,
        skip_default_instructions: bool = True,
        **options: Unpack[Overrides],
    ) -> None:
        """Take what rewrites, and how to judge the program.

        Args:
            optimizer: What rewrites, the name of a checkpoint, or None for the embedded default.
            metric: `(example, prediction) -> number`, higher is better; None keeps every verified rewrite.
            num_threads: How many examples are evaluated at the same time; None: what dspy.settings says.
            skip_default_instructions: Whether "Given the fields `question`, produce ..." stays.
            options: `on_error`, `deadline_ms` and all others of `bpo_model.config.Options`.

        Raises:
            TypeError: If the optimizer is none.
            ValueError: If an option cannot work.
        """
        super().__init__()
        self.step = RewriteStep(optimizer, **options)
        self.metric, self.num_threads = metric, num_threads
        self.skip_default_instructions = skip_default_instructions

    def compile(self, student: Any, *, trainset: Any = None, teacher: Any = None, valset: Any = None) -> Any:
        """A copy of the student with better instructions; the student stays as it is.

        Args:
            student: Any dspy.Module.
            trainset: Examples for the metric, if there is no valset.
            teacher: Not used.
            valset: Examples for the metric.

        Raises:
            ValueError: If there is a metric and no example to use it on.
            GenerationError: If the optimizer fails and on_error is "raise".
        """
        examples = valset or trainset
        if self.metric is not None and not examples:
            raise ValueError("a metric needs examples: give valset or trainset, or leave the metric out")
        program = student.deepcopy()
        better = self._rewrites({name: each.signature.instructions for name, each in program.named_predictors()})
        score = self._score(program, examples) if better else 0.0
        for name, text in better.items():
            score = self._try(program, name, text, score, examples)
        return program

    def _rewrites(self, instructions: Mapping[str, str]) -> dict[str, str]:
        """The rewrites worth trying, from one call of the optimizer."""
        texts = _with_intent(instructions) if self.skip_default_instructions else instructions
        results = rewrite_texts(self.step, texts)
        kept = {name for name, result in results.items() if _keeps_references(texts[name], result.text)}
        for name, result in results.items():
            logger.info("instructions of %s: %s", name, result.reason.value if name in kept else "lost a reference")
        return {name: result.text for name, result in results.items() if result.changed and name in kept}

    def _try(self, program: Any, name: str, text: str, score: float, examples: Any) -> float:
        """Set the instructions, or set them back if the score drops; returns the score that stands."""
        predictor = dict(program.named_predictors())[name]
        before = predictor.signature
        predictor.signature = before.with_instructions(text)
        after = self._score(program, examples)
        if after >= score:
            return after
        logger.info("instructions of %s: set back, the score fell from %s to %s", name, score, after)
        predictor.signature = before
        return score

    def _score(self, program: Any, examples: Any) -> float:
        """The mean of the metric in percent; 0 without one."""
        if self.metric is None:
            return 0.0
        evaluate = dspy.Evaluate(devset=examples, metric=self.metric, num_threads=self.num_threads)
        return float(evaluate(program).score)


class BPOInstructionProposer:
    """Proposes rewrites in GEPA's search: `dspy.GEPA(..., instruction_proposer=BPOInstructionProposer())`.

    Costs no call of a reflection LM. Draws several rewrites of an instruction and proposes one
    after another each time GEPA comes back to it; without any, the instruction itself.
    """

    def __init__(
        self, optimizer: OptimizerLike = None, *, skip_default_instructions: bool = True, **options: Unpack[Overrides]
    ) -> None:
        """Take what rewrites; see `BPOTeleprompter`. Ours sample (`mode=AGGRESSIVE`) if no mode is given."""
        if optimizer is None or isinstance(optimizer, (str, PromptOptimizer)):
            options = {"mode": AGGRESSIVE, **options}
        self.step = RewriteStep(optimizer, **options)
        self.skip_default_instructions = skip_default_instructions
        self._turns: Counter[str] = Counter()

    def __call__(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:
        """New instructions for the components, by name; the reflective dataset is not used."""
        old = {name: candidate[name] for name in components_to_update}
        results = rewrite_texts(self.step, _with_intent(old) if self.skip_default_instructions else old)
        return {**old, **{name: self._next(old[name], result) for name, result in results.items()}}

    def _next(self, text: str, result: OptimizedPrompt) -> str:
        """The rewrite whose turn it is."""
        choices = [choice for choice in result.candidates or [result.text] if _keeps_references(text, choice)]
        turn = self._turns[text]
        self._turns[text] += 1
        return choices[turn % len(choices)] if choices else text


def _with_intent(instructions: Mapping[str, str]) -> dict[str, str]:
    """Those that somebody wrote."""
    return {name: text for name, text in instructions.items() if not _DEFAULT.fullmatch(text.strip())}


def _keeps_references(original: str, text: str) -> bool:
    """Whether a rewrite can stand in a signature: the same `names` and {variables}, and nothing that breaks formats."""
    return keeps_format(original, text) and set(_REFERENCES.findall(original)) <= set(_REFERENCES.findall(text))
