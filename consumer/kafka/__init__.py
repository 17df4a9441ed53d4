"""Everything that speaks to Kafka through confluent_kafka, which nothing else imports."""

from consumer.kafka.admin import Cluster, KafkaAdmin
from consumer.kafka.batch_member import BatchMember, RecordBatch
from consumer.kafka.group_consumer import KafkaConsumer
from consumer.kafka.group_offsets import CommittedOffset, GroupOffsets, GroupOffsetsPort
from consumer.kafka.mock_cluster import MockCluster
from consumer.kafka.properties import transactional_id
from consumer.kafka.publisher import Publisher
from consumer.kafka.range_reader import OffsetRange, RangeReader, find_ranges
from consumer.kafka.reader import Start, TopicReader
from consumer.kafka.worker_producer import KafkaProducer

__all__ = [
    "BatchMember",
    "Cluster",
    "CommittedOffset",
    "GroupOffsets",
    "GroupOffsetsPort",
    "KafkaAdmin",
    "KafkaConsumer",
    "KafkaProducer",
    "MockCluster",
    "OffsetRange",
    "Publisher",
    "RangeReader",
    "RecordBatch",
    "Start",
    "TopicReader",
    "find_ranges",
    "transactional_id",
]
