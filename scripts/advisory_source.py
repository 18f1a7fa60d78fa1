"""Ends with 1 where the source of advisories does not answer, answers late, or has none.

It is asked as pip-audit asks it, by the same library, so that both trust the same certificates.
"""

import os
import sys

import requests

SECONDS = 2.0
PACKAGE, VERSION = "pip", "23.2"
"""Any release will do that has been there for long."""


def main() -> int:
    try:
        return 0 if asked(os.environ.get("EDGE_AUDIT_OSV", "")) else 1
    except (requests.RequestException, ValueError):
        return 1


def asked(osv: str) -> bool:
    if osv:
        question = {"package": {"name": PACKAGE, "ecosystem": "PyPI"}, "version": VERSION}
        answer = requests.post(osv, json=question, timeout=SECONDS)
        return answer.ok and isinstance(answer.json(), dict)
    answer = requests.get(f"https://pypi.org/pypi/{PACKAGE}/{VERSION}/json", timeout=SECONDS)
    return answer.ok and "vulnerabilities" in answer.json()


if __name__ == "__main__":
    sys.exit(main())
