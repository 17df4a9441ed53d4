"""A strict in-memory Kafka: logs, groups, transactions, and clients of both ports, for demos and tests.

It enforces what a real broker enforces and the in-process mock cluster does not: members and generations,
producer epochs, atomic transactions, their time-outs, stable offsets, sizes. Time is an argument, and a
hook before and after every request lets a test lose it, lose its answer, or crash its sender.
"""

from consumer.memory_broker.broker import MemoryBroker
from consumer.memory_broker.consumer import MemoryConsumer
from consumer.memory_broker.producer import MemoryProducer
from consumer.memory_broker.requests import Hook, Moment, Request

__all__ = ["Hook", "MemoryBroker", "MemoryConsumer", "MemoryProducer", "Moment", "Request"]
