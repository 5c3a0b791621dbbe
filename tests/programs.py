"""Programs that tests run: commands, and Python that sees the same closs in an interpreter of its own."""

import os
import subprocess
import sys
import textwrap


def output(*command, **options):
    """What a command prints; one that fails is a failure of the test, and tells all it printed."""
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_python(code, timeout=120, **environment):
    """What the code prints. Seconds after which it is ended, and variables of its environment, may be given."""
    paths = os.pathsep.join(sys.path)
    return output(
        sys.executable, "-c", textwrap.dedent(code), timeout=timeout,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )  # fmt: skip
