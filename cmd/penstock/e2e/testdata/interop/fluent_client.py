"""Sends N events with the Python fluent logger. Usage: fluent_client.py HOST PORT N"""
import sys

from fluent import sender

host, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
log = sender.FluentSender("app", host=host, port=port, nanosecond_precision=True)
for i in range(n):
    if not log.emit("python", {"source": "python", "seq": i, "text": "grüße", "nested": {"list": [1, 2.5, None, True]}}):
        sys.exit("emit failed: %s" % log.last_error)
log.close()
