"""`bpo ui`: rewrite, look, accept, edit or revert in a browser, on this machine and offline.

Needs the extra `ui` (starlette and uvicorn). The page is plain HTML, CSS and JavaScript in `static/`; it asks
nobody but its own server for anything.
"""
