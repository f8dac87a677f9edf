"""The command line."""

import sys

INTERRUPTED = 130
"""The exit status of a command that Ctrl-C ended, as shells have it."""


def run() -> None:
    """Run the command `constancia`. Ctrl-C ends it without a traceback also while it is loaded."""
    try:
        from api.commands.main import main

        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
