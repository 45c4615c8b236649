"""Prints what Confluent's serializers write once they have registered the schema: a line of type, frame and value in hex.

Usage: registry_frames.py URL DIRECTORY, with event.desc and event.hex in it.
"""
import datetime
import decimal
import pathlib
import sys
import uuid

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

client = SchemaRegistryClient({"url": sys.argv[1]})
data = pathlib.Path(sys.argv[2])


def write(what, serializer, value):
    context = SerializationContext("confluent-" + what, MessageField.VALUE)
    print(what, "confluent", serializer(value, context).hex(), sep="\t")


schema = '{"$schema":"http://json-schema.org/draft-07/schema#","title":"S","type":"object","properties":{"n":{"type":"integer"}}}'
write("json", JSONSerializer(schema, client), {"n": 1, "s": "x"})

place = '{"type":"record","name":"Place","namespace":"acme","fields":[{"name":"city","type":"string"}]}'
client.register_schema("place", Schema(place, "AVRO"))
order = """{"type":"record","name":"Order","namespace":"acme","fields":[
    {"name":"id","type":{"type":"string","logicalType":"uuid"}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"to","type":["null","acme.Place"]},
    {"name":"tags","type":{"type":"map","values":["null","string","long"]}}]}"""
write("avro", AvroSerializer(client, Schema(order, "AVRO", [SchemaReference("acme.Place", "place", 1)])), {
    "id": uuid.UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    "at": datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, datetime.timezone.utc),
    "day": datetime.date(2026, 1, 2),
    "price": decimal.Decimal("-123.45"),
    "to": {"city": "Bern"},
    "tags": {"k": 7},
})

pool = descriptor_pool.DescriptorPool()
for f in descriptor_pb2.FileDescriptorSet.FromString((data / "event.desc").read_bytes()).file:
    pool.Add(f)
kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("acme.Event"))
serializer = ProtobufSerializer(kind, client, {"use.deprecated.format": False})
write("protobuf", serializer, kind.FromString(bytes.fromhex((data / "event.hex").read_text())))
