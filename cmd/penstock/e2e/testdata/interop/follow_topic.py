"""Reads a topic from its beginning as a consumer of committed records does, with the partitions that are added to it, and prints each record as
one line of JSON: [partition, offset, time in ms, value]. Once its input is closed it reads on to the end of every partition, and ends."""
import json
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

brokers, topic = sys.argv[1:3]
c = Consumer({"bootstrap.servers": brokers, "group.id": "penstock-reader", "isolation.level": "read_committed", "enable.auto.commit": False,
              "check.crcs": True, "enable.partition.eof": True, "auto.offset.reset": "error", "fetch.wait.max.ms": 200, "socket.timeout.ms": 10000,
              "fetch.error.backoff.ms": 200, "reconnect.backoff.max.ms": 1000, "topic.metadata.refresh.interval.ms": 2000})
closing = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), closing.set()), daemon=True).start()

at = {}  # the offset up to which each partition has been read


def look():
    """Takes up partitions that are new."""
    try:
        found = c.list_topics(topic, timeout=5).topics[topic]
    except KafkaException as e:
        print("metadata:", e, file=sys.stderr, flush=True)
        return
    new = [p for p in found.partitions if p not in at]
    if found.error is None and new:
        c.incremental_assign([TopicPartition(topic, p, 0) for p in new])
        at.update((p, 0) for p in new)


def ends():
    """Returns where each partition ends, or None if that cannot be known now."""
    try:
        return {p: c.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in at}
    except KafkaException as e:
        print("ends:", e, file=sys.stderr, flush=True)


looked, goal, again = 0, None, set()
while True:
    if time.monotonic() - looked > 2 and goal is None:
        look()
        looked = time.monotonic()
        if closing.is_set() and at:
            goal = ends()
    if goal is not None and all(at[p] >= end for p, end in goal.items()):
        break
    for m in c.consume(1000, 0.1) if at else [time.sleep(0.1)]:
        if m is None:
            continue
        e = m.error()
        if e is None:
            print(json.dumps([m.partition(), m.offset(), m.timestamp()[1], m.value().decode()]))
            at[m.partition()] = m.offset() + 1
        elif e.code() == KafkaError._PARTITION_EOF:
            at[m.partition()] = max(at[m.partition()], m.offset())
        elif e.fatal():
            sys.exit(str(e))
        else:
            print(time.strftime("%H:%M:%S"), e.name(), m.partition(), e, file=sys.stderr, flush=True)
            if e.code() == KafkaError._AUTO_OFFSET_RESET:  # a broker that has just come back does not know the offset yet
                again.add(m.partition())
    for p in list(again):
        try:
            c.seek(TopicPartition(topic, p, at[p]))
            again.discard(p)
        except KafkaException as e:
            print("seek:", e, file=sys.stderr, flush=True)
    sys.stdout.flush()
