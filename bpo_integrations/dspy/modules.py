"""Rewriting as a step of a DSPy program, field by field, before the adapter writes the prompt.

Plain modules without parameters: DSPy's optimizers compile, copy and save the program around
them as if they were not there, and share the optimizer.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import dspy

from bpo_integrations.dspy.texts import arewrite_texts, field_names, follows_turns, rewrite_texts, with_rewrites
from bpo_integrations.step import OptimizerLike, RewriteStep
from bpo_model import OptimizedPrompt, SupportsOptimize
from bpo_model.config import Overrides


class BPORewrite(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """Rewrites a text: `BPORewrite()(prompt="tell me about tea").optimized_prompt`.

    Construction is free: the weights are loaded with the first prompt, once a process. Not a
    Parameter: `set_lm`, saved states and compilers do not see it.
    """

    def __init__(
        self, optimizer: OptimizerLike = None, *, callbacks: list[Any] | None = None, **options: Unpack[Overrides]
    ) -> None:
        """Take what rewrites, the name of a checkpoint, or None for the embedded default.

        Raises:
            TypeError: If the optimizer is none.
            ValueError: If an option cannot work, naming it.
        """
        super().__init__(callbacks)
        self.step = RewriteStep(optimizer, **options)

    @property
    def optimizer(self) -> SupportsOptimize:
        """What rewrites; loads the checkpoint if that has not happened yet."""
        return self.step.optimizer

    def forward(self, prompt: Any, has_history: bool = False) -> Any:
        """Rewrite a text, or several in one call of the optimizer.

        Args:
            prompt: A text, or a dict of texts by name. Anything else, and what is blank, stays as it is.
            has_history: Whether earlier turns come before; then follow-ups ("make it shorter") are left alone.

        Returns:
            A Prediction with `optimized_prompt` and `original_prompt`, and `reason`, the value of a
            `bpo_model.Reason`, or None where there was no text. Three dicts if a dict came in.

        Raises:
            GenerationError: If the optimizer fails and on_error is "raise".
        """
        return _prediction(prompt, rewrite_texts(self.step, _named(prompt), has_history=has_history))

    async def aforward(self, prompt: Any, has_history: bool = False) -> Any:
        """Like `forward`, without blocking the event loop."""
        return _prediction(prompt, await arewrite_texts(self.step, _named(prompt), has_history=has_history))


class BPO(dspy.Module):  # type: ignore[misc]  # dspy has no types
    """A program whose inputs are rewritten before it runs; otherwise the program that it was.

    Its predictors are the program's, named `program.*`. A saved state of the bare program is
    loaded with `bpo.program.load(path)`. What compilers bootstrap are demos with rewritten
    inputs; give the program the user's words, too, with `keep_original`.
    """

    def __init__(
        self,
        program: Any,
        optimizer: OptimizerLike = None,
        *,
        fields: str | Sequence[str],
        keep_original: str | None = None,
        callbacks: list[Any] | None = None,
        **options: Unpack[Overrides],
    ) -> None:
        """Wrap a program.

        Args:
            program: Any dspy.Module.
            optimizer: What rewrites, the name of a checkpoint, or None for the embedded default.
            fields: The inputs to rewrite, one name or several; all others pass through. Texts only:
                None, numbers, lists and images stay as they are.
            keep_original: The program's input that gets the text as it came; then `fields` is one name.
            callbacks: As for every dspy.Module.
            options: `on_error`, `deadline_ms` and all others of `bpo_model.config.Options`.

        Raises:
            TypeError: If the program or the optimizer is none.
            ValueError: If the program takes no such input, or an option cannot work.
        """
        super().__init__(callbacks)
        if not isinstance(program, dspy.Module):
            raise TypeError(f"program must be a dspy.Module, got {type(program).__name__}")
        self.fields, self.keep_original = field_names(fields), keep_original
        if keep_original is not None and len(self.fields) > 1:
            raise ValueError(f"keep_original goes with one field, got {', '.join(self.fields)}; wrap the program twice")
        _check_inputs(program, [*self.fields, *filter(None, [keep_original])])
        self.program = program
        self.rewrite = BPORewrite(optimizer, **options)
        self._compiled = program._compiled

    def forward(self, **inputs: Any) -> Any:
        """Rewrite the fields in one call of the optimizer, and run the program.

        Raises:
            GenerationError: If the optimizer fails and on_error is "raise".
        """
        done = self.rewrite(prompt=self._prompt(inputs), has_history=follows_turns(inputs))
        return self.program(**self._inputs(inputs, done.optimized_prompt))

    async def aforward(self, **inputs: Any) -> Any:
        """Like `forward`, without blocking the event loop; a program without `aforward` runs in a thread."""
        done = await self.rewrite.acall(prompt=self._prompt(inputs), has_history=follows_turns(inputs))
        run = self.program.acall if hasattr(self.program, "aforward") else dspy.asyncify(self.program)
        return await run(**self._inputs(inputs, done.optimized_prompt))

    def named_parameters(self) -> list[tuple[str, Any]]:
        """The program's. DSPy itself would hide those of a compiled program, and `save` would write nothing."""
        found = self.program.named_parameters()
        return [("program" if name == "self" else f"program.{name}", parameter) for name, parameter in found]

    def _prompt(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The fields to rewrite that were given."""
        return {name: inputs[name] for name in self.fields if name in inputs}

    def _inputs(self, inputs: Mapping[str, Any], rewritten: Mapping[str, Any]) -> dict[str, Any]:
        """What the program gets."""
        (first, *_) = self.fields
        original = {self.keep_original: inputs[first]} if self.keep_original and first in inputs else {}
        return {**original, **inputs, **rewritten}


def _named(prompt: Any) -> Mapping[str, Any]:
    """The texts by name; one alone is called prompt."""
    return prompt if isinstance(prompt, Mapping) else {"prompt": prompt}


def _prediction(prompt: Any, results: Mapping[str, OptimizedPrompt]) -> Any:
    """What happened, in the shape of what came in."""
    originals = _named(prompt)
    texts = with_rewrites(originals, results)
    reasons = {name: results[name].reason.value if name in results else None for name in originals}
    if isinstance(prompt, Mapping):
        return dspy.Prediction(optimized_prompt=texts, original_prompt=dict(originals), reason=reasons)
    return dspy.Prediction(optimized_prompt=texts["prompt"], original_prompt=prompt, reason=reasons["prompt"])


def _check_inputs(program: Any, names: Sequence[str]) -> None:
    """Refuse a name that the program does not take: it would silently never be rewritten."""
    known = _input_names(program)
    unknown = [name for name in names if known is not None and name not in known]
    if unknown:
        takes = ", ".join(sorted(known or ()))
        raise ValueError(f"the program has no input {', '.join(unknown)}; {type(program).__name__} takes {takes}")


def _input_names(program: Any) -> set[str] | None:
    """Names of a program's inputs; None if it takes any."""
    if isinstance(program, dspy.ChainOfThought):
        program = program.predict
    if isinstance(program, dspy.Predict):
        return set(program.signature.input_fields)
    forward = getattr(type(program), "forward", None) or getattr(type(program), "aforward", None)
    parameters = list(inspect.signature(forward).parameters.values())[1:] if forward else []
    if not parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return {parameter.name for parameter in parameters}
