"""Reads a lake with somebody else's readers and prints, as JSON, what is in it.

Usage: check_lake.py FORMAT DIR
FORMAT is ndjson, parquet, pyarrow (parquet read by pyarrow) or avro; files lie in hive partitions dt=.../hr=...
Prints {"rows": n, "distinct": n, "partitions": {"dt=.../hr=...": n}, "wrong": n, "pruned": n}: "wrong" are
rows whose ts is not of their partition; "pruned" are the rows that a filter on dt and hr alone finds for the first partition.
"""
import glob
import json
import os
import sys

fmt, root = sys.argv[1], sys.argv[2]


def partition(path):
    return "/".join(p for p in path.split(os.sep) if p.startswith(("dt=", "hr=")))


out = {"partitions": {}}
if fmt == "avro":
    import fastavro

    seen, rows, wrong = set(), 0, 0
    for path in glob.glob(root + "/**/*.avro", recursive=True):
        with open(path, "rb") as f:
            for rec in fastavro.reader(f):
                rows += 1
                seen.add((rec["source"], rec["seq"]))
                key = partition(path)
                out["partitions"][key] = out["partitions"].get(key, 0) + 1
                ts = str(rec["ts"]).replace(" ", "T")
                wrong += key != "dt=%s/hr=%s" % (ts[:10], ts[11:13])
    out.update(rows=rows, distinct=len(seen), wrong=wrong)
elif fmt == "pyarrow":
    import pyarrow as pa
    import pyarrow.dataset as ds

    hive = ds.partitioning(pa.schema([("dt", pa.string()), ("hr", pa.string())]), flavor="hive")
    # Files may have columns that others have not: those read here are in all.
    lake = ds.dataset(root, format="parquet", partitioning=hive, exclude_invalid_files=True)
    seen, wrong = set(), 0
    for row in lake.to_table(columns=["source", "seq", "ts", "dt", "hr"]).to_pylist():
        seen.add((row["source"], row["seq"]))
        key = "dt=%s/hr=%s" % (row["dt"], row["hr"])
        out["partitions"][key] = out["partitions"].get(key, 0) + 1
        ts = str(row["ts"]).replace(" ", "T")
        wrong += key != "dt=%s/hr=%s" % (ts[:10], ts[11:13])
    dt, hr = (p.split("=")[1] for p in sorted(out["partitions"])[0].split("/"))
    pruned = lake.count_rows(filter=(ds.field("dt") == dt) & (ds.field("hr") == hr))
    out.update(rows=lake.count_rows(), distinct=len(seen), wrong=wrong, pruned=pruned)
else:
    import duckdb

    db = duckdb.connect()
    types = "{'dt': VARCHAR, 'hr': VARCHAR}"
    if fmt == "parquet":
        src = "read_parquet('%s/**/*.parquet', hive_partitioning=true, hive_types=%s, union_by_name=true)" % (root, types)
    else:
        src = "read_ndjson('%s/**/*.ndjson*', hive_partitioning=true, hive_types=%s)" % (root, types)
    q = lambda sql: db.execute(sql).fetchall()
    out["rows"], out["distinct"] = q("select count(*), count(distinct (source, seq)) from " + src)[0]
    for dt, hr, n in q("select dt, hr, count(*) from %s group by all order by all" % src):
        out["partitions"]["dt=%s/hr=%s" % (dt, hr)] = n
    out["wrong"] = q("select count(*) from %s where strftime(ts::timestamp, '%%Y-%%m-%%d') <> dt or strftime(ts::timestamp, '%%H') <> hr" % src)[0][0]
    first = sorted(out["partitions"])[0] if out["partitions"] else "dt=/hr="
    dt, hr = (p.split("=")[1] for p in first.split("/"))
    out["pruned"] = q("select count(*) from %s where dt = '%s' and hr = '%s'" % (src, dt, hr))[0][0]
print(json.dumps(out))
