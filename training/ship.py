"""Make a finished run the embedded default of this checkout.

python -m training.ship runs/default

Copies adapter, bpo.json and manifest into bpo_model/weights; the folder stays loadable at
every moment in between, because bpo.json, which names the hash, is written last.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bpo_model.checkpoint import EMBEDDED, load_checkpoint
from bpo_model.files import write_bytes

MAX_ADAPTER_BYTES = 12_000_000
"""The repository and the wheel stay small."""
FILES = ("adapter.gguf", "manifest.json", "bpo.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Check the run and copy it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path, help="the --output_dir of training.sft")
    ship(parser.parse_args(argv).run, EMBEDDED)
    return 0


def ship(run: Path, weights: Path) -> None:
    """Copy a finished run.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If the adapter is too large.
        ModelLoadError: If its files do not fit its bpo.json.
    """
    missing = [name for name in FILES if not (run / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{run} lacks {', '.join(missing)}: the run has not finished. Run training.sft again.")
    load_checkpoint(run).find_files()
    if (run / "adapter.gguf").stat().st_size > MAX_ADAPTER_BYTES:
        raise ValueError(f"{run}/adapter.gguf is over {MAX_ADAPTER_BYTES} bytes. Train with a smaller --lora_r.")
    for name in FILES:
        write_bytes(weights / name, (run / name).read_bytes())


if __name__ == "__main__":
    sys.exit(main())
