#!/usr/bin/python3
"""Writes OUT_base.fvecs and OUT_query.fvecs: embeddings of English text.

The text is WordNet's, Debian's package wordnet-base: the words and the gloss,
a definition with examples, of each of its synonym sets.  TF-IDF weights of
their words are projected to the subspace in which they vary most, by subspace
iteration, and scaled to unit length (latent semantic analysis): to be compared
by angle.  Queries are glosses that are not in the base.
"""

import argparse
import os
import re
import sys
from collections import Counter

import numpy as np

PARTS = ['noun', 'verb', 'adj', 'adv']
CHUNK = 1 << 14


def glosses(directory):
    """Words of each synonym set, once if several have the same."""
    seen = set()
    for part in PARTS:
        with open(os.path.join(directory, 'data.' + part), encoding='ascii') as file:
            for line in file:
                if line.startswith('  '):
                    continue        # the licence
                fields, gloss = line.split(' | ', 1)
                fields = fields.split(' ')
                lemmas = fields[4:4 + 2 * int(fields[3], 16):2]
                text = ' '.join(lemmas) + ' ' + gloss
                words = tuple(sorted(re.findall('[a-z]+', text.lower())))
                if words not in seen:
                    seen.add(words)
                    yield words


def rare_and_common(texts, min_texts, max_part):
    """Numbers of the terms that are neither, and in how many texts they are."""
    counts = Counter()
    for words in texts:
        counts.update(set(words))
    terms = sorted(t for t, n in counts.items() if min_texts <= n <= max_part * len(texts))
    return {t: i for i, t in enumerate(terms)}, np.array([counts[t] for t in terms])


class Sparse:
    """Rows of (column, weight), as columns, weights and each row's start."""

    def __init__(self, rows, columns, weights, shape):
        order = np.argsort(rows, kind='stable')
        self.columns = columns[order]
        self.weights = weights[order].astype(np.float32)
        self.starts = np.searchsorted(rows[order], np.arange(shape[0] + 1))
        self.shape = shape

    def __matmul__(self, dense):
        result = np.zeros((self.shape[0], dense.shape[1]), np.float32)
        first = 0
        while first < self.shape[0]:
            last = max(first + 1, np.searchsorted(self.starts, self.starts[first] + CHUNK, 'right') - 1)
            begin, end = self.starts[first], self.starts[last]
            filled = first + np.flatnonzero(np.diff(self.starts[first:last + 1]))
            if len(filled) > 0:
                terms = dense[self.columns[begin:end]] * self.weights[begin:end, None]
                result[filled] = np.add.reduceat(terms, self.starts[filled] - begin)
            first = last
        return result


def weigh(texts, terms, frequencies):
    """TF-IDF of each text, of unit length; texts of fewer than 3 terms are left out."""
    rows, columns, weights = [], [], []
    inverse = np.log(len(texts) / frequencies)
    count = 0
    for words in texts:
        known = Counter(terms[w] for w in words if w in terms)
        if len(known) < 3:
            continue
        term = np.fromiter(known.keys(), np.int64)
        weight = (1 + np.log(np.fromiter(known.values(), np.float64))) * inverse[term]
        rows.append(np.full(len(term), count))
        columns.append(term)
        weights.append(weight / np.linalg.norm(weight))
        count += 1
    rows, columns, weights = (np.concatenate(x) for x in (rows, columns, weights))
    shape = (count, len(terms))
    return Sparse(rows, columns, weights, shape), Sparse(columns, rows, weights, shape[::-1])


def write(path, vectors):
    records = np.empty((len(vectors), 1 + vectors.shape[1]), '<f4')
    records[:, 0] = np.array(vectors.shape[1], '<i4').view('<f4')
    records[:, 1:] = vectors
    records.tofile(path + '.tmp')
    os.rename(path + '.tmp', path)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', metavar='OUT')
    parser.add_argument('--wordnet', default='/usr/share/wordnet', metavar='DIRECTORY')
    parser.add_argument('--rows', type=int, default=100000)
    parser.add_argument('--queries', type=int, default=1000)
    parser.add_argument('--dimensions', type=int, default=768)
    parser.add_argument('--iterations', type=int, default=3)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)

    texts = list(glosses(args.wordnet))
    texts = [texts[i] for i in rng.permutation(len(texts))]
    terms, frequencies = rare_and_common(texts, 5, 0.1)
    matrix, transposed = weigh(texts, terms, frequencies)
    wanted = args.rows + args.queries
    if matrix.shape[0] < wanted or matrix.shape[1] < args.dimensions:
        sys.exit(f'there are only {matrix.shape[0]} texts of {matrix.shape[1]} terms')
    print(f'{matrix.shape[0]} texts, {matrix.shape[1]} terms', flush=True)

    basis = rng.standard_normal((matrix.shape[1], args.dimensions)).astype(np.float32)
    for i in range(args.iterations):
        basis = np.linalg.qr(transposed @ (matrix @ basis))[0].astype(np.float32)
        print(f'iteration {i + 1} of {args.iterations}', flush=True)
    vectors = (matrix @ basis)[:wanted]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write(args.out + '_query.fvecs', vectors[args.rows:])
    write(args.out + '_base.fvecs', vectors[:args.rows])


if __name__ == '__main__':
    main()
