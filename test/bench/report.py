#!/usr/bin/python3
"""Makes tables and figures of what bench.sh has measured.

Reads OUT/SET-ROWS/ENGINE.csv and writes OUT/results.csv, .txt and .md, and
OUT/SET-*.svg if there is gnuplot.  With --before, SET-before.svg has annoy's curves
and those of an earlier version, whose results are in another such directory.  With
--docs, also replaces the tables in DIRECTORY/benchmarks.md, between comments that
name them, and copies the figures that it shows.
"""

import argparse
import csv
import glob
import math
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict

COLUMNS = ['set', 'rows', 'dimensions', 'metric', 'engine', 'clients', 'parameter', 'recall@10', 'qps',
           'p50_us', 'p99_us', 'build_s', 'index_bytes']
# What peers get in the figures: the same colour in all of them.
COLOURS = {'annoy': '#c0392b', 'annoy (target)': '#e67e22', 'pgvector-hnsw': '#2c5aa0',
           'pgvector-ivfflat': '#7fa8d9', 'hnswlib': '#2e8b57', 'faiss-hnsw': '#8e44ad',
           'faiss-ivf': '#c39bd3', 'annoylib': '#7f8c8d', 'seqscan': '#000000',
           'before': '#7f8c8d', 'before (target)': '#bdc3c7'}
ORDER = list(COLOURS) + ['annoy-clients']


class Run:
    """One engine's figures on the first rows of one set."""

    def __init__(self, name, engine):
        self.set = name
        self.engine = engine
        self.build = None
        self.size = None
        self.lines = []

    def curve(self, rate='qps'):
        """(recall, queries per second or per round trip), by recall: the points that no other beats at both."""
        best = []
        for recall, value in sorted({(p['recall'], p[rate]) for p in self.lines}, reverse=True):
            if not best or value > best[-1][1]:
                best.append((recall, value))
        return best[::-1]

    def at(self, recall, rate='qps'):
        """The rate at a recall, interpolated on a logarithmic scale; None if it is not reached."""
        curve = self.curve(rate)
        if curve[0][0] >= recall:
            return curve[0][1]
        for (r1, q1), (r2, q2) in zip(curve, curve[1:]):
            if r1 <= recall <= r2:
                return math.exp(math.log(q1) + (math.log(q2) - math.log(q1)) * (recall - r1) / (r2 - r1))
        return None


def read(out):
    """Returns runs by (set, rows), then by engine."""
    sets = defaultdict(dict)
    for path in glob.glob(os.path.join(out, '*-*', '*.csv')):
        name, rows = os.path.basename(os.path.dirname(path)).rsplit('-', 1)
        engine = os.path.basename(path)[:-len('.csv')]
        if not rows.isdigit() or not os.path.exists(path[:-len('csv')] + 'key'):
            continue
        runs = sets[name, int(rows)]
        build = size = None
        for line in csv.DictReader(open(path, newline='')):
            build = float(line['build_s']) if line['build_s'] else build
            size = int(line['index_bytes']) if line['index_bytes'] else size
            if not line['recall']:
                continue
            label = 'annoy (target)' if line['setting'] == 'annoy.target_recall' else engine
            run = runs.setdefault(label, Run(name, label))
            run.build, run.size = build, size
            run.dimensions, run.metric = int(line['dimensions']), line['metric']
            run.lines.append({
                'parameter': '' if engine == 'seqscan' else f"{line['setting'].split('.')[-1]} {line['value']}",
                'clients': int(line['clients']),
                'per_trip': 1 / float(line['p50_per_floor']) if line['p50_per_floor'] else None,
                **{key: float(line[column]) for key, column in
                   [('recall', 'recall'), ('qps', 'qps'), ('p50', 'p50_us'), ('p99', 'p99_us')]}})
    return {key: dict(sorted(runs.items(), key=lambda item: ORDER.index(item[0])))
            for key, runs in sorted(sets.items()) if runs}


def recall_text(recall):
    return f'{recall:.3f}'.lstrip('0')


def number(value):
    """With three digits that mean something, and thousands apart."""
    if value is None:
        return '–'
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def every_line(sets):
    for (name, rows), runs in sets.items():
        for run in runs.values():
            for p in run.lines:
                yield [name, rows, run.dimensions, run.metric, run.engine, p['clients'], p['parameter'],
                       f"{p['recall']:.4f}", f"{p['qps']:.1f}", f"{p['p50']:.1f}", f"{p['p99']:.1f}",
                       '' if run.build is None else f'{run.build:.1f}',
                       '' if run.size is None or run.engine == 'seqscan' else run.size]


def text_table(header, lines):
    table = [header] + [[str(field) for field in line] for line in lines]
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    left = {'set', 'metric', 'engine', 'parameter'}
    return ''.join('  '.join(field.ljust(width) if name in left else field.rjust(width)
                             for name, field, width in zip(header, line, widths)).rstrip() + '\n'
                   for line in table)


def markdown_table(header, lines):
    return ''.join('| ' + ' | '.join(line) + ' |\n' for line in [header, ['---'] * len(header)] + lines)


def whole_sets(sets):
    """Of each set, that with most rows."""
    largest = {}
    for name, rows in sets:
        largest[name] = max(rows, largest.get(name, 0))
    return {key: runs for key, runs in sets.items() if largest[key[0]] == key[1]}


def serial(runs):
    return [run for run in runs.values() if run.engine != 'annoy-clients']


def summary(runs):
    """The curve, build time and size of each engine, in Markdown."""
    lines = []
    for run in serial(runs):
        points = ' · '.join(f'{recall_text(r)} → {number(q)}' for r, q in run.curve())
        lines.append([run.engine, points,
                      '–' if run.build is None else f'{number(run.build)} s',
                      '–' if run.size is None or run.engine == 'seqscan' else f'{number(run.size / 1e6)} MB'])
    return markdown_table(['engine', 'recall@10 → queries per second', 'build', 'size'], lines)


def comparison(runs, recalls):
    """Queries per second at equal recall, and how often annoy has those of the others."""
    ours = runs.get('annoy')
    lines = []
    for run in serial(runs):
        fields = [run.engine]
        for recall in recalls:
            qps = run.at(recall)
            mine = ours.at(recall) if ours else None
            fields.append(number(qps) + ('' if run is ours or not qps or not mine else
                                         f' (annoy: {mine / qps:.2f} ×)'))
        lines.append(fields)
    return markdown_table(['engine'] + [f'at {recall_text(r)}' for r in recalls], lines)


def trips(runs, recalls):
    """How long a query over SQL takes at equal recall, whatever the clock of the processor was."""
    lines = [[run.engine] + ['–' if run.at(recall, 'per_trip') is None else
                             number(1 / run.at(recall, 'per_trip')) for recall in recalls]
             for run in serial(runs) if run.lines[0]['per_trip']]
    return markdown_table(['engine'] + [f'at {recall_text(r)}' for r in recalls], lines)


def clients(runs):
    """How throughput grows with clients, and how far p99 is from p50."""
    text = ''
    run = runs.get('annoy-clients')
    if run and len(run.lines) > 1:
        one, many = run.lines[0], run.lines[-1]
        text += (f"Clients ({one['parameter']}): 1, on one processor with its server → {number(one['qps'])}, "
                 f"{many['clients']}, on all → {number(many['qps'])} queries per second, "
                 f"{many['qps'] / one['qps']:.2f} ×. ")
    if 'annoy' in runs:
        worst = max(runs['annoy'].lines, key=lambda p: p['p99'] / p['p50'])
        text += f"p99 / p50: at most {worst['p99'] / worst['p50']:.2f} (at {worst['parameter']}).\n"
    return text


def sizes(sets, name, recalls):
    """Cost of a query, in microseconds, at equal recall by number of rows."""
    series = defaultdict(dict)
    for (set_name, rows), runs in sets.items():
        if set_name == name:
            for run in serial(runs):
                for recall in recalls:
                    if run.engine != 'seqscan' and run.at(recall):
                        series[run.engine, recall][rows] = 1e6 / run.at(recall)
    return {key: points for key, points in series.items() if len(points) > 1}


def growth(series):
    all_rows = sorted({rows for points in series.values() for rows in points})
    lines = []
    for (engine, recall), points in series.items():
        first, last = min(points), max(points)
        exponent = math.log(points[last] / points[first]) / math.log(last / first)
        lines.append([engine, recall_text(recall)] + [number(points.get(rows)) for rows in all_rows]
                     + [f'{exponent:.2f}'])
    return markdown_table(['engine', 'recall@10'] + [f'{rows:,} rows' for rows in all_rows] + ['exponent'],
                          lines)


def plot(path, title, x, y, settings, series):
    """Draws lines {name: points} with gnuplot."""
    if not series:
        return
    data, parts = '', []
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS.get(name, '#000000')
        parts.append(f'$d{i} with linespoints lw 2 pt 7 ps 0.5 lc rgb "{colour}" title "{name}"')
        data += f'$d{i} << EOD\n' + ''.join(f'{a} {b}\n' for a, b in points) + 'EOD\n'
    run_gnuplot(path, title, x, y, settings, data + 'plot ' + ', '.join(parts) + '\n')


def bars(path, title, y, values):
    """Draws one bar for each engine."""
    data = '$d << EOD\n' + ''.join(f'{i} {value} {int(COLOURS[name][1:], 16)} "{name}"\n'
                                   for i, (name, value) in enumerate(values.items())) + 'EOD\n'
    settings = 'set boxwidth 0.6\nset style fill solid\nset yrange [0:*]\nset xtics rotate by -20\nunset key\n'
    run_gnuplot(path, title, '', y, settings,
                data + f'set xrange [-0.6:{len(values) - 0.4}]\n'
                'plot $d using 1:2:3:xtic(4) with boxes lc rgb variable\n')


def run_gnuplot(path, title, x, y, settings, rest):
    script = (f'set terminal svg size 720,440 font "sans,12" background "white"\nset output "{path}"\n'
              f'set title "{title}" noenhanced\nset xlabel "{x}"\nset ylabel "{y}"\n'
              'set grid lc rgb "#dddddd"\nset border 3\nset tics nomirror\nset key outside right noenhanced\n'
              + settings + rest)
    subprocess.run(['gnuplot'], input=script, text=True, check=True)


def recall_place(recall):
    """Where a recall is drawn, on the scale of the rows missed; the last tick stands for all above it."""
    return -math.log10(max(1 - recall, 5e-4))


def recall_points(curve, least):
    """What is drawn of a curve, from a recall on."""
    points = {}
    for recall, rate in curve:
        if recall >= least:
            points.setdefault(recall_place(recall), rate)
    return list(points.items())


def recall_axis():
    ticks = [(0.6, '.6'), (0.7, '.7'), (0.8, '.8'), (0.9, '.9'), (0.95, '.95'), (0.98, '.98'),
             (0.99, '.99'), (0.995, '.995'), (0.998, '.998'), (0.9995, '1')]
    return 'set xtics (' + ', '.join(f'"{label}" {recall_place(recall)}' for recall, label in ticks) + ')\n'


def figure_before(out, sets, before):
    """Annoy's curves of two versions, in round trips, as they were not measured at the same time."""
    for (name, rows), runs in whole_sets(sets).items():
        series = {}
        for which, label in [(runs, 'annoy'), (before.get((name, rows), {}), 'before')]:
            for suffix in ['', ' (target)']:
                if 'annoy' + suffix in which:
                    points = recall_points(which['annoy' + suffix].curve('per_trip'), 0.8)
                    series[label + suffix] = [(place, 1 / rate) for place, rate in points]
        plot(os.path.join(out, name + '-before.svg'), f'{name}, {rows:,} rows', 'recall\\\\@10',
             'time of a query, in round trips', 'set yrange [0:*]\n' + recall_axis(), series)


def figures(out, sets, recalls):
    logarithmic = 'set logscale y\nset format y "%.0f"\n'
    for (name, rows), runs in whole_sets(sets).items():
        prefix = os.path.join(out, name)
        what = f'{name}, {rows:,} rows'
        curves = {run.engine: recall_points(run.curve(), 0.6) for run in serial(runs)}
        plot(prefix + '-recall.svg', what, 'recall\\\\@10', 'queries per second',
             logarithmic + recall_axis(), {e: p for e, p in curves.items() if p})
        built = [run for run in serial(runs) if run.build is not None and run.engine != 'annoy (target)']
        if built:
            bars(prefix + '-build.svg', what + ': build', 'seconds', {run.engine: run.build for run in built})
            bars(prefix + '-size.svg', what + ': size', 'MB', {run.engine: run.size / 1e6 for run in built})
        plot(prefix + '-rows.svg', f'{name}: time of a query at recall {recall_text(recalls[0])}', 'rows',
             'microseconds', logarithmic + 'set logscale x\nset format x "%.0s%c"\n',
             {engine: sorted(points.items())
              for (engine, _), points in sizes(sets, name, recalls[:1]).items()})


def blocks(sets, recalls):
    """The pieces of Markdown, by the name of their place in the documentation."""
    result = {}
    for (name, rows), runs in whole_sets(sets).items():
        run = next(iter(runs.values()))
        result[name] = (f'{rows:,} rows, {run.dimensions} dimensions, {run.metric}\n\n' + summary(runs)
                        + '\nQueries per second at equal recall:\n\n' + comparison(runs, recalls[name])
                        + '\nMedian time of a query at equal recall, in round trips that were made in turn '
                        + 'with the queries:\n\n' + trips(runs, recalls[name]) + '\n' + clients(runs))
        series = sizes(sets, name, recalls[name])
        if series:
            result[name + '-rows'] = ('Microseconds of a query at equal recall:\n\n' + growth(series))
    return result


def replace_blocks(path, pieces):
    with open(path, encoding='utf-8') as file:
        text = file.read()

    def piece(match):
        if match[1] not in pieces:
            print(f'{path}: nothing measured for {match[1]}', file=sys.stderr)
            return match[0]
        return f'<!-- {match[1]} -->\n{pieces[match[1]]}<!-- end -->'

    text = re.sub(r'<!-- ([\w-]+) -->\n.*?<!-- end -->', piece, text, flags=re.DOTALL)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return re.findall(r'\]\((\S+)/([\w-]+\.svg)\)', text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', metavar='OUT')
    parser.add_argument('--before', metavar='DIRECTORY')
    parser.add_argument('--docs', metavar='DIRECTORY')
    args = parser.parse_args()

    sets = read(args.out)
    if not sets:
        sys.exit(f'{args.out}: nothing has been measured')
    recalls = {}
    for name, _ in sets:
        with open(os.path.join(args.out, name + '.at'), encoding='ascii') as file:
            recalls[name] = [float(r) for r in file.read().split(',')]

    lines = list(every_line(sets))
    with open(os.path.join(args.out, 'results.csv'), 'w', newline='', encoding='ascii') as file:
        csv.writer(file, lineterminator='\n').writerows([COLUMNS] + lines)
    with open(os.path.join(args.out, 'results.txt'), 'w', encoding='ascii') as file:
        file.write(text_table(COLUMNS, lines))
    pieces = blocks(sets, recalls)
    with open(os.path.join(args.out, 'results.md'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(f'## {name}\n\n{piece}' for name, piece in pieces.items()))

    if shutil.which('gnuplot'):
        for name in recalls:
            figures(args.out, {key: runs for key, runs in sets.items() if key[0] == name}, recalls[name])
        if args.before:
            figure_before(args.out, sets, read(args.before))
    else:
        print('no gnuplot: no figures', file=sys.stderr)

    if args.docs:
        for directory, figure in replace_blocks(os.path.join(args.docs, 'benchmarks.md'), pieces):
            if os.path.exists(os.path.join(args.out, figure)):
                os.makedirs(os.path.join(args.docs, directory), exist_ok=True)
                shutil.copy(os.path.join(args.out, figure), os.path.join(args.docs, directory, figure))
    else:
        print(open(os.path.join(args.out, 'results.txt'), encoding='ascii').read())
        print(open(os.path.join(args.out, 'results.md'), encoding='utf-8').read())
        print(f'Tables and figures are in {args.out}')


if __name__ == '__main__':
    main()
