"""Golden scripts: commands, `---`, what they print; `pytest --rewrite` writes what is printed now.

Owns the reading, running and rewriting of `*.txt` scripts. A suite supplies verbs, at most fifteen: functions that
take a `Command` and return the lines it prints. A script is blocks with an empty line between: lines of commands,
`---`, lines of output. `#` begins a comment; `quiet` before a command hides what it prints. Read next: tests/raft.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

VERBS_MAX = 15
RULE = "---"


@dataclass(frozen=True)
class Command:
    """One line of a script: `verb word word name=value`."""

    verb: str
    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def number(self, place: int) -> int:
        """The word at a place as a number; a leading letter, as in n3, is skipped."""
        return int(self.words[place].lstrip("n"))

    def numbers(self, name: str) -> tuple[int, ...]:
        """The option `name=1,2,3` as numbers; empty if it is not there."""
        return tuple(int(each.lstrip("n")) for each in self.options.get(name, "").split(",") if each)


Verb = Callable[[Command], Iterable[str] | None]


@dataclass
class Block:
    """Comments, commands, and the lines expected of them."""

    comments: list[str]
    commands: list[str]
    expected: list[str]

    def text(self, output: list[str]) -> str:
        """The block as it stands in a script with this output."""
        lines = [*self.comments, *self.commands]
        return "\n".join([*lines, RULE, *output] if self.commands else lines) + "\n"


def scripts(folder: Path) -> list[Path]:
    """The golden scripts of a folder, by name."""
    found = sorted(folder.glob("*.txt"))
    assert found, f"{folder} holds no golden script"
    return found


def parse_command(line: str) -> Command:
    """Split a line of commands into its verb, words and options; what is in double quotes is one word."""
    verb, *rest = re.findall(r'(?:[^\s"]|"[^"]*")+', line)
    words = [each for each in rest if not re.match(r"[A-Za-z_]\w*=", each)]
    options = [each.split("=", 1) for each in rest if each not in words]
    return Command(verb, tuple(each.replace('"', "") for each in words), {k: v.replace('"', "") for k, v in options})


def parse(text: str) -> list[Block]:
    """The blocks of a script. A block without commands is a comment of its own."""
    blocks = []
    for part in text.strip("\n").split("\n\n"):
        lines = part.strip("\n").split("\n")
        rule = lines.index(RULE) if RULE in lines else len(lines)
        head, expected = lines[:rule], lines[rule + 1 :]
        comments = [line for line in head if line.startswith("#")]
        commands = [line for line in head if not line.startswith("#")]
        assert not commands or rule < len(lines), f"no {RULE} after {commands[-1]!r}"
        blocks.append(Block(comments, commands, expected))
    return blocks


def run_block(block: Block, verbs: Mapping[str, Verb]) -> list[str]:
    """Carry the commands of a block out; everything they print, one string per line."""
    output: list[str] = []
    for line in block.commands:
        quiet = line.startswith("quiet ")
        command = parse_command(line.removeprefix("quiet "))
        assert command.verb in verbs, f"{command.verb!r} is none of {', '.join(sorted(verbs))}"
        printed = verbs[command.verb](command) or ()
        lines = [each for text in printed for each in text.split("\n")]
        assert all(lines), "an empty line would end the block"
        output += [] if quiet else lines
    return output


def run_script(path: Path, verbs: Mapping[str, Verb], rewrite: bool) -> None:
    """Run a script and compare, or rewrite it. Stops at the first block that differs."""
    assert len(verbs) <= VERBS_MAX, f"{len(verbs)} verbs are a language; at most {VERBS_MAX}"
    blocks = parse(path.read_text(encoding="utf-8"))
    texts = []
    for block in blocks:
        output = run_block(block, verbs)
        texts.append(block.text(output))
        if not rewrite:
            assert output == block.expected, _difference(path, block, output)
    if rewrite:
        path.write_text("\n".join(texts), encoding="utf-8")


def _difference(path: Path, block: Block, output: list[str]) -> str:
    commands = "\n  ".join(block.commands)
    expected, printed = "\n  ".join(block.expected), "\n  ".join(output)
    return f"{path.name}:\n  {commands}\nexpected\n  {expected}\nprinted\n  {printed}"
