"""Turns a Dockerfile into stages of instructions, with what each stage inherits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals and the rest of it on one line."""

    name: str
    rest: str

    @property
    def words(self) -> list[str] | None:
        """The words of the exec form; None where it is the shell form."""
        start = self.rest.find("[")
        return list(map(str, json.loads(self.rest[start:]))) if start >= 0 else None


@dataclass
class Stage:
    """One `FROM`: its name, what it is built on, and its own instructions."""

    name: str
    base: str
    own: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class ImageFile:
    """The whole file; `arguments` are those before the first stage."""

    arguments: dict[str, str]
    stages: dict[str, Stage]

    def inherited(self, name: str) -> list[Instruction]:
        """Give the instructions of a stage and of all that it is built on, the first of them first."""
        stage = self.stages[name]
        before = self.inherited(stage.base) if stage.base in self.stages else []
        return [*before, *stage.own]

    def last(self, stage: str, name: str) -> Instruction:
        """Give the instruction that counts: the last of its kind."""
        return [one for one in self.inherited(stage) if one.name == name][-1]

    def environment(self, stage: str) -> dict[str, str]:
        """Give the variables that a stage sets; `${NAME}` of others are left as they are."""
        pairs = [one.rest for one in self.inherited(stage) if one.name == "ENV"]
        found = re.findall(r'(\w[\w.]*)=("[^"]*"|\S+)', " ".join(pairs))
        return {name: value.strip('"') for name, value in found}


def read_image_file(path: Path) -> ImageFile:
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for instruction in _instructions(path.read_text()):
        if instruction.name == "FROM":
            base, _, name = instruction.rest.partition(" AS ")
            current = stages[name or str(len(stages))] = Stage(name, base)
        elif current is None:
            name, _, value = instruction.rest.partition("=")
            arguments[name] = value.strip('"')
        else:
            current.own.append(instruction)
    return ImageFile(arguments, stages)


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines()]
    return [Instruction(name.upper(), re.sub(r" +", " ", rest).strip()) for name, _, rest in found]
