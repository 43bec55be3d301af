-- What pgbench's sessions wait for, sampled for so many seconds.  Needs pg_buffercache.
-- Read by scale.sh.
--
-- Copyright (c) 2026, the annoy developers

CREATE EXTENSION IF NOT EXISTS pg_buffercache;

-- sessions	sessions that were executing something, in the mean
-- waiting	the part of their time in which they waited for LWLocks, heavyweight
--		locks, or pins of others
-- events	the events, with their parts
-- page		the part, at most, in which they waited for one page, the highest, and
--		which page that was
--
-- No view tells which page a session waits for.  But it has it pinned, as has whoever
-- has it locked.  So those who wait for the content of a page are, in the mean, no more
-- than its pins but one, nor more than all that wait for the content of any page; and
-- who waits for the extension of a relation, or for a page's lock, is seen in pg_locks.
CREATE OR REPLACE FUNCTION sample_waits(
	seconds double precision,
	OUT samples bigint, OUT sessions double precision, OUT waiting double precision,
	OUT events text, OUT page double precision, OUT which text)
LANGUAGE plpgsql AS $$
DECLARE
	finish timestamptz := clock_timestamp() + seconds * interval '1 second';
	next_look timestamptz := clock_timestamp();
	looks bigint := 0;
	active double precision;
	content double precision;
BEGIN
	CREATE TEMPORARY TABLE IF NOT EXISTS sampled (type text, event text, n bigint);
	CREATE TEMPORARY TABLE IF NOT EXISTS pinned (file oid, block bigint, n bigint);
	CREATE TEMPORARY TABLE IF NOT EXISTS awaited (what text);
	TRUNCATE sampled, pinned, awaited;
	samples := 0;
	WHILE clock_timestamp() < finish LOOP
		PERFORM pg_stat_clear_snapshot();
		INSERT INTO sampled
			SELECT wait_event_type, wait_event, count(*) FROM pg_stat_activity
			WHERE application_name = 'pgbench' AND state = 'active' GROUP BY 1, 2;
		INSERT INTO awaited
			SELECT l.locktype || coalesce(' of ' || l.relation::regclass, '') || coalesce(' page ' || l.page, '')
			FROM pg_locks l WHERE NOT l.granted;
		samples := samples + 1;
		-- this looks at every buffer
		IF clock_timestamp() >= next_look THEN
			INSERT INTO pinned
				SELECT relfilenode, relblocknumber, pinning_backends - 1 FROM pg_buffercache
				WHERE pinning_backends > 1 AND relforknumber = 0
					AND reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database());
			looks := looks + 1;
			next_look := clock_timestamp() + interval '0.25 seconds';
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;

	SELECT nullif(sum(n), 0), coalesce(sum(n) FILTER (WHERE type IN ('LWLock', 'Lock', 'BufferPin', 'Buffer')), 0),
		coalesce(sum(n) FILTER (WHERE event IN ('BufferContent', 'BufferExclusive', 'BufferShared', 'BufferShareExclusive')), 0)
		FROM sampled INTO active, waiting, content;
	waiting := waiting / active;
	content := content / active;
	SELECT coalesce(string_agg(format('%s %s %%', event, round((100 * n / active)::numeric, 1)), ', ' ORDER BY n DESC), '')
		FROM (SELECT event, sum(n) AS n FROM sampled WHERE type IN ('LWLock', 'Lock', 'BufferPin', 'Buffer')
			GROUP BY 1 HAVING sum(n) >= 0.002 * active) e
		INTO events;
	sessions := active / samples;
	SELECT part, coalesce(what, format('%s page %s%s', relation::regclass, block, page_kind(relation, block)))
		FROM (SELECT * FROM (
			SELECT least(content, sum(p.n)::double precision / looks / sessions) AS part,
				c.oid AS relation, p.block, NULL AS what
				FROM pinned p JOIN pg_class c ON p.file = pg_relation_filenode(c.oid) GROUP BY c.oid, p.block
			UNION ALL
			SELECT count(*) / active, NULL, NULL, a.what FROM awaited a GROUP BY a.what) parts
			ORDER BY part DESC LIMIT 1) highest
		INTO page, which;
	page := coalesce(page, 0);
	IF page = 0 THEN
		which := NULL;
	END IF;
END $$;

-- What a page of an annoy index is, as it was last written to its file.
CREATE OR REPLACE FUNCTION page_kind(relation oid, block bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	head bytea;
BEGIN
	IF (SELECT a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = relation) IS DISTINCT FROM 'annoy' THEN
		RETURN '';
	END IF;
	head := pg_read_binary_file(pg_relation_filepath(relation) || coalesce('.' || nullif(block / 131072, 0), ''),
		block % 131072 * 8192, 40, true);
	IF head IS NULL OR length(head) < 40 THEN
		RETURN ' (new)';
	END IF;
	RETURN CASE get_byte(head, 26)
		WHEN 1 THEN ' (metapage)'
		WHEN 3 THEN format(' (node of level %s)', get_byte(head, 34))
		WHEN 4 THEN ' (items)'
		WHEN 5 THEN ' (vectors)'
		ELSE ' (kind ' || get_byte(head, 26) || ')' END;
END $$;
