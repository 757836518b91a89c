"""Other programs, run with a limit of time: an answer, or none."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def run(command: Sequence[str], limit_s: float, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Raises OSError when there is none, subprocess.TimeoutExpired."""
    return subprocess.run(
        command, input=given, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False
    )


def ask_python(code: str, limit_s: float) -> Any:
    """The JSON that code prints in an interpreter of its own, None when it fails.

    Apart, because an engine built for another processor ends its process, and torch would stay in ours for ever.
    """
    variables = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=limit_s, check=False, env=variables
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout.strip() else None
