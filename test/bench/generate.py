#!/usr/bin/python3
"""Writes OUT_base.fvecs and OUT_query.fvecs: clustered vectors of any dimension.

The vectors are a mixture of Gaussians.  Clusters differ in size, overlap, and
are flat: each varies in few directions (--intrinsic) of a space that is itself
of lower dimension than the vectors, with a little noise in all of them and a
common mean, as embeddings have.  So near neighbours mean something in high
dimensions too, which they do not in uniform noise.  With --groups clusters lie
in groups, and with a larger --tail few of them have most of the rows.

Queries come from the same mixture.  None of them is in the base.

Vectors go to the file as they are made: ten million of 96 dimensions take two
minutes or so, and the memory is that of the clusters, 8 kB each.
"""

import argparse
import sys

import numpy as np

CHUNK = 10000


class Mixture:
    def __init__(self, args, rng):
        intrinsic = min(args.intrinsic, args.dimensions)
        latent = min(2 * intrinsic, args.dimensions)

        self.args = args
        self.rng = rng
        self.weights = (1 + np.arange(args.clusters)) ** -args.tail
        self.weights /= self.weights.sum()
        self.centres = rng.standard_normal((args.clusters, latent))
        if args.groups:
            groups = rng.standard_normal((args.groups, latent))
            self.centres += groups[rng.integers(args.groups, size=args.clusters)]
            self.centres /= np.sqrt(2)
        # Directions of a cluster are not equally important.
        self.axes = rng.standard_normal((args.clusters, intrinsic, latent))
        lengths = (1 + np.arange(intrinsic)) ** -0.25
        self.axes *= (args.spread * lengths / np.linalg.norm(lengths))[:, None]
        self.embed = rng.standard_normal((latent, args.dimensions)) / np.sqrt(args.dimensions)
        self.mean = rng.standard_normal(args.dimensions) * np.sqrt(latent / args.dimensions)
        self.noise = 0.1 * args.spread * np.sqrt(latent / args.dimensions)
        # Bytes cover three standard deviations of means, centres and clusters.
        self.scale = 127 / 3 / np.sqrt((2 + args.spread ** 2) * latent / args.dimensions)

    def draw(self, count):
        """Returns some vectors, as they will be in the file."""
        latent = np.empty((count, self.centres.shape[1]))
        clusters = self.rng.choice(len(self.weights), count, p=self.weights)
        order = np.argsort(clusters, kind='stable')
        found, starts = np.unique(clusters[order], return_index=True)
        steps = self.rng.standard_normal((count, self.axes.shape[1]))
        for cluster, start, end in zip(found, starts, [*starts[1:], count]):
            latent[order[start:end]] = steps[start:end] @ self.axes[cluster]
        latent += self.centres[clusters]
        vectors = self.mean + latent @ self.embed
        vectors += self.noise * self.rng.standard_normal(vectors.shape)
        if self.args.unit:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        if self.args.bytes:
            return np.clip(np.rint(128 + self.scale * vectors), 0, 255).astype(np.uint8)
        return vectors.astype('<f4')

    def draw_others(self, count, taken):
        """Returns some vectors that are not in a set (of their bytes)."""
        vectors = self.draw(count)
        for _ in range(100):
            again = [i for i, v in enumerate(vectors) if v.tobytes() in taken]
            if not again:
                return vectors
            vectors[again] = self.draw(len(again))
        sys.exit('generate.py: too few different vectors: more dimensions or --spread are needed')


def write(file, vectors):
    dimensions = np.full((len(vectors), 1), vectors.shape[1], '<i4')
    file.write(np.hstack([dimensions.view(np.uint8), vectors.view(np.uint8)]).tobytes())


def positive(text):
    if int(text) < 1:
        raise ValueError
    return int(text)


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', metavar='OUT', help='beginning of the names of both files')
    parser.add_argument('--rows', type=positive, default=10000, help='default: %(default)s')
    parser.add_argument('--dimensions', type=positive, default=64, help='default: %(default)s')
    parser.add_argument('--queries', type=positive, default=1000, help='default: %(default)s')
    parser.add_argument('--clusters', type=positive, default=100, help='default: %(default)s')
    parser.add_argument('--spread', type=float, default=1.0,
                        help='size of the clusters in comparison with that of the whole; '
                        'neighbours become less distinct as it grows (default: %(default)s)')
    parser.add_argument('--intrinsic', type=positive, default=16,
                        help='directions in which a cluster varies (default: %(default)s)')
    parser.add_argument('--groups', type=int, default=0,
                        help='groups that the clusters are in; 0 is none (default: %(default)s)')
    parser.add_argument('--tail', type=float, default=0.5,
                        help='clusters have rows like 1, 1/2, 1/3, ... to this power '
                        '(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=1, help='default: %(default)s')
    parser.add_argument('--unit', action='store_true', help='scale all vectors to unit length')
    parser.add_argument('--bytes', action='store_true', help='write .bvecs with components 0 to 255')
    return parser


def main():
    parser = make_parser()
    args = parser.parse_args()
    if args.unit and args.bytes:
        parser.error('--unit and --bytes exclude each other')
    if not args.spread > 0:
        parser.error('--spread must be greater than 0')

    mixture = Mixture(args, np.random.default_rng(args.seed))
    extension = 'bvecs' if args.bytes else 'fvecs'
    queries = mixture.draw(args.queries)
    taken = {query.tobytes() for query in queries}
    with open(f'{args.out}_query.{extension}', 'wb') as file:
        write(file, queries)
    with open(f'{args.out}_base.{extension}', 'wb') as file:
        for start in range(0, args.rows, CHUNK):
            write(file, mixture.draw_others(min(CHUNK, args.rows - start), taken))


if __name__ == '__main__':
    main()
