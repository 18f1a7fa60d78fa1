"""Pages of our own: their one script and style are known to the browser by their hashes."""

import base64
import hashlib
import re
from importlib.resources import files


def text_of(name: str) -> str:
    """A page that lies beside this file."""
    return files("edge.web").joinpath(name).read_text(encoding="utf-8")


def policy(text: str, *, images: str = "'self'", connect: str = "'none'") -> str:
    """The Content-Security-Policy of a page: nothing runs but what stands in it now."""
    parts = [
        f"{kind}-src {_hash(found[0])}"
        for kind in ("style", "script")
        if (found := re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL))
    ]
    parts += [f"img-src {images}", f"connect-src {connect}"]
    rest = "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; {'; '.join(parts)}; {rest}"


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
