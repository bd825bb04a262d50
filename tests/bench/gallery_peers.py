#!/usr/bin/env python3
"""Measures what a user could pick instead of the gallery, on the same vectors, in turns with it.

    python3 tests/bench/gallery_peers.py --install --vectors base.npy --queries queries.npy [--labels labels.npy]
        [--products products.npy] [--skueye target/release/skueye-bench] [--only NAME,...] [--rounds 3] [--seconds 2] [--json]

Every program answers one query at a time on one thread (--threads changes that for all of them that can), k = 10. Those
with a setting for effort (ef, nprobe, refinement) are given the least effort of a list that reaches the wanted recall on
these queries, one in five of which should be of a product that the vectors lack; one that reaches it with no setting is
measured with the least that comes within 0.001 of its best, and marked `short`. A peer is built, tuned, and then takes turns with skueye-bench: each round
is a measurement of every mode of Skueye's and one of the peer. So both meet the same machine, busy or not. The table at
the end gives each peer's time against each of Skueye's modes *in the rounds of that peer*.

Times are the least, median and 99th percentile over all calls of all rounds. Calls to peers come from Python: what such a
call costs without a search is measured on an index of one vector and printed; take it off where it matters (10,000 rows).

Packages, pinned: see PACKAGES. `--install` puts them into target/bench-venv and runs this script there. On a million rows
the graphs take most of an hour to build on two cores, and 16 GB of memory; `--only` leaves peers out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PACKAGES = [
    "numpy==2.4.6",
    "faiss-cpu==1.15.1",
    "usearch==2.26.6",
    "hnswlib==0.8.0",
    "scann==1.4.2",
    "qdrant-edge-py==0.9.0",
]
K = 10


def install(arguments):
    """Makes the environment and starts again inside it."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    venv = os.path.join(root, "target", "bench-venv")
    python = os.path.join(venv, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    os.execv(python, [python, __file__, *arguments])


def recall(truth, found):
    """The share of the right rows that was found."""
    hits = sum(len(set(a) & set(b)) for a, b in zip(truth.tolist(), found))
    return hits / truth.size


def calls(search, queries, seconds):
    """Milliseconds of every call, all queries in turn, for as long as there is time."""
    times = []
    start = time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        for query in queries:
            begun = time.perf_counter_ns()
            search(query)
            times.append((time.perf_counter_ns() - begun) / 1e6)
    return times


def times_of(times):
    """What is said of the times of some calls."""
    times = sorted(times)
    return {
        "min_ms": times[0],
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[int(len(times) * 0.99)],
        "qps": 1e3 * len(times) / sum(times),
    }


def say(name, result):
    print(
        f"{name:<26} recall {result['recall10']:.4f}  min {result['min_ms']:.3f}  p50 {result['p50_ms']:.3f}"
        f"  p99 {result['p99_ms']:.3f} ms  {result['qps']:.0f}/s"
        f"  {result.get('effort', '')}{' short' if result.get('short') else ''}",
        file=sys.stderr,
        flush=True,
    )


class Skueye:
    """skueye-bench on the same files, in a process of its own that measures again whenever it is asked."""

    def __init__(self, options):
        command = [options.skueye, "gallery", "--again", "--json", "--threads", str(options.threads)]
        for name in ("vectors", "queries", "labels", "products"):
            if getattr(options, name):
                command += [f"--{name}", getattr(options, name)]
        command += ["--seconds", str(options.seconds), *options.skueye_arguments.split()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        report = self.read()
        self.modes = report.pop("modes")
        self.machine = report
        self.rounds = []

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("skueye-bench ended; its words are above")
        return json.loads(line)

    def again(self):
        """Another round: the times of each mode."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        modes = self.read()["modes"]
        self.rounds.append(modes)
        return modes

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def results(self):
        """Each mode as the first round found it, with the median of the rounds' medians and the least of all calls."""
        for name, mode in self.modes.items():
            rounds = [mode, *(modes[name] for modes in self.rounds)]
            for key in ("p50_ms", "p99_ms", "qps", "mean_ms"):
                mode[key] = sorted(one[key] for one in rounds)[len(rounds) // 2]
            mode["min_ms"] = min(one["min_ms"] for one in rounds)
            mode["rounds"] = len(rounds)
        return {f"skueye_{name}": mode for name, mode in self.modes.items()}


class Bench:
    """What all peers share: vectors, truth, Skueye to take turns with, and the results so far."""

    def __init__(self, options):
        import numpy as np

        self.options = options
        self.base = np.load(options.vectors)
        self.queries = np.load(options.queries)
        labels = np.load(options.labels) if options.labels else None
        self.known = None if labels is None else labels >= 0
        self.results = {}
        self.truth = self.exact()
        self.skueye = Skueye(options) if options.skueye else None

    def exact(self):
        """The right rows, by a float search of everything. Also what a call costs that searches one vector."""
        import faiss

        index = faiss.IndexFlatIP(self.base.shape[1])
        index.add(self.base[:1])
        faiss.omp_set_num_threads(1)
        self.call_ms = times_of(calls(lambda query: index.search(query[None], 1), self.queries[:100], 0.2))["p50_ms"]
        faiss.omp_set_num_threads(os.cpu_count())
        index.add(self.base[1:])
        return index.search(self.queries, K)[1]

    def wants(self, name):
        return not self.options.only or any(name.startswith(only) for only in self.options.only)

    def add(self, name, search, effort=None):
        """Measures a peer, in turns with Skueye."""
        found = [list(search(query)) for query in self.queries]
        result = {"recall10": recall(self.truth, found)}
        result["short"] = result["recall10"] < self.options.recall
        if self.known is not None:
            for label, chosen in (("known", self.known), ("unknown", ~self.known)):
                picked = [row for row, wanted in zip(found, chosen) if wanted]
                result[f"recall10_{label}"] = recall(self.truth[chosen], picked)
        if effort is not None:
            result["effort"] = effort
        times, beside = [], []
        for _ in range(self.options.rounds):
            if self.skueye:
                beside.append(self.skueye.again())
            times += calls(search, self.queries, self.options.seconds)
        result |= times_of(times)
        result["times_slower_than"] = {
            mode: result["p50_ms"] / sorted(one[mode]["p50_ms"] for one in beside)[len(beside) // 2]
            for mode in (beside[0] if beside else {})
        }
        self.results[name] = result
        say(name, result)

    def tuned(self, name, efforts, search_with):
        """Measures a peer with the least of its efforts, in ascending order, that reaches the wanted recall."""
        recalls = []
        for effort in efforts:
            recalls.append(recall(self.truth, [list(search_with(query, effort)) for query in self.queries]))
            if recalls[-1] >= self.options.recall:
                break
        # One whose codes cannot reach it is not charged for trying: the least effort that does nearly as well as any.
        enough = min(self.options.recall, max(recalls) - 0.001)
        effort = next(effort for effort, reached in zip(efforts, recalls) if reached >= enough)
        self.add(name, lambda query: search_with(query, effort), effort)


def faiss_threads(bench, building):
    import faiss

    faiss.omp_set_num_threads(os.cpu_count() if building else bench.options.threads)


def faiss_built(bench, description):
    """The index that FAISS's factory calls so, of all vectors, trained on at most 200,000 of them."""
    import faiss

    faiss_threads(bench, True)
    index = faiss.index_factory(bench.base.shape[1], description, faiss.METRIC_INNER_PRODUCT)
    index.train(bench.base[:: max(1, len(bench.base) // 200_000)])
    index.add(bench.base)
    faiss_threads(bench, False)
    return index


def faiss_sq8(bench):
    index = faiss_built(bench, "SQ8")
    bench.add("faiss_sq8", lambda query: index.search(query[None], K)[1][0])


def faiss_sq8_direct_signed(bench):
    import faiss

    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    index = faiss.IndexScalarQuantizer(bench.base.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    # It takes whole numbers in -128 to 127.
    scale = 127.0 / float(abs(bench.base).max())
    faiss_threads(bench, True)
    index.train(bench.base[:1000] * scale)
    for first in range(0, len(bench.base), 100_000):
        index.add((bench.base[first : first + 100_000] * scale).round())
    faiss_threads(bench, False)
    bench.add("faiss_sq8_direct_signed", lambda query: index.search(query[None] * scale, K)[1][0])


def faiss_pq_fs_refine(bench):
    import faiss

    index = faiss_built(bench, f"PQ{bench.base.shape[1] // 4}x4fs,RFlat")

    def refined(query, factor):
        return index.search(query[None], K, params=faiss.IndexRefineSearchParameters(k_factor=factor))[1][0]

    bench.tuned("faiss_pq_fs_refine", [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048], refined)


def faiss_rabitq_refine(bench):
    """One bit per value, then the vectors themselves; alone it does not reach the recall."""
    import faiss

    index = faiss_built(bench, "RaBitQ,RFlat")

    def refined(query, factor):
        return index.search(query[None], K, params=faiss.IndexRefineSearchParameters(k_factor=factor))[1][0]

    bench.tuned("faiss_rabitq_refine", [4, 16, 64, 128, 256, 512, 1024, 2048], refined)


def faiss_ivf_sq8(bench):
    import faiss

    lists = max(16, int(len(bench.base) ** 0.5))
    index = faiss_built(bench, f"IVF{lists},SQ8")

    def probed(query, probes):
        return index.search(query[None], K, params=faiss.SearchParametersIVF(nprobe=probes))[1][0]

    efforts = [n for n in (4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768) if n <= lists]
    bench.tuned("faiss_ivf_sq8", efforts, probed)


def int8(bench):
    """The vectors in int8, by one scale that spreads them over its range, and what does the same to a query."""
    import numpy as np

    scale = 127.0 / float(abs(bench.base).max())

    def as_int8(values):
        return (values * scale).round().clip(-127, 127).astype(np.int8)

    return as_int8(bench.base), as_int8


def usearch_exact_i8(bench):
    from usearch.index import MetricKind, search

    rows, as_int8 = int8(bench)

    def exact(query):
        return search(rows, as_int8(query), K, MetricKind.Cos, exact=True, threads=bench.options.threads).keys

    bench.add("usearch_exact_i8", exact)


def usearch_hnsw_i8(bench):
    from usearch.index import Index

    index = Index(ndim=bench.base.shape[1], metric="cos", dtype="i8", connectivity=32, expansion_add=128)
    rows, as_int8 = int8(bench)
    index.add(None, rows, threads=os.cpu_count())

    def graph(query, effort):
        index.expansion_search = effort
        return index.search(as_int8(query), K, threads=bench.options.threads).keys

    bench.tuned("usearch_hnsw_i8", [64, 128, 256, 512, 1024, 2048, 4096], graph)


def hnswlib(bench):
    import hnswlib as library

    index = library.Index("ip", bench.base.shape[1])
    index.init_index(len(bench.base), M=32, ef_construction=200)
    index.add_items(bench.base, num_threads=os.cpu_count())
    index.set_num_threads(bench.options.threads)

    def graph(query, effort):
        index.set_ef(effort)
        return index.knn_query(query, K)[0][0]

    bench.tuned("hnswlib", [32, 64, 128, 256, 512, 1024, 2048, 4096], graph)


def scann(bench):
    import scann as library

    count = len(bench.base)
    leaves = max(16, int(count**0.5))
    builder = library.scann_ops_pybind.builder(bench.base, K, "dot_product")
    builder = builder.tree(leaves, max(1, leaves // 10), training_sample_size=min(count, 250_000))
    searcher = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()

    def tree(query, effort):
        return searcher.search(query, leaves_to_search=effort[0], pre_reorder_num_neighbors=effort[1])[0]

    shares = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8]
    bench.tuned("scann", [(max(1, int(leaves * share)), n) for share in shares for n in (100, 400)], tree)


def qdrant_edge(bench):
    import qdrant_edge as library

    with tempfile.TemporaryDirectory() as folder:
        vectors = library.EdgeVectorParams(size=bench.base.shape[1], distance=library.Distance.Dot)
        shard = library.EdgeShard.create(folder, library.EdgeConfig(vectors={"": vectors}))
        for first in range(0, len(bench.base), 1000):
            rows = bench.base[first : first + 1000]
            points = [library.Point(id=first + n, vector=row.tolist(), payload={}) for n, row in enumerate(rows)]
            shard.update(library.UpdateOperation.upsert_points(points))
        shard.optimize()

        def graph(query, effort):
            nearest = library.Query.Nearest(query.tolist())
            request = library.SearchRequest(query=nearest, limit=K, params=library.SearchParams(hnsw_ef=effort))
            return [point.id for point in shard.search(request)]

        bench.tuned("qdrant_edge", [64, 128, 256, 512, 1024, 2048], graph)


PEERS = [
    faiss_sq8,
    faiss_sq8_direct_signed,
    faiss_pq_fs_refine,
    faiss_rabitq_refine,
    faiss_ivf_sq8,
    usearch_exact_i8,
    usearch_hnsw_i8,
    hnswlib,
    scann,
    qdrant_edge,
]


def table(bench, skueye):
    """Everything measured, the fastest first; of each peer how many times slower it was than each mode beside it."""
    modes = [name.removeprefix("skueye_") for name in skueye]
    print(f"\n{'':<26}{'recall':>8}{'min ms':>9}{'p50 ms':>9}{'p99 ms':>9}   times slower than " + " / ".join(modes))
    rows = sorted({**bench.results, **skueye}.items(), key=lambda item: item[1]["p50_ms"])
    for name, result in rows:
        against = result.get("times_slower_than", {})
        ratios = " / ".join(f"{against[mode]:.1f}" for mode in modes if mode in against)
        mark = " (short of the recall)" if result.get("short") else ""
        times = "".join(f"{result[key]:>9.3f}" for key in ("min_ms", "p50_ms", "p99_ms"))
        print(f"{name:<26}{result['recall10']:>8.4f}{times}   {ratios}{mark}")
    print(f"a call from Python without a search: {bench.call_ms:.4f} ms")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--products")
    parser.add_argument("--skueye", help="the program skueye-bench, measured in turns with each peer")
    parser.add_argument("--skueye-arguments", default="", help="further arguments for it, such as '--lists 1024'")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="peers whose names begin so")
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    parser.add_argument("--install", action="store_true", help="install the packages into target/bench-venv first")
    return parser.parse_args()


def main():
    if "--install" in sys.argv:
        install([argument for argument in sys.argv[1:] if argument != "--install"])
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    options = parse()
    bench = Bench(options)
    failed = {}
    for peer in PEERS:
        if not bench.wants(peer.__name__):
            continue
        try:
            peer(bench)
        except Exception as error:  # a peer that fails is reported, not hidden, and does not end the run
            failed[peer.__name__] = f"{type(error).__name__}: {error}"
            print(f"{peer.__name__} failed: {failed[peer.__name__]}", file=sys.stderr)
    skueye, machine = {}, {}
    if bench.skueye:
        bench.skueye.close()
        skueye, machine = bench.skueye.results(), bench.skueye.machine
    table(bench, skueye)
    if options.json:
        modes = {**skueye, **bench.results}
        print(json.dumps({**machine, "python_call_ms": bench.call_ms, "modes": modes, "failed": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
