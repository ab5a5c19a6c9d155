"""Run every check over the project and list all that was found; exit code 1 if there was anything."""

import sys
from pathlib import Path

from tests.tidy import dead, imports, prose, sizes

CHECKS = (
    sizes.long_files,
    sizes.long_functions,
    imports.foreign_imports,
    imports.core_imports,
    dead.dead_code,
    prose.broken_references,
    prose.unfinished_words,
    prose.unlisted_traps,
    prose.sleeping_tests,
    prose.missing_markers,
)


def main() -> int:
    """Print all findings; return the exit code."""
    root = Path(__file__).resolve().parents[2]
    findings = [finding for check in CHECKS for finding in check(root)]
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings of {len(CHECKS)} checks")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
