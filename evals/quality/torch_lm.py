"""A causal language model in torch, as the scorer of answers."""

from pathlib import Path
from typing import Any

from bpo_model.checkpoint import load_checkpoint
from bpo_model.cores import default_threads

MAX_ANSWER_TOKENS = 512
"""Longer answers are scored by their beginning."""
_NO_CODE = {"trust_remote_code": False}


class TorchLM:
    """Weights from a GGUF file, a folder, or a hub id; None: the embedded base model, which is not fine-tuned."""

    def __init__(self, name: str | None = None) -> None:
        """Load in float32 on the CPU, or in bfloat16 on a GPU if there is one."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path = Path(name) if name else load_checkpoint().find_files()[0]
        self.name = path.name if path.exists() else str(name)
        folder, source, weights = _place(path, str(name))
        cuda = torch.cuda.is_available()
        weights |= {"dtype": torch.bfloat16 if cuda else torch.float32, "use_safetensors": True, **_NO_CODE}
        self._model = AutoModelForCausalLM.from_pretrained(folder, **source, **weights).eval()
        self._model.to("cuda" if cuda else "cpu")
        self._tokenizer = AutoTokenizer.from_pretrained(folder, **source, **_NO_CODE)
        # Two threads beside one busy process took twenty times as long as one on two cores.
        torch.set_num_threads(default_threads())

    def mean_logprob(self, prompt: str, answer: str) -> float:
        """Mean log probability in nats over the answer's first 512 tokens, after the model's chat template."""
        import torch

        head = self._tokens(self._framed(prompt))
        tail = self._tokens(answer.strip())[:MAX_ANSWER_TOKENS]
        ids = torch.tensor([head + tail], device=self._model.device)
        with torch.inference_mode():
            # One position more than the answer has: each predicts the next token.
            logits = self._model(input_ids=ids, logits_to_keep=len(tail) + 1).logits[0, :-1]
            loss = torch.nn.functional.cross_entropy(logits.float(), ids[0, -len(tail) :])
        return -float(loss)

    def _framed(self, prompt: str) -> str:
        """The prompt as a user's turn, up to where the answer begins; models without a template get a blank line."""
        if not self._tokenizer.chat_template:
            return f"{prompt}\n\n"
        turn = [{"role": "user", "content": prompt}]
        return str(self._tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))

    def _tokens(self, text: str) -> list[int]:
        """Token ids, without those that a tokenizer puts around a whole text."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _place(path: Path, name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(folder or hub id, what else the tokenizer needs to know, what else the weights need)."""
    if path.suffix != ".gguf":
        return (str(path) if path.exists() else name), {}, {}
    from transformers import GgufConfig

    return str(path.parent), {"gguf_file": path.name}, {"quantization_config": GgufConfig(dequantize=True)}
