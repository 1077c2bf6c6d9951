"""A DSPy program whose question is rewritten on its way, and one whose instructions are rewritten once.

    pip install "bpo-model[dspy]"
    python examples/dspy_program.py "a question of yours"

Needs no network and no key: the LM answers with the question that it was asked, so that you
see what a real one would get. Put yours in its place: dspy.LM("openai/gpt-4o-mini").
"""

import re
import sys
from typing import Any

import dspy
from dspy.lm15 import Message, Request, Response, TextPart, Usage

from bpo_integrations.dspy import BPO, BPOTeleprompter


class Echo:
    """An engine for dspy.LM."""

    def complete(self, request: Request) -> Any:
        """Answer with the field called question."""
        (question,) = re.findall(r"\[\[ ## question ## \]\]\n(.*?)\n\n", request.messages[-1].text, re.DOTALL)
        message = Message.assistant([TextPart(f"[[ ## answer ## ]]\n{question}\n\n[[ ## completed ## ]]")])
        usage = Usage(input_tokens=0, output_tokens=0, total_tokens=0)
        return Response(id=None, model="echo", message=message, finish_reason="stop", usage=usage)


dspy.configure(lm=dspy.LM("example/echo", engine=Echo(), cache=False), track_usage=True)
signature = dspy.Signature("question -> answer", "answer the question and say why")
asked = " ".join(sys.argv[1:]) or "how do volcanoes work"

program = BPO(dspy.Predict(signature), fields="question", deadline_ms=5000)
result = program(question=asked)
print("asked:       ", asked)
print("sent:        ", result.answer)
print("tokens:      ", {model: used["total_tokens"] for model, used in result.get_lm_usage().items()})

compiled = BPOTeleprompter().compile(dspy.Predict(signature))
print("instructions:", compiled.signature.instructions)
