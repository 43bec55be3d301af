#!/usr/bin/python3
"""Measures hnswlib or Faiss on TEXMEX files, in the format of annoybench.

Graphs have M 16 and ef_construction 64, inverted files as many lists as the
square root of the number of rows.  Everything is in one process: no SQL, no
round trip, so there is no floor to compare with.  One thread searches, in calls
for one query each, and again in calls for ten, which hides Python's overhead.
Queries per second go by the fastest of the passes for each call, and are the
better of both; the other times are those of calls for one query.
"""

import argparse
import csv
import os
import sys
import tempfile
import time

import numpy as np

# Queries in one call when throughput is measured: enough to forget Python.
BATCH = 10
COMPONENTS = {'.bvecs': np.dtype('u1'), '.fvecs': np.dtype('<f4'), '.ivecs': np.dtype('<i4')}


def read(path, rows=None):
    """Returns the first rows, all of them for None, of a TEXMEX file."""
    component = COMPONENTS.get(os.path.splitext(path)[1])
    if component is None:
        sys.exit(f'{path}: not a file of type .fvecs, .bvecs or .ivecs')
    head = np.fromfile(path, '<i4', 1)
    if len(head) == 0 or not 0 < head[0] <= 65536:
        sys.exit(f'{path}: damaged')
    size = 4 + int(head[0]) * component.itemsize
    if os.path.getsize(path) % size != 0:
        sys.exit(f'{path}: truncated')
    if rows is not None and os.path.getsize(path) // size < rows:
        sys.exit(f'{path}: fewer than {rows} rows')
    raw = np.fromfile(path, np.uint8, -1 if rows is None else rows * size).reshape(-1, size)
    if np.any(np.ascontiguousarray(raw[:, :4]).view('<i4') != head[0]):
        sys.exit(f'{path}: damaged')
    vectors = np.ascontiguousarray(raw[:, 4:]).view(component)
    return vectors.astype(np.float32) if component.itemsize == 1 else vectors


def image(vectors, metric):
    """Vectors in double precision, of unit length for cosine."""
    vectors = vectors.astype(np.float64)
    if metric == 'cosine':
        norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
        vectors /= np.where(norms > 0, norms, 1)
    return vectors


def distances(base, queries, rows, metric):
    """Exact distances of each query to its own list of rows."""
    result = np.empty(rows.shape)
    for i, query in enumerate(image(queries, metric)):
        vectors = image(base[rows[i]], metric)
        if metric == 'l2':
            result[i] = np.sqrt(((vectors - query) ** 2).sum(axis=1))
        else:
            result[i] = (metric == 'cosine') - vectors @ query
    return result


def nearest(base, queries, metric, k):
    """Row numbers of some more than the k nearest, by brute force."""
    count = min(2 * k + 20, len(base))
    best = np.empty((len(queries), 0))
    rows = np.empty((len(queries), 0), np.int64)
    queries = image(queries, metric)
    for start in range(0, len(base), 20000):
        block = image(base[start:start + 20000], metric)
        score = queries @ block.T
        if metric == 'l2':
            score -= (block ** 2).sum(axis=1) / 2
        best = np.hstack([best, score])
        rows = np.hstack([rows, np.broadcast_to(np.arange(start, start + len(block)), score.shape)])
        keep = np.argpartition(-best, min(count, best.shape[1]) - 1)[:, :count]
        best = np.take_along_axis(best, keep, 1)
        rows = np.take_along_axis(rows, keep, 1)
    return rows


def read_truth(path, queries, rows, k):
    """Row numbers from an .ivecs file or from a cache of annoybench's."""
    if path.endswith('.ivecs'):
        truth = read(path)
    else:
        header = np.fromfile(path, '<i8', 4)    # see CacheHeader in vectors.c
        if header[2] != len(queries):
            sys.exit(f'{path}: not of these queries')
        truth = np.fromfile(path, '<i4', offset=32).reshape(len(queries), -1)
    if len(truth) < len(queries) or truth.shape[1] < k or truth.min() < 0 or truth.max() >= rows:
        sys.exit(f'{path}: not the neighbours of these queries in these rows')
    return truth[:len(queries)]


class Hnswlib:
    setting = 'ef'

    def __init__(self, base, metric, threads):
        import hnswlib
        self.index = hnswlib.Index(metric, base.shape[1])
        self.index.init_index(len(base), M=16, ef_construction=64)
        self.index.add_items(base, num_threads=threads)

    def set(self, value):
        self.index.set_ef(value)

    def search(self, queries, k):
        return self.index.knn_query(queries, k, num_threads=1)[0].astype(np.int64)

    def save(self, path):
        self.index.save_index(path)


class Faiss:
    def __init__(self, base, metric, threads):
        import faiss
        self.faiss = faiss
        self.unit = metric == 'cosine'
        self.metric = faiss.METRIC_L2 if metric == 'l2' else faiss.METRIC_INNER_PRODUCT
        base = self.scaled(base)
        faiss.omp_set_num_threads(threads)
        self.create(base)
        self.index.add(base)
        faiss.omp_set_num_threads(1)

    def scaled(self, vectors):
        return image(vectors, 'cosine').astype(np.float32) if self.unit else vectors

    def search(self, queries, k):
        return self.index.search(self.scaled(queries), k)[1]

    def save(self, path):
        self.faiss.write_index(self.index, path)


class FaissHnsw(Faiss):
    setting = 'efSearch'

    def create(self, base):
        self.index = self.faiss.IndexHNSWFlat(base.shape[1], 16, self.metric)
        self.index.hnsw.efConstruction = 64

    def set(self, value):
        self.index.hnsw.efSearch = value


class FaissIvf(Faiss):
    setting = 'nprobe'

    def create(self, base):
        self.quantizer = self.faiss.IndexFlat(base.shape[1], self.metric)
        self.index = self.faiss.IndexIVFFlat(self.quantizer, base.shape[1],
                                             round(len(base) ** 0.5), self.metric)
        self.index.train(base)

    def set(self, value):
        self.index.nprobe = value


ENGINES = {'hnswlib': Hnswlib, 'faiss-hnsw': FaissHnsw, 'faiss-ivf': FaissIvf}
COLUMNS = ['table', 'rows', 'dimensions', 'metric', 'load_s', 'build_s', 'index_bytes', 'k', 'queries',
           'clients', 'setting', 'value', 'recall', 'returned', 'qps', 'mean_us', 'p50_us', 'p99_us',
           'floor_us', 'p50_per_floor']


def passes(engine, queries, k, batch, count):
    """Seconds of each call for so many queries, in each of some passes over all."""
    calls = [queries[i:i + batch] for i in range(0, len(queries), batch)]
    times = np.empty((count, len(calls)))
    for row in times:
        for i, call in enumerate(calls):
            start = time.perf_counter()
            engine.search(call, k)
            row[i] = time.perf_counter() - start
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('engine', choices=ENGINES)
    parser.add_argument('base', metavar='BASE')
    parser.add_argument('queries', metavar='QUERIES')
    parser.add_argument('--truth', metavar='FILE',
                        help='.ivecs, or what annoybench left for --truth-cache; otherwise by brute force')
    parser.add_argument('--rows', type=int, help='use only the first rows of BASE')
    parser.add_argument('--max-queries', type=int, help='use only the first queries')
    parser.add_argument('--metric', choices=('l2', 'cosine', 'ip'), default='l2')
    parser.add_argument('--limit', type=int, default=10, metavar='K')
    parser.add_argument('--values', default='10,20,40,80,160',
                        help='of ef, efSearch or nprobe (default: %(default)s)')
    parser.add_argument('--passes', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1, help='for the build')
    parser.add_argument('--cpu', type=int, help='search on this processor')
    parser.add_argument('--csv', metavar='FILE')
    args = parser.parse_args()
    k = args.limit

    base = read(args.base, args.rows)
    queries = read(args.queries)[:args.max_queries]
    if queries.shape[1] != base.shape[1]:
        sys.exit(f'{args.queries}: {queries.shape[1]} dimensions, not {base.shape[1]}')
    if not 0 < k <= len(base):
        sys.exit(f'--limit must be from 1 to {len(base)}')
    if args.truth is None:
        rows = nearest(base, queries, args.metric, k)
    else:
        rows = read_truth(args.truth, queries, len(base), k)
    exact = np.sort(distances(base, queries, rows, args.metric), axis=1)[:, k - 1]
    limits = exact + 1e-6 * np.abs(exact) + (1e-14 if args.metric == 'cosine' else 0)

    start = time.perf_counter()
    engine = ENGINES[args.engine](base, args.metric, args.threads)
    build = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'index')
        engine.save(path)
        size = os.path.getsize(path)
    print(f'built {args.engine} by {args.threads} threads in {build:.3f} s, {size / 1e6:.1f} MB, '
          f'{size / len(base):.1f} bytes/row')

    table = None
    common = {'table': args.engine, 'rows': len(base), 'dimensions': base.shape[1],
              'metric': args.metric, 'index_bytes': size}
    if args.csv:
        table = csv.DictWriter(open(args.csv, 'w', newline=''), COLUMNS, lineterminator='\n')
        table.writeheader()
        table.writerow({**common, 'build_s': f'{build:.3f}'})

    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})
    print(f'{args.base}: {len(base)} rows, {base.shape[1]} dimensions, {args.metric}, '
          f'{len(queries)} queries, {args.passes} passes, 1 thread')
    recall_heading = f'recall@{k}'
    print(f"{engine.setting:>8}  {recall_heading:>11}  {'qps':>9}  {'mean us':>9}  {'p50 us':>9}  {'p99 us':>9}")

    for value in args.values.split(','):
        engine.set(int(value))
        rows = engine.search(queries, k)
        times = passes(engine, queries, k, 1, args.passes)
        sums = [passes(engine, queries, k, BATCH, args.passes).min(axis=0).sum(), times.min(axis=0).sum()]
        qps = len(queries) / min(sums)
        times = np.sort(1e6 * times.ravel())
        # Faiss returns -1 where it has found nothing
        found = distances(base, queries, np.maximum(rows, 0), args.metric)
        recall = ((found <= limits[:, None]) & (rows >= 0)).mean()
        mean = times.mean()
        p50 = times[(len(times) - 1) // 2]
        p99 = times[(len(times) * 99 + 99) // 100 - 1]
        print(f'{value:>8}  {recall:>11.4f}  {qps:>9.1f}  {mean:>9.1f}  {p50:>9.1f}  {p99:>9.1f}', flush=True)
        if table:
            table.writerow({**common, 'k': k, 'queries': len(queries), 'clients': 1,
                            'setting': engine.setting, 'value': value, 'recall': f'{recall:.6f}',
                            'returned': k, 'qps': f'{qps:.1f}', 'mean_us': f'{mean:.2f}',
                            'p50_us': f'{p50:.2f}', 'p99_us': f'{p99:.2f}'})


if __name__ == '__main__':
    main()
