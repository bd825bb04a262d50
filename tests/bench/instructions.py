#!/usr/bin/env python3
"""Instructions per search, counted under callgrind: they do not change on a busy machine.

    python3 tests/bench/instructions.py --skueye target/release/skueye-bench [--write | --check]

Twenty thousand synthetic rows of 256 values are searched by each kernel, exactly and pruned. The count of eleven searches
less that of one is ten searches without start-up. `--write` keeps the counts in instructions.json beside this script,
`--check` fails where a count is more than 2 % above the one kept there.

Valgrind (Debian package valgrind) emulates AVX2 but not AVX-512, so the kernels counted on x86-64 are avx2 and scalar.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
ROWS, TOLERANCE = 20_000, 1.02


def count(program, gallery, queries, kernel, scan, times):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "count"]
    command += ["--gallery", gallery, "--queries", queries, "--kernel", kernel, "--scan", scan, "--times", str(times)]
    run = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        raise SystemExit(f"{' '.join(command)}\n{run.stderr[-2000:]}")
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skueye", default="target/release/skueye-bench")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        base, queries = os.path.join(folder, "base.npy"), os.path.join(folder, "queries.npy")
        gallery = os.path.join(folder, "bench.skg")
        make = [options.skueye, "vectors", "--rows", str(ROWS), "--query-count", "20", "--out", folder]
        subprocess.run(make, check=True, capture_output=True)
        build = [options.skueye, "gallery", "--vectors", base, "--queries", queries, "--gallery", gallery]
        subprocess.run([*build, "--seconds", "0", "--no-halves"], check=True, capture_output=True)
        for scan in ("exact", "pruned"):
            for kernel in ("avx2", "scalar"):
                many = count(options.skueye, gallery, queries, kernel, scan, 11)
                one = count(options.skueye, gallery, queries, kernel, scan, 1)
                counts[f"{scan}_{kernel}"] = (many - one) / 10 / ROWS
                print(f"{scan:<8}{kernel:<8}{counts[f'{scan}_{kernel}']:10.2f} instructions per row")
    if options.write:
        with open(KEPT, "w") as out:
            json.dump({name: round(value, 2) for name, value in counts.items()}, out, indent=2)
            out.write("\n")
    if options.check:
        with open(KEPT) as kept:
            kept = json.load(kept)
        worse = {name: value for name, value in counts.items() if value > kept[name] * TOLERANCE}
        if worse:
            print(f"more instructions than kept in {KEPT}: {worse}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
