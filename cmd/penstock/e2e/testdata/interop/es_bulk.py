"""Indexes N documents with the Elasticsearch client's bulk helper. Usage: es_bulk.py URL N"""
import sys

from elasticsearch import Elasticsearch, helpers

url, n = sys.argv[1], int(sys.argv[2])
es = Elasticsearch(url)
done, errors = helpers.bulk(es, ({"_index": "app", "_source": {"source": "bulk", "seq": i}} for i in range(n)), chunk_size=100)
if done != n or errors:
    sys.exit("indexed %d of %d: %s" % (done, n, errors))
