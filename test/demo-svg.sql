--
-- make demo's picture: recall against the time of a query
--
-- To be run by psql -At, on the view points (engine, effort, recall, ms).  Efforts are
-- NULL for the defaults.
--
-- Copyright (c) 2026, the annoy developers
--
WITH frame AS (
	-- where the corners of the diagram are, in pixels and in its own units
	SELECT 70 AS left_x, 620 AS right_x, 60 AS top_y, 340 AS bottom_y,
		log(min(ms)::numeric * 0.8) AS min_x, log(max(ms)::numeric * 1.25) AS max_x,
		least(0.9, floor(min(recall) * 10) / 10) AS min_y
	FROM points),
scaled AS (
	SELECT engine, effort, recall, ms, dense_rank() OVER (ORDER BY engine) AS n,
		round(left_x + (log(ms::numeric) - min_x) / (max_x - min_x) * (right_x - left_x), 1) AS x,
		round(bottom_y - (recall - min_y) / (1 - min_y) * (bottom_y - top_y), 1) AS y
	FROM points, frame),
times AS (
	SELECT ms, round(left_x + (log(ms) - min_x) / (max_x - min_x) * (right_x - left_x), 1) AS x
	FROM frame, generate_series(-3, 5) AS e, unnest('{1,2,5}'::int[]) AS m, LATERAL trim_scale(m * 10.0 ^ e) AS ms
	WHERE log(ms) BETWEEN min_x AND max_x),
recalls AS (
	SELECT recall, round(bottom_y - (recall - min_y) / (1 - min_y) * (bottom_y - top_y), 1) AS y
	FROM frame, generate_series(min_y, 1, CASE WHEN min_y < 0.6 THEN 0.1 ELSE 0.05 END) AS recall),
lines (part, n, x, line) AS (
	SELECT 0, 0, 0, $$<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" width="640" height="400" font-family="sans-serif" font-size="13">
<style>
.paper { fill: #fff } text { fill: #333 } .grid { stroke: #ddd } .curve { fill: none; stroke-width: 2 }
.c1 { stroke: #06c; fill: #06c } .c2 { stroke: #c50; fill: #c50 } .c3 { stroke: #888; fill: #888 } .curve { fill: none }
@media (prefers-color-scheme: dark) { .paper { fill: #1b1b1b } text { fill: #ddd } .grid { stroke: #444 }
.c1 { stroke: #6af; fill: #6af } .c2 { stroke: #f95; fill: #f95 } .c3 { stroke: #aaa; fill: #aaa } .curve { fill: none } }
</style>
<rect class="paper" width="640" height="400"/>
<text x="345" y="385" text-anchor="middle">milliseconds a query (median)</text>
<text x="70" y="50" text-anchor="middle">recall@10</text>$$
	UNION ALL
	SELECT 1, 0, x, format('<path class="grid" d="M%s %sV%s"/><text x="%s" y="%s" text-anchor="middle">%s</text>', x, top_y, bottom_y, x, bottom_y + 20, ms)
	FROM times, frame
	UNION ALL
	SELECT 1, 0, y, format('<path class="grid" d="M%s %sH%s"/><text x="%s" y="%s" text-anchor="end">%s</text>', left_x, y, right_x, left_x - 8, y + 4, round(recall, 2))
	FROM recalls, frame
	UNION ALL
	SELECT 2, n, 0, format('<polyline class="curve c%s" points="%s"/>', n, string_agg(x || ',' || y, ' ' ORDER BY effort))
	FROM scaled WHERE effort IS NOT NULL GROUP BY n
	UNION ALL
	SELECT 3, n, x, format('<circle class="c%s" cx="%s" cy="%s" r="%s"><title>%s%s: recall %s, %s ms</title></circle>', n, x, y,
		CASE WHEN effort IS NULL THEN 6 ELSE 3 END, engine,
		CASE WHEN effort IS NOT NULL THEN ', effort ' || effort WHEN engine = 'annoy' THEN ', default' END,
		round(recall, 4), round(ms::numeric, 3))
	FROM scaled
	UNION ALL
	SELECT 4, n, 0, format('<circle class="c%s" cx="%s" cy="24" r="5"/><text x="%s" y="28">%s</text>', n, 180 * n - 80, 180 * n - 68,
		CASE WHEN engine = 'annoy' THEN 'annoy (large: default)' ELSE engine END)
	FROM scaled GROUP BY n, engine
	UNION ALL
	SELECT 5, 0, 0, '</svg>')
SELECT line FROM lines ORDER BY part, n, x;
