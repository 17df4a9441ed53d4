"""Decodes as the product does, except for files whose names ask for a crash or a hang.

Children import this module by name, in a fresh interpreter, so it stays light.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import ClassVar

from consumer.decoding.messages import Finished, Task, Tell
from consumer.decoding.sinks import Featurize, WindowSink
from consumer.decoding.work import DoTask, FetchAndDecode
from featurizer.spec import FeatureSpec


@dataclass(frozen=True, slots=True)
class FaultyDecoding:
    """The product's work, with faults by file name: `segfault`, `hang`."""

    inner: FetchAndDecode

    preload: ClassVar[tuple[str, ...]] = FetchAndDecode.preload
    featurizer_preload: ClassVar[tuple[str, ...]] = FetchAndDecode.featurizer_preload

    def featurizer(self, spec: FeatureSpec) -> Featurize:
        return self.inner.featurizer(spec)

    def prepare(self) -> DoTask:
        do_task = self.inner.prepare()

        def suffer(task: Task, sink: WindowSink, tell: Tell) -> Finished:
            finished = do_task(task, sink, tell)
            if "segfault" in task.uri:
                ctypes.string_at(0)
            if "hang" in task.uri:
                time.sleep(600)
            return finished

        return suffer
