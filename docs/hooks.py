"""Links out of docs/ work in a checkout; on the site they lead to the page that shows the same, or are plain text."""

import re
from typing import Any

PAGES = {"CHANGELOG.md": "changelog.md", "README.md": "index.md"}
_LINK = re.compile(r"\[([^\]\n]+)\]\(((?:\.\./)+)([^)\s]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Called by mkdocs for every page."""
    depth = page.file.src_uri.count("/")

    def mended(link: re.Match[str]) -> str:
        """The link as the site needs it."""
        if link[2].count("../") <= depth:
            return link[0]
        target = PAGES.get(link[3])
        return f"[{link[1]}]({'../' * depth}{target})" if target else f"{link[1]} (`{link[3]}`)"

    return _LINK.sub(mended, markdown)
