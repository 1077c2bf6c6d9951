"""`python -m bpo_model`: the command `bpo`, where the folder of scripts is not on the PATH."""

from bpo_model.cli import main

if __name__ == "__main__":
    main()
