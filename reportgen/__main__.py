"""`python -m reportgen`, and the console script."""

from reportgen.cli import main

if __name__ == "__main__":
    main()
