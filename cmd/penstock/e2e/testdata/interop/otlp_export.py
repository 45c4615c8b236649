"""Exports N log records with the OpenTelemetry SDK over OTLP/HTTP. Usage: otlp_export.py URL N"""
import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

url, n = sys.argv[1], int(sys.argv[2])
provider = LoggerProvider(resource=Resource.create({"service.name": "interop"}))
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url, compression=Compression.Gzip), max_queue_size=100000))
logger = provider.get_logger("interop")
for i in range(n):
    logger.emit(LogRecord(timestamp=time.time_ns(), severity_number=SeverityNumber.INFO, severity_text="INFO",
                          body={"source": "otlp", "seq": i}, attributes={"k": "v"}))
if not provider.force_flush(30000):
    sys.exit("flush failed")
provider.shutdown()
