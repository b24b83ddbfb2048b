"""Coverage-guided fuzzing with Atheris: ``python -m tests.fuzz TARGET [seconds]``, or ``make fuzz`` for all targets.

What it finds to be new is added to the corpus in `tests/fuzz/corpus/`; the suite tries all of that again (`test_corpus.py`). An
input on which a target fails is written to the working directory, and belongs into the corpus with the change that mends it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MAX_BYTES = 4096
SECONDS = 60


def main() -> int:
    """Fuzz one target, or each in a process of its own. Returns the exit code."""
    if len(sys.argv) > 1 and not sys.argv[1].isdigit():
        _fuzz(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
    seconds = sys.argv[1] if len(sys.argv) > 1 else str(SECONDS)
    from tests.fuzz.targets import TARGETS

    failed = []
    for name in TARGETS:
        print(f"{name} ...", flush=True)
        command = [sys.executable, "-m", "tests.fuzz", name, seconds]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "No target failed.")
    return 1 if failed else 0


def _fuzz(name: str, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["botkit", "botkit_sandbox"]):
        from tests.fuzz.targets import TARGETS
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [sys.argv[0], str(folder), f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}"]
    atheris.Setup([*arguments, "-print_final_stats=1", "-verbosity=0"], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
