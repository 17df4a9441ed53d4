"""Turns a compiled function into a file of the kernel store and back: the cache that numba is given.

numba's own cache knows a function by its one file: a kernel that calls an edited kernel of another file is
found stale. It names data files by a counter, so two processes that compile different signatures at once may
each overwrite the other's code. And it refuses to work where it cannot write. Here a file's name is a digest
of all that the code depends on, a write is a rename, a damaged file is compiled again, and a store that
cannot be written is only read.
"""

from __future__ import annotations

import hashlib
import pickle
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from featurizer.kernel_sources import module_digest

_DIGEST_BYTES: Final = 32


class CompiledCode:
    """One function's compiled code on disk; numba asks it before it compiles.

    Parameters
    ----------
    function : callable
        The plain function.
    folder : callable
        Gives the folder of this version's sources and CPU level; first called when code is first needed.
    """

    def __init__(self, function: Callable[..., Any], *, folder: Callable[[], Path]) -> None:
        self._function = function
        self._give_folder = folder
        # Of what this process imported: sources may be edited or upgraded before the function is compiled.
        # Later processes would take the code of the old ones for that of the new.
        self._sources = module_digest(function.__module__)

    @property
    def cache_path(self) -> str:
        """The folder, for numba's statistics."""
        return str(self._give_folder())

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Load the code for one signature; None where it has to be compiled."""
        target_context.refresh()
        path = self._path(signature, target_context.codegen())
        try:
            content = path.read_bytes() if path is not None else b""
        except OSError:
            return None
        digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(code).digest() != digest:
            return None
        return CompileResult._rebuild(target_context, *pickle.loads(code))  # noqa: S301 - we wrote it

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Write the code for one signature; a store that cannot be written stays as it is.

        Raises
        ------
        TypeError
            The function holds an address or a large array, which cannot be stored: pass it as an argument.
        """
        if compiled.library.has_dynamic_globals:
            raise TypeError(f"code with addresses in it cannot be stored: function={self._name}")
        code = dumps(compiled._reduce())
        path = self._path(signature, compiled.codegen)
        if path is None:
            return
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with suppress(OSError):
            unfinished.write_bytes(hashlib.sha256(code).digest() + code)
            unfinished.replace(path)

    def flush(self) -> None:
        """Forget nothing: a store is thrown away whole."""

    @property
    def _name(self) -> str:
        return f"{self._function.__module__}.{self._function.__qualname__}"

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        if self._sources is None:  # typed at a prompt
            return None
        key = repr((self._sources, str(signature), codegen.magic_tuple(), describe(self._function)))
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._give_folder() / f"{self._function.__name__}-{digest[:24]}"


def describe(value: object) -> object:
    """Turn a function, or a value that it closes over, into text that is the same in every process.

    Parameters
    ----------
    value : object
        A function, a kernel, an intrinsic, a number, a string, a tuple, a type, a frozen dataclass ...

    Raises
    ------
    TypeError
        Nothing is known of the value that would be the same tomorrow.
    """
    plain = getattr(value, "py_func", None) or getattr(value, "_defn", None) or value
    if isinstance(plain, FunctionType):
        cells = [cell.cell_contents for cell in plain.__closure__ or ()]
        return (plain.__module__, plain.__qualname__, describe(plain.__code__), describe(tuple(cells)))
    if isinstance(plain, CodeType):
        return (plain.co_code.hex(), plain.co_names, plain.co_varnames, describe(plain.co_consts))
    if isinstance(plain, tuple | list):
        return tuple(describe(item) for item in plain)
    if is_dataclass(plain) and not isinstance(plain, type):
        held = [describe(getattr(plain, field.name)) for field in fields(plain)]
        return (type(plain).__qualname__, tuple(held))
    if isinstance(plain, type):
        return f"{plain.__module__}.{plain.__qualname__}"
    if isinstance(plain, ModuleType):
        return plain.__name__
    if plain is None or isinstance(plain, bool | int | float | complex | str | bytes):
        return repr(plain)
    return _described(plain)


def _described(value: object) -> str:
    text = repr(value)
    if " at 0x" in text:
        raise TypeError(f"a kernel closes over what differs in each process: {text}")
    return text
