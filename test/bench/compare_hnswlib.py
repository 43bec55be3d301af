#!/usr/bin/python3
"""Measures hnswlib on TEXMEX files, in the format of annoybench.

The graph is built with M 16 and ef_construction 64 by as many threads as
--threads says, and searched by one.  Everything is in one process: no SQL, no
round trip, so there is no floor to compare with.  Queries per second are those
of one call for all queries, without Python's overhead; the other times are
those of one call for each query.
"""

import argparse
import os
import sys
import time

import hnswlib
import numpy as np

SPACES = {'l2': 'l2', 'cosine': 'cosine', 'ip': 'ip'}
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


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('base', metavar='BASE')
    parser.add_argument('queries', metavar='QUERIES')
    parser.add_argument('--truth', metavar='FILE', help='otherwise by brute force')
    parser.add_argument('--rows', type=int, help='use only the first rows of BASE')
    parser.add_argument('--metric', choices=SPACES, default='l2')
    parser.add_argument('--limit', type=int, default=10, metavar='K')
    parser.add_argument('--ef', default='10,20,40,80,160', help='list to vary (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=os.cpu_count(), help='for the build')
    parser.add_argument('--m', type=int, default=16)
    parser.add_argument('--ef-construction', type=int, default=64)
    args = parser.parse_args()
    efs = [int(ef) for ef in args.ef.split(',')]
    k = args.limit

    base = read(args.base, args.rows)
    queries = read(args.queries)
    if queries.shape[1] != base.shape[1]:
        sys.exit(f'{args.queries}: {queries.shape[1]} dimensions, not {base.shape[1]}')
    if not 0 < k <= len(base):
        sys.exit(f'--limit must be from 1 to {len(base)}')
    if args.truth is None:
        rows = nearest(base, queries, args.metric, k)
    else:
        rows = read(args.truth)
        if len(rows) < len(queries) or rows.shape[1] < k or rows.min() < 0 or rows.max() >= len(base):
            sys.exit(f'{args.truth}: not the neighbours of these queries in these rows')
        rows = rows[:len(queries)]
    exact = np.sort(distances(base, queries, rows, args.metric), axis=1)[:, k - 1]
    limits = exact + 1e-6 * np.abs(exact) + (1e-14 if args.metric == 'cosine' else 0)

    index = hnswlib.Index(SPACES[args.metric], base.shape[1])
    index.init_index(len(base), M=args.m, ef_construction=args.ef_construction)
    start = time.perf_counter()
    index.add_items(base, num_threads=args.threads)
    print(f'built hnswlib, M {args.m}, ef_construction {args.ef_construction}, by {args.threads} threads '
          f'in {time.perf_counter() - start:.3f} s')
    print(f'{args.base}: {len(base)} rows, {base.shape[1]} dimensions, {args.metric}, '
          f'{len(queries)} queries, 1 pass, 1 thread')
    recall_heading = f'recall@{k}'
    print(f"{'ef':>7}  {recall_heading:>11}  {'qps':>9}  {'mean us':>9}  {'p50 us':>9}  {'p99 us':>9}"
          f"  {'floor us':>8}  {'p50/flr':>8}  {'rows':>6}")

    for ef in efs:
        index.set_ef(ef)
        index.knn_query(queries, k, num_threads=1)
        start = time.perf_counter()
        rows, _ = index.knn_query(queries, k, num_threads=1)
        qps = len(queries) / (time.perf_counter() - start)
        times = []
        for query in queries:
            start = time.perf_counter()
            index.knn_query(query, k, num_threads=1)
            times.append(1e6 * (time.perf_counter() - start))
        times.sort()
        found = distances(base, queries, rows.astype(np.int64), args.metric)
        recall = (found <= limits[:, None]).mean()
        p50 = times[(len(times) - 1) // 2]
        p99 = times[(len(times) * 99 + 99) // 100 - 1]
        print(f"{ef:>7}  {recall:>11.4f}  {qps:>9.1f}  {sum(times) / len(times):>9.1f}  {p50:>9.1f}  {p99:>9.1f}"
              f"  {'-':>8}  {'-':>8}  {k:>6.1f}", flush=True)


if __name__ == '__main__':
    main()
