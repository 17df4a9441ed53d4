"""Turns log calls into lines on standard error: for people on a terminal, JSON in a pipe.

Each line of JSON has `timestamp` (RFC 3339 in UTC), `level` and `event`, a constant text. An event that a
worker read ends in one line, once it is committed:

========================  ========  =========================================================================
`event`                   level     beside the fields below
========================  ========  =========================================================================
`track labelled`          info      `status` (labelled, abstained), `genre`, `confidence`, `seconds` from
                                    upload to commit, `model`, `model_version`, `result_id`
`track will be retried`   warning   `reason`, `error`
`track dead-lettered`     warning   `reason`, `error`
`record skipped`          info      `reason`
========================  ========  =========================================================================

=================================  ==========================================================================
field                              meaning
=================================  ==========================================================================
`track_id`, `event_id`             of the upload; null where it could not be read
`topic`, `partition`, `offset`     the record that was read: of the upload, or of a retry
`attempt`                          number of this delivery, from 1
`origin`                           of a retry: where the upload first arrived, as `TOPIC/PARTITION/OFFSET`
`trace_id`                         of the upload's `traceparent`, where it has one
`replay_id`                        of a replay
=================================  ==========================================================================

`features left out of the log` (warning) has the same fields. So `event_id` follows an upload through its
retries, and `trace_id` through other services. What is said of a track before its end has what is known
there: `decoder died` and `unexpected error` of a decoding child have `track_id`; `shadow failed` and
`unexpected error` of the pipeline have `event_id` too.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from consumer.config import LogSettings

_QUIET_LIBRARIES = ("numba", "httpx", "httpcore", "asyncio", "matplotlib")
"""Libraries whose own chatter at info and debug says nothing about tracks."""

_HEARD_BY_PEOPLE = ("consumer.decoding.compiling", "featurizer.featurizer", "featurizer.kernel_store")
"""Who warns of what a command's user waits for or can mend."""


class _CurrentStandardError:
    """Looks standard error up at each write: a progress bar replaces it while it is drawn."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _head_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put what every line has before what only some have: people read JSON too."""
    head = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**head, **event}


def configure_logs(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's log records through one formatter to one stream.

    Standard output is never written to: it belongs to data. Call once a process, before threads start.

    Parameters
    ----------
    settings : LogSettings
        Level and format; `auto` is console on a terminal and JSON in a pipe.
    stream : TextIO, optional
        Standard error where null.
    """
    out = stream if stream is not None else sys.stderr
    for_people = settings.format == "console" or (settings.format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
        structlog.processors.StackInfoRenderer(),
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=28, sort_keys=False)]
        if for_people
        else [
            structlog.processors.dict_tracebacks,
            _head_first,
            structlog.processors.JSONRenderer(default=str),
        ]
    )
    handler = logging.StreamHandler(stream if stream is not None else _CurrentStandardError())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def configure_command_logs(settings: LogSettings, *, verbose: bool) -> None:
    """Let a command for people speak of errors only, in words, unless it was asked to say what happens."""
    if verbose:
        configure_logs(settings)
        return
    configure_logs(settings.model_copy(update={"level": "error", "format": "console"}))
    # It repeats itself with every failed connection; the command says what came of it, once.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    for name in _HEARD_BY_PEOPLE:
        logging.getLogger(name).setLevel(logging.WARNING)
