"""An emulator must not outlive the test that started it, however that test ends."""

import os
import sys
import threading


def end_with_parent():
    """Ends this process when its standard input, a pipe that the parent holds, is closed: by the parent, or with it."""
    if os.environ.get("KEUR_TEST_STDIN") != "pipe":
        return

    def wait():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
