"""What is compared: the paper's procedure, our engines, and the bare libraries under them.

All systems decode greedily, at most `MAX_TOKENS` tokens a prompt, with the weights of one
checkpoint. A system is a function from a prompt to the number of tokens it wrote.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from bpo_model import GatePolicy, LlamaCpp, OpenAICompatible, PromptOptimizer, SamplingConfig, Transformers, cores
from bpo_model.checkpoint import Checkpoint, load_checkpoint
from bpo_model.engines import llama_cpp
from bpo_model.engines.base import PENALIZED_TOKENS
from bpo_model.engines.settings import EngineSettings
from bpo_model.engines.torch_loading import load
from bpo_model.merged import runnable_files
from bpo_model.prefill import prefill
from bpo_model.split import split

System: TypeAlias = Callable[[str], int]

MAX_TOKENS = 160
NO_RETRIES = SamplingConfig(retries=0)
"""One generation a prompt, so that every system does the same work."""


def reference(name: str | None) -> System:
    """The procedure of the paper's release: `generate`, one prompt at a time, fp32 on CPU and fp16 on GPU.

    The whole prompt goes through the model, context included, as it does there.
    """
    import torch

    checkpoint, lock = load_checkpoint(name), threading.Lock()
    model, tokenizer = load(checkpoint, Transformers(dtype="float16" if torch.cuda.is_available() else "float32"))

    def run(prompt: str) -> int:
        text = _text(checkpoint, prompt)
        with lock, torch.inference_mode():
            ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
            out = model.generate(**ids, max_new_tokens=MAX_TOKENS, do_sample=False)
        return int(out.shape[1] - ids["input_ids"].shape[1])

    return run


def ours(name: str | None, settings: EngineSettings) -> System:
    """The product: messages, gate, split, worker, engine, contract."""
    optimizer = PromptOptimizer.from_pretrained(
        name, engine=settings, mode=NO_RETRIES, rewrite="always", cache="off", policy=GatePolicy(languages=())
    )
    return lambda prompt: optimizer.optimize(prompt).tokens.completion


def bare_llama_cpp(name: str | None) -> System:
    """llama.cpp's server in this process, called with finished requests: the limit of our engine."""
    checkpoint = load_checkpoint(name)
    model, adapter = runnable_files(checkpoint)
    threads = cores.default_threads()
    servers: SimpleQueue[Any] = SimpleQueue()
    for _ in range(max(1, cores.usable_cores() // threads)):
        servers.put(llama_cpp._start(model, adapter, checkpoint.context_tokens, threads, "unused"))

    def run(prompt: str) -> int:
        instruction = split(prompt).instruction
        body = {"prompt": _text(checkpoint, instruction), "n_predict": _limit(checkpoint, prompt), "temperature": 0.0}
        body |= {"cache_prompt": True, **_sampling(checkpoint, instruction)}
        server = servers.get()
        try:
            reply = server.handle_completions(body)
        finally:
            servers.put(server)
        return int(reply["usage"]["completion_tokens"])

    return run


def _text(checkpoint: Checkpoint, instruction: str) -> str:
    """What the model reads, with the start of its reply if the weights were trained with one."""
    start = prefill(instruction) if checkpoint.prefill else ""
    return str(checkpoint.template.render(instruction)) + start


def _sampling(checkpoint: Checkpoint, instruction: str) -> dict[str, Any]:
    """The optimizer's own settings for what is added, in llama.cpp's words."""
    if not checkpoint.prefill or not prefill(instruction):
        return {}
    own = checkpoint.prefill.sampling(instruction)
    return {
        "logit_bias": [list(one) for one in own["logit_bias"]],
        "frequency_penalty": own["frequency_penalty"],
        "repeat_last_n": PENALIZED_TOKENS,
    }


def _limit(checkpoint: Checkpoint, prompt: str) -> int:
    """The token limit that the optimizer would set."""
    from bpo_model.rewriting import TOKENS_PER_WORD

    words = checkpoint.length.limit(len(split(prompt).instruction.split()))
    return min(TOKENS_PER_WORD * words, checkpoint.context_tokens // 2)


def over_http(name: str | None) -> System:
    """Our `openai` engine in front of a llama.cpp server on loopback, which runs in this process too."""
    checkpoint = load_checkpoint(name)
    model, adapter = runnable_files(checkpoint)
    server = llama_cpp._start(model, adapter, checkpoint.context_tokens, cores.default_threads(), "none")
    settings = OpenAICompatible(base_url=f"{server.listening_address}/v1", model="bpo", api_key_variable="BPO_NO_KEY")
    run = ours(name, settings)

    def keep(prompt: str, alive: Any = server) -> int:
        return run(prompt)

    return keep


def at_runtime(name: str | None) -> System:
    """llama.cpp with the adapter applied while it decodes: what merging is compared with."""
    checkpoint = load_checkpoint(name)
    base, adapter = checkpoint.find_files()
    engine = llama_cpp.LlamaCppEngine(base, adapter, context_tokens=checkpoint.context_tokens)
    optimizer = PromptOptimizer(engine, replace(checkpoint, policy=GatePolicy(languages=())))

    def run(prompt: str) -> int:
        return optimizer.optimize(prompt, mode=NO_RETRIES, rewrite="always").tokens.completion

    return run


SYSTEMS: dict[str, Callable[[str | None], System]] = {
    "reference": reference,
    "ours: llama_cpp": lambda name: ours(name, LlamaCpp()),
    "bare llama.cpp": bare_llama_cpp,
    "ours: llama_cpp, adapter at run time": at_runtime,
    "ours: transformers": lambda name: ours(name, Transformers()),
    "ours: openai over loopback": over_http,
}
"""By name, in the order of the report."""


def weights_bytes(name: str | None) -> int:
    """Bytes that one decoded token reads: all weights, in the form in which the CPU engine holds them."""
    path: Path = runnable_files(load_checkpoint(name))[0]
    return path.stat().st_size
