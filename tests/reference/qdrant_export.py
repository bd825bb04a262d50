#!/usr/bin/env python3
"""A gallery in Qdrant answers as the gallery does.

    python3 tests/reference/qdrant_export.py target/release/skueye target/release/skueye-bench

A gallery of synthetic vectors is changed in the field (a product enrolled, one removed), exported by `skueye gallery
export` and pushed by `push_to_qdrant.py` through Qdrant's official client, as a user would: to the server that the variable
SKUEYE_QDRANT_URL names, or else to the client's embedded edition in a folder. Then it is asked the same queries as the
vectors themselves, its payload is compared with the gallery, and a second push must change nothing, a push of a smaller
export remove what is gone, and one of another embedding be refused. The same rows are also put into Qdrant Edge, the
server's own engine as a library.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import qdrant_edge
from qdrant_client import QdrantClient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUSH = os.path.join(ROOT, "firmware/gallery/tools/push_to_qdrant.py")
URL = os.environ.get("SKUEYE_QDRANT_URL")
ROWS, K = 600, 10
GTIN = "4006381333931"


def run(*command, refused=False):
    """The last line that a program prints, as JSON; or its error where it has to refuse."""
    done = subprocess.run(command, capture_output=True, text=True)
    if (done.returncode != 0) != refused:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stderr if refused else json.loads(done.stdout.splitlines()[-1] if done.stdout.strip() else "{}")


def make(folder, skueye, bench):
    """An exported gallery with a changed past."""
    vectors, gallery = os.path.join(folder, "vectors"), os.path.join(folder, "shop.skg")
    subprocess.run([bench, "vectors", "--rows", str(ROWS), "--query-count", "50", "--dim", "64", "--out", vectors], check=True, capture_output=True)
    at = lambda name: os.path.join(vectors, f"{name}.npy")
    command = [bench, "gallery", "--vectors", at("base"), "--queries", at("queries"), "--products", at("products")]
    subprocess.run([*command, "--seconds", "0", "--gallery", gallery], check=True, capture_output=True)
    new = os.path.join(folder, "new.npy")
    np.save(new, np.load(at("queries"))[:3])
    run(skueye, "gallery", "enrol", gallery, "--vectors", new, "--gtin", GTIN, "--title", "Tea", "--json")
    removed = run(skueye, "gallery", "remove", gallery, "--rows", "5,6,7", "--json")["rows"]
    out = os.path.join(folder, "export")
    exported = run(skueye, "gallery", "export", gallery, "--out", out, "--json")
    assert exported["rows"] == ROWS + 3 - removed, exported
    return gallery, out, np.load(at("queries"))


def best(rows, query):
    """The cosines of the best rows, by their numbers; neighbours that are as good to four digits may change places."""
    scores = rows @ query / np.linalg.norm(rows, axis=1)
    order = np.argsort(-scores)[:K]
    return scores, set(order.tolist()), scores[order[-1]]


def expect_same(found, rows, query, what):
    """What was found is as good as the best there is."""
    scores, order, last = best(rows, query)
    wrong = [row for row in found if row not in order and scores[row] < last - 1e-3]
    assert len(found) == K and not wrong, f"{what}: {wrong} of {found} are not among the best {sorted(order)}"


def ask_server(target, collection, rows, payloads, identity, queries):
    client = QdrantClient(url=URL) if URL else QdrantClient(path=target)
    assert client.count(collection, exact=True).count == len(rows)
    for query in queries:
        points = client.query_points(collection, query=query.tolist(), limit=K, with_payload=True).points
        expect_same([point.id for point in points], rows, query, "client")
        for point in points:
            wanted = {**payloads[point.id], "embedding_id": identity["embedding_id"]}
            assert point.payload == wanted, f"{point.payload} is not {wanted}"
    client.close()


def ask_edge(folder, rows, payloads, queries):
    """The rows in the server's engine."""
    vectors = qdrant_edge.EdgeVectorParams(size=rows.shape[1], distance=qdrant_edge.Distance.Cosine)
    os.makedirs(folder)
    shard = qdrant_edge.EdgeShard.create(folder, qdrant_edge.EdgeConfig(vectors={"": vectors}))
    points = [qdrant_edge.Point(id=n, vector=row.tolist(), payload=payloads[n]) for n, row in enumerate(rows)]
    shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
    for query in queries:
        request = qdrant_edge.SearchRequest(query=qdrant_edge.Query.Nearest(query.tolist()), limit=K)
        expect_same([point.id for point in shard.search(request)], rows, query, "edge")


def main():
    skueye, bench = map(os.path.abspath, sys.argv[1:3])
    collection = f"skueye-test-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        gallery, out, queries = make(folder, skueye, bench)
        rows = np.load(os.path.join(out, "rows.npy"))
        with open(os.path.join(out, "rows.jsonl"), encoding="utf-8") as file:
            payloads = [json.loads(line) for line in file]
        with open(os.path.join(out, "export.json"), encoding="utf-8") as file:
            identity = json.load(file)
        target = os.path.join(folder, "qdrant")
        where = ["--url", URL] if URL else ["--path", target]
        push = lambda out, refused=False: run(sys.executable, PUSH, out, "--collection", collection, *where, refused=refused)
        try:
            for _ in range(2):
                assert push(out) == {"collection": collection, "points": len(rows), "removed": 0}
                ask_server(target, collection, rows, payloads, identity, queries)
            ask_edge(os.path.join(folder, "edge"), rows, payloads, queries)

            run(skueye, "gallery", "remove", gallery, "--gtin", GTIN, "--json")
            smaller = os.path.join(folder, "smaller")
            run(skueye, "gallery", "export", gallery, "--out", smaller, "--json")
            assert push(smaller) == {"collection": collection, "points": len(rows) - 3, "removed": 3}
            ask_server(target, collection, np.load(os.path.join(smaller, "rows.npy")), payloads, identity, queries)

            with open(os.path.join(smaller, "export.json"), "w", encoding="utf-8") as file:
                json.dump({**identity, "rows": len(rows) - 3, "embedding_id": "0" * 31 + "1"}, file)
            assert "use another collection" in push(smaller, refused=True)
        finally:
            if URL:
                QdrantClient(url=URL).delete_collection(collection)
    edition = f"the server at {URL}" if URL else "the client's embedded edition (SKUEYE_QDRANT_URL names a server)"
    print(f"{len(rows)} rows and {len(queries)} queries: {edition} and Qdrant Edge answer as the gallery's vectors do")


if __name__ == "__main__":
    main()
