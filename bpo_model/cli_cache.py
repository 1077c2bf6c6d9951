"""`bpo cache`: look at the on-disk cache, and empty it."""

import typer

cache_app = typer.Typer(no_args_is_help=True, help="The rewrites that --cache disk remembers.")


@cache_app.command("info")
def cache_info() -> None:
    """Show where the file lies and how much it holds."""
    from bpo_model.stores import disk_store

    store = disk_store()
    if not store.path.is_file():
        print(f"{store.path}: nothing kept yet")  # noqa: T201
        return
    print(f"{store.path}: {len(store)} rewrites, {store.path.stat().st_size / 1e6:.1f} MB")  # noqa: T201


@cache_app.command("clear")
def cache_clear() -> None:
    """Delete all remembered rewrites."""
    from bpo_model.stores import disk_store

    print(f"{disk_store().clear()} rewrites deleted")  # noqa: T201
