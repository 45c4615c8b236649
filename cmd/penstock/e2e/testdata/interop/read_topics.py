"""Reads topics as a consumer of committed records does, and prints each record as one line of JSON: [topic, key, value, headers], bytes in hex."""
import json
import sys

from confluent_kafka import Consumer, TopicPartition

brokers, expected, topics = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
c = Consumer({"bootstrap.servers": brokers, "group.id": "librdkafka", "isolation.level": "read_committed", "enable.auto.commit": False,
              "check.crcs": True, "enable.partition.eof": True, "fetch.max.bytes": 268435456, "receive.message.max.bytes": 536870912,
              "max.partition.fetch.bytes": 134217728})
c.assign([TopicPartition(t, 0, 0) for t in topics])


def hexed(b):
    return None if b is None else b.hex()


n, ended = 0, set()
while len(ended) < len(topics):
    m = c.poll(60)
    if m is None:
        sys.exit("nothing within a minute, after %d records" % n)
    if m.error():
        if m.error().name() == "_PARTITION_EOF":
            ended.add(m.topic())
            continue
        sys.exit(str(m.error()))
    n += 1
    headers = [[k, hexed(v)] for k, v in (m.headers() or [])]
    print(json.dumps([m.topic(), hexed(m.key()), hexed(m.value()), headers]))
if n != expected:
    sys.exit("%d records, want %d" % (n, expected))
