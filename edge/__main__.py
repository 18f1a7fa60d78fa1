"""`python -m edge` and the `edge` command."""

import sys

from edge.cli.main import run


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
