"""Weights and tokenizer of a checkpoint in torch: safetensors, a PEFT adapter, or merged GGUF.

Only data is read: safetensors and JSON, never pickles, never code that lies beside weights.
"""

import importlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpo_model.engines.settings import Transformers
from bpo_model.errors import BPOError, GenerationError, MissingDependencyError, ModelLoadError
from bpo_model.hub import fetch_weights
from bpo_model.template import RenderedPrompt

if TYPE_CHECKING:
    from bpo_model.checkpoint import Checkpoint

_NO_CODE = {"trust_remote_code": False}
"""Its default is not "no" but to ask on the terminal."""


def load(checkpoint: "Checkpoint", settings: Transformers) -> tuple[Any, Any]:
    """(model, tokenizer), the model on its device and ready to generate.

    Raises:
        ModelLoadError: If files are missing, damaged or not safetensors, or the device cannot hold or run them.
        MissingDependencyError: If a library is not installed.
    """
    require("torch", "transformers", "accelerate")
    try:
        model, tokenizer = _load(checkpoint, settings)
    except BPOError:
        raise
    except Exception as error:  # the libraries raise many unrelated types; all mean "cannot be loaded"
        raise ModelLoadError(
            f"could not load {checkpoint.name} into torch ({type(error).__name__}: {_brief(error)}). Check that its "
            'files are complete; a GPU that is too small may do with Transformers(quantize="4bit").'
        ) from error
    model.eval()
    return model, tokenizer


def require(*modules: str) -> None:
    """Raise unless all of these can be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingDependencyError(
                f"the transformers engine needs {module}, which is not usable here ({error}). "
                'Install it with: pip install "bpo-model[gpu]"'
            ) from error


def pick_device(settings: Transformers) -> str:
    """The device that was asked for, or the best that is there.

    Raises:
        ModelLoadError: If it is not there, or cannot do what else was asked for.
    """
    import torch

    cuda = torch.cuda.is_available()
    device = settings.device or ("cuda" if cuda else "mps" if torch.backends.mps.is_available() else "cpu")
    kind = device.partition(":")[0]
    if kind == "cuda" and not cuda:
        raise ModelLoadError(
            f"device={device!r}, but torch finds no CUDA here. Leave device out, or install its driver."
        )
    for option in ("quantize", "compile"):
        if getattr(settings, option) and kind != "cuda":
            raise ModelLoadError(
                f"{option}={getattr(settings, option)!r} works on CUDA only, not on {device}; leave it out."
            )
    return device


def pick_dtype(settings: Transformers, device: str) -> Any:
    """The torch dtype of the weights."""
    import torch

    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)
    if device.startswith("cuda"):
        # Older GPUs emulate bfloat16, which is slower than either.
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.float16 if device.startswith("mps") else torch.float32


def _load(checkpoint: "Checkpoint", settings: Transformers) -> tuple[Any, Any]:
    """Choose the way by what the checkpoint is made of."""
    device = pick_device(settings)
    options = {"dtype": pick_dtype(settings, device), "device_map": {"": device}}
    if checkpoint.base is not None:
        return _load_gguf(checkpoint, settings, options)
    if settings.quantize:
        options["quantization_config"] = _bitsandbytes(settings, options["dtype"])
    folder = _safe_folder(checkpoint.model, checkpoint.revision)
    if (folder / "adapter_config.json").is_file():
        return _load_adapted(folder, options)
    return _load_model(folder, **options), _load_tokenizer(folder)


def _load_gguf(checkpoint: "Checkpoint", settings: Transformers, options: dict[str, Any]) -> tuple[Any, Any]:
    """Base and adapter as one GGUF file, dequantized: torch has no kernels for its blocks."""
    require("gguf")
    from transformers import GgufConfig

    from bpo_model.merged import runnable_files

    if settings.quantize:
        raise ModelLoadError(
            f"quantize={settings.quantize!r} is for safetensors; {checkpoint.name} is GGUF. Leave it out."
        )
    path, adapter = runnable_files(checkpoint)
    if adapter is not None:
        raise ModelLoadError(
            f"the merged weights of {checkpoint.name} could not be written to the cache folder, and torch cannot use "
            "base and adapter apart. Free disk space there, or leave the engine out."
        )
    source = {"gguf_file": path.name}
    model = _load_model(path.parent, quantization_config=GgufConfig(dequantize=True), **source, **options)
    return model, _load_tokenizer(path.parent, **source)


def _load_adapted(folder: Path, options: dict[str, Any]) -> tuple[Any, Any]:
    """A PEFT adapter, merged into its base."""
    require("peft")
    from peft import PeftModel

    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    base = _safe_folder(config["base_model_name_or_path"], config.get("revision"))
    adapted = PeftModel.from_pretrained(_load_model(base, **options), str(folder))
    # Rounded back to a few bits, much of the adapter would be lost.
    model = adapted.get_base_model() if "quantization_config" in options else adapted.merge_and_unload()
    return model, _load_tokenizer(folder if (folder / "tokenizer_config.json").is_file() else base)


def _safe_folder(name: str, revision: str | None) -> Path:
    """The folder with the weights; from the hub if there is no such folder.

    The download is done here, because transformers would ask a public service to convert
    pickled weights, and take what that proposes; and here pickles and code stay behind.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = fetch_weights(name, revision)
    if not any(folder.glob("*.safetensors")):
        raise ModelLoadError(
            f"{name} has no weights in safetensors{' at ' + revision if revision else ''}, and pickled ones (.bin) are "
            "never loaded, because they can run code. Name a revision that has them, such as "
            f"`{name}@refs/pr/1` from the repository's pull requests, or convert them with `save_pretrained`."
        )
    return folder


def _load_model(folder: Path, **options: Any) -> Any:
    """The model; refused if a part of it is not in the files, which transformers would fill with random numbers."""
    from transformers import AutoModelForCausalLM

    options |= {"use_safetensors": True, "output_loading_info": True, **_NO_CODE}
    model, info = AutoModelForCausalLM.from_pretrained(str(folder), **options)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ModelLoadError(f"{folder} lacks {len(missing)} weights, such as {missing[0]}. Download or save it again.")
    return model


def _load_tokenizer(folder: Path, **source: Any) -> Any:
    """The tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), **_NO_CODE, **source)


def _bitsandbytes(settings: Transformers, dtype: Any) -> Any:
    """The quantization that bitsandbytes does while it loads."""
    require("bitsandbytes")
    from transformers import BitsAndBytesConfig

    if settings.quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _brief(error: Exception) -> str:
    """The message in one line of bearable length."""
    return " ".join(str(error).split())[:300]


class PromptEncoder:
    """Prompt -> token ids; what the user typed never becomes a special token."""

    def __init__(self, tokenizer: Any) -> None:
        """Find out which tokens are special and whether the tokenizer begins texts with one."""
        self._tokenizer = tokenizer
        # Added tokens that are not marked as special count too: chat markers often are not.
        added = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
        self._added = added.keys() - {tokenizer.unk_token_id}
        markers = sorted(added.values(), key=len, reverse=True)
        self._marker = re.compile("|".join(map(re.escape, markers)) or r"(?!)")
        self._begin = [id_ for id_ in tokenizer("x")["input_ids"][:1] if id_ == tokenizer.bos_token_id]

    def encode(self, prompt: RenderedPrompt) -> list[int]:
        """The tokens of the whole string, unless the user's text would add special ones to the template's."""
        ids = self._tokens(str(prompt) + prompt.reply)
        template = self._tokens(prompt.before) + self._tokens(prompt.after)
        if self._special(ids) != self._special(template):
            ids = self._careful(prompt)
        return ids if ids[:1] == self._begin else self._begin + ids

    def _careful(self, prompt: RenderedPrompt) -> list[int]:
        """The same tokens for harmless text: what lies between two markers of the template is encoded at once."""
        ends = [match.end() for match in self._marker.finditer(prompt.before)]
        start = self._marker.search(prompt.after)
        head, tail = ends[-1] if ends else 0, start.start() if start else len(prompt.after)
        plain = prompt.before[head:] + prompt.text + prompt.after[:tail]
        reply = self._plain(prompt.reply) if prompt.reply else []
        return [*self._tokens(prompt.before[:head]), *self._plain(plain), *self._tokens(prompt.after[tail:]), *reply]

    def _tokens(self, text: str) -> list[int]:
        """Tokens of text with markers in it."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def _plain(self, text: str) -> list[int]:
        """Tokens of text without any: the tokenizer's own steps but the search for added tokens.

        transformers' `split_special_tokens` would spare those that are not marked as special.
        """
        backend = self._tokenizer.backend_tokenizer
        if backend.normalizer:
            text = backend.normalizer.normalize_str(text)
        words = [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text)] if backend.pre_tokenizer else [text]
        ids = [token.id for word in words for token in backend.model.tokenize(word)]
        if self._special(ids):
            raise GenerationError("the prompt holds a special token that this tokenizer cannot read as plain text")
        return ids

    def _special(self, ids: Iterable[int]) -> list[int]:
        """Those that are special."""
        return [id_ for id_ in ids if id_ in self._added]
