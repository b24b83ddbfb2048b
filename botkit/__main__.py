"""`python -m botkit` is the `botkit` command."""

from botkit.cli import main

if __name__ == "__main__":
    main()
