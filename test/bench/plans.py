#!/usr/bin/python3
"""Is the plan that PostgreSQL chooses the fastest one?

Makes tables of several sizes and dimensions, and lets the planner choose a plan
for ORDER BY embedding <-> query with all combinations of

    a condition that 1, .1, .01, .001 or .0001 of the rows meet,
    with and without a B-tree on its column,
    LIMIT 1, 10, 100, 1000, or none.

The plan chosen, and the best ones that use an annoy index, a sequential scan and
a sort, and a B-tree and a sort are run, with all that they read in memory as far
as there is room.  What is printed is the time of each, and how many times that of
the fastest one the chosen one took.

The server is found as by psql: by PGHOST, PGDATABASE and so on.  plans.sh starts
one for this.  Tables are made in the schema annoy_bench_plans, one at a time.
"""

import argparse
import csv
import itertools
import json
import math
import os
import struct
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from generate import Mixture, make_parser  # noqa: E402

ROWS = [1000, 10000, 100000, 980000]
DIMS = [3, 128, 768, 1536]
LIMITS = [1, 10, 100, 1000, None]
# One in so many rows meets the condition; in columns with and without a B-tree.
PARTS = [1, 10, 100, 1000, 10000]
# Tables of more bytes of vectors are left out; indexes are of about that size too.
MOST_BYTES = 900e6
CHUNK = 10000

PLANS = ['annoy', 'seqscan', 'btree']
# What makes the planner use the best plan of each kind.
FORCED = {
    'annoy': ['enable_sort', 'enable_seqscan', 'enable_bitmapscan'],
    'seqscan': ['enable_indexscan', 'enable_bitmapscan'],
    'btree': ['enable_indexscan', 'enable_seqscan'],
}
# A plan is given up when it takes so many times as long as the best one so far.
HOPELESS = 12
FIELDS = ['rows', 'dims', 'part', 'btree', 'limit', 'chosen', 'chosen_ms'] + \
    [f'{plan}_{what}' for plan in PLANS for what in ('ms', 'cost')] + ['ratio']
# Of these, --predict compares costs with times: rows, dimensions, one in so many
# rows that meet the condition, LIMIT, plan.
PREDICTED = [
    (1000, 128, 1, 10, 'annoy'), (10000, 3, 1, 10, 'annoy'),
    (10000, 768, 1, 100, 'annoy'), (100000, 3, 1, 1000, 'annoy'),
    (100000, 128, 1, 10, 'annoy'), (100000, 128, 1, 100, 'annoy'),
    (100000, 128, 100, 10, 'annoy'), (100000, 768, 1, 10, 'annoy'),
    (1000, 768, 1, 10, 'seqscan'), (100000, 3, 1, 10, 'seqscan'),
    (100000, 128, 100, 10, 'seqscan'), (100000, 3, 100, 10, 'seqscan'),
]


class Session:
    """A psql that is sent one command after the other."""

    def __init__(self):
        self.psql = subprocess.Popen(
            [os.environ.get('PSQL', 'psql'), '-X', '-q', '-A', '-t'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, bufsize=1)
        self.run("SET client_min_messages = warning")

    def run(self, sql):
        """Runs a command and returns its output, or None if it was given up."""
        self.psql.stdin.write(f"{sql};\n\\echo :SQLSTATE done\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.endswith(' done\n') and len(line) == 11:
                state = line[:5]
                if state == '57014':
                    return None
                if state != '00000':
                    sys.exit('plans.py: ' + ''.join(lines))
                return ''.join(lines)
            lines.append(line)
        sys.exit('plans.py: ' + ''.join(lines))

    def explain(self, query, options, settings, timeout):
        """Returns EXPLAIN's output under settings that are off."""
        self.run('BEGIN; ' + ''.join(f'SET LOCAL {name} = off; ' for name in settings) +
                 f'SET LOCAL statement_timeout = {math.ceil(timeout)}')
        output = self.run(f'EXPLAIN (FORMAT JSON{options}) {query}')
        # a machine that was suspended has the timeout end whatever comes next
        while self.run('ROLLBACK') is None:
            pass
        return output and json.loads(output)[0]


def copy(vectors, columns, first_id, out):
    """Writes rows in COPY's binary format."""
    count, dims = vectors.shape
    fields = [('fields', '>i2')]
    for name in ['id'] + list(columns):
        fields += [(name + '_length', '>i4'), (name, '>i4')]
    fields += [('length', '>i4'), ('header', '>i4', 5),
               ('elements', [('length', '>i4'), ('value', '>f4')], dims)]
    rows = np.zeros(count, np.dtype(fields))
    rows['fields'] = 2 + len(columns)
    columns = dict(columns, id=np.arange(first_id, first_id + count))
    for name, values in columns.items():
        rows[name + '_length'] = 4
        rows[name] = values
    rows['length'] = 20 + 8 * dims
    rows['header'] = [1, 0, 700, dims, 1]
    rows['elements']['length'] = 4
    rows['elements']['value'] = vectors
    out.write(rows.tobytes())


def make_table(session, rows, dims):
    """Makes a table with its indexes.  Returns literals of some queries."""
    args = make_parser().parse_args(['', '--dimensions', str(dims), '--spread', '2', '--intrinsic', '24'])
    rng = np.random.default_rng(rows + dims)
    mixture = Mixture(args, rng)
    parts = [part for part in PARTS if part > 1]
    names = [f'{letter}{part}' for letter in 'pb' for part in parts]

    session.run('DROP TABLE IF EXISTS items')
    session.run('CREATE TABLE items (id integer, ' +
                ', '.join(f'{name} integer' for name in names) + ', embedding real[])')
    places = {name: rng.permutation(rows) for name in names}
    load = subprocess.Popen(
        [os.environ.get('PSQL', 'psql'), '-X', '-q', '-c', 'COPY annoy_bench_plans.items FROM STDIN BINARY'],
        stdin=subprocess.PIPE)
    load.stdin.write(struct.pack('>11sii', b'PGCOPY\n\377\r\n\0', 0, 0))
    for start in range(0, rows, CHUNK):
        vectors = mixture.draw(min(CHUNK, rows - start))
        values = {name: places[name][start:start + len(vectors)] % int(name[1:]) for name in names}
        copy(vectors, values, start, load.stdin)
    load.stdin.write(struct.pack('>h', -1))
    load.stdin.close()
    if load.wait() != 0:
        sys.exit('plans.py: cannot load the table')
    for part in parts:
        session.run(f'CREATE INDEX ON items (b{part})')
    session.run('CREATE INDEX ON items USING annoy (embedding)')
    session.run('VACUUM ANALYZE items')
    session.run("SELECT annoy_prewarm(indexrelid) FROM pg_index"
                " WHERE indrelid = 'items'::regclass AND indclass[0] IN"
                " (SELECT oid FROM pg_opclass WHERE opcname = 'real_l2_ops')")
    return ['{' + ','.join(f'{x:.6g}' for x in vector) + '}' for vector in mixture.draw(2)]


def kind(plan):
    """Which of PLANS a plan is."""
    while 'Plans' in plan:
        plan = plan['Plans'][0]
    if 'Order By' in plan:
        return 'annoy'
    return 'seqscan' if plan['Node Type'] == 'Seq Scan' else 'btree'


def measure(session, statement, queries, settings, best):
    """Returns what a plan takes in milliseconds, and its cost.  The time is
    infinite if the plan is hopeless."""
    total = 0
    timeout = 0 if best is None else max(HOPELESS * best, 50) + 50
    for query in queries:
        least = math.inf
        spent = 0
        runs = 0
        while runs < 2 or runs < 5 and spent < 100:
            if runs == 1 and spent > 1000:
                break
            output = session.explain(statement.format(query), ', ANALYZE, TIMING OFF', settings, timeout)
            if output is None:
                return math.inf, None
            least = min(least, output['Execution Time'])
            spent += output['Execution Time']
            runs += 1
        total += least
    return total / len(queries), output['Plan']['Total Cost']


def measure_case(session, queries, case):
    """Measures all plans of a case and returns a row of results."""
    part, btree, limit = case
    condition = f" WHERE {'b' if btree else 'p'}{part} = 0" if part > 1 else ''
    statement = f"SELECT id FROM items{condition} ORDER BY embedding <-> '{{}}'" + \
        (f' LIMIT {limit}' if limit else '')
    plans = [plan for plan in PLANS if btree or plan != 'btree']
    chosen = kind(session.explain(statement.format(queries[0]), '', [], 0)['Plan'])
    row = {'part': part, 'btree': int(btree), 'limit': limit or 0, 'chosen': chosen}

    best, cost = measure(session, statement, queries, [], None)
    row['chosen_ms'] = row[chosen + '_ms'] = best
    row[chosen + '_cost'] = cost
    for plan in plans:
        if plan != chosen:
            found = session.explain(statement.format(queries[0]), '', FORCED[plan] + ['jit'], 0)['Plan']
            if kind(found) != plan:
                sys.exit(f'plans.py: no plan with {plan} for: {statement}')
            row[plan + '_ms'], _ = measure(session, statement, queries, FORCED[plan] + ['jit'], best)
            row[plan + '_cost'] = found['Total Cost']
            best = min(best, row[plan + '_ms'])
    row['ratio'] = row['chosen_ms'] / best
    return row


def show_row(row):
    def time_of(plan):
        ms = row.get(plan + '_ms')
        if ms in (None, ''):
            return '–'
        return '>' if math.isinf(ms) else f'{ms:.3g}'

    limit = row['limit'] or 'none'
    condition = '1' if row['part'] == 1 else f"{1 / row['part']:g}{' btree' if row['btree'] else ''}"
    print(f"| {row['rows']} | {row['dims']} | {condition} | {limit} | " +
          ' | '.join(time_of(plan) for plan in PLANS) + f" | {row['chosen']} | {row['ratio']:.2f} |",
          flush=True)


def show_head():
    print('| rows | dimensions | part of the rows | LIMIT | ' +
          ' | '.join(f'{plan}, ms' for plan in PLANS) + ' | chosen | times the fastest |')
    print('|---' * (6 + len(PLANS)) + '|')


def show_summary(results):
    print()
    print('| rows | dimensions | cases | fastest chosen | within 2 | worst |')
    print('|---|---|---|---|---|---|')
    groups = [(key, list(group)) for key, group in
              itertools.groupby(results, lambda row: (row['rows'], row['dims']))]
    for key, group in groups + [(('all', ''), results)]:
        ratios = [row['ratio'] for row in group]
        print(f'| {key[0]} | {key[1]} | {len(ratios)} | {sum(r == 1 for r in ratios) / len(ratios):.1%} | '
              f'{sum(r <= 2 for r in ratios) / len(ratios):.1%} | {max(ratios):.2f} |')


def show_predicted(results):
    cases = []
    for row in results:
        for plan in PLANS:
            key = (row['rows'], row['dims'], row['part'], row['limit'], plan)
            if key in PREDICTED and not row['btree'] and not math.isinf(row[plan + '_ms']):
                cases.append((key, row[plan + '_cost'], row[plan + '_ms']))
    if not cases:
        sys.exit('plans.py: none of these cases has been measured')
    unit = math.exp(sum(math.log(ms / cost) for _, cost, ms in cases) / len(cases))
    print()
    print(f'One unit of cost is {unit * 1000:.2f} µs.')
    print()
    print('| rows | dimensions | part of the rows | LIMIT | plan | cost | predicted, ms | measured, ms |')
    print('|---|---|---|---|---|---|---|---|')
    for (rows, dims, part, limit, plan), cost, ms in cases:
        print(f'| {rows} | {dims} | {1 / part:g} | {limit} | {plan} | {cost:.0f} | {cost * unit:.3g} | {ms:.3g} |')


def read_results(name):
    with open(name, newline='') as file:
        return [{key: value if key == 'chosen' else float(value) if '.' in value or 'inf' in value
                 else int(value) if value else '' for key, value in row.items()}
                for row in csv.DictReader(file)]


def numbers(text):
    return [int(part) for part in text.split(',')]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=numbers, default=ROWS, help='default: all, separated by commas')
    parser.add_argument('--dims', type=numbers, default=DIMS)
    parser.add_argument('--csv', help='file to write results to')
    parser.add_argument('--read', help='file of results to report on, instead of measuring')
    parser.add_argument('--slow', type=float, default=0,
                        help='print only cases whose plan took so many times what the fastest did')
    parser.add_argument('--predict', action='store_true',
                        help='compare costs with times, for twelve cases')
    args = parser.parse_args()

    results = []
    show_head()
    if args.read:
        results = read_results(args.read)
        for row in results:
            if row['ratio'] >= args.slow:
                show_row(row)
    else:
        session = Session()
        session.run('DROP SCHEMA IF EXISTS annoy_bench_plans CASCADE')
        session.run('CREATE SCHEMA annoy_bench_plans')
        session.run('SET search_path = annoy_bench_plans, public')
        for rows, dims in itertools.product(args.rows, args.dims):
            if rows * dims * 4 > MOST_BYTES:
                print(f'{rows} rows of {dims} dimensions: left out', file=sys.stderr)
                continue
            start = time.time()
            queries = make_table(session, rows, dims)
            made = time.time()
            for part, btree, limit in itertools.product(PARTS, [False, True], LIMITS):
                if part > 1 or not btree:
                    row = dict(rows=rows, dims=dims, **measure_case(session, queries, (part, btree, limit)))
                    results.append(row)
                    if row['ratio'] >= args.slow:
                        show_row(row)
            print(f'{rows} rows of {dims} dimensions: made in {made - start:.0f} s, '
                  f'measured in {time.time() - made:.0f} s', file=sys.stderr)
            if args.csv:
                with open(args.csv, 'w', newline='') as file:
                    writer = csv.DictWriter(file, FIELDS, restval='')
                    writer.writeheader()
                    writer.writerows(results)
        session.run('DROP SCHEMA annoy_bench_plans CASCADE')
    show_summary(results)
    if args.predict:
        show_predicted(results)


if __name__ == '__main__':
    main()
