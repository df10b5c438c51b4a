"""`python -m reportgen`, and the console script."""

import sys

from reportgen.signals import interrupt_on_signals, interrupted_code, interrupted_text


def main() -> None:
    """Run the command line, which may be interrupted while it is still being imported."""
    interrupt_on_signals()
    try:
        from reportgen.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write(f"{interrupted_text([])}\n")
        sys.exit(interrupted_code())


if __name__ == "__main__":
    main()
