"""Says what a report of pip-audit found in a lock; ends with 1 where something is
affected, and with 3 where nothing could be asked."""

import json
import sys
from pathlib import Path

NOT_AUDITED = 3


def main(lock: str, report: str) -> int:
    try:
        packages = json.loads(Path(report).read_text())["dependencies"]
    except (OSError, ValueError, KeyError):
        print(f"edge: {lock}: not audited, the registry cannot be reached")
        return NOT_AUDITED
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        print(f"edge: {lock}: not audited, the registry in use has no advisories")
        return NOT_AUDITED
    found = [(package, hole) for package in known for hole in package["vulns"]]
    for package, hole in found:
        fixed = ", ".join(hole["fix_versions"]) or "no version"
        print(
            f"edge: {lock}: {package['name']} {package['version']}: {hole['id']}, fixed in {fixed}"
        )
    print(f"edge: {lock}: {len(known)} of {len(packages)} audited, {len(found)} advisories")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
