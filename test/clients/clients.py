#!/usr/bin/env python3
# Copyright (c) 2026, the annoy developers

"""A client in Python: clients.py CLIENT TYPE

TYPE is "real[]" or "vector".  Makes a table, fills it, indexes it, and asks for the
nearest rows of one, with the query and the number of rows as parameters if the client has
such.  The connection is what the environment says (PGHOST and so on).  Which plan the
server took is for clients.sh to say.
"""

import asyncio
import os
import sys

from vectors import ROWS, WANTED, ASKED, opclass, column_type, embedding, check, literal

CREATE = "CREATE TABLE items (id integer PRIMARY KEY, v {})"
INDEX = "CREATE INDEX items_v ON items USING annoy (v {})"


def url(driver):
    """The connection as SQLAlchemy's URL."""
    env = os.environ
    return "postgresql+{}://{}:{}@{}:{}/{}".format(
        driver, env["PGUSER"], env["PGPASSWORD"], env["PGHOST"], env["PGPORT"], env["PGDATABASE"])


def value(kind, i):
    """A vector as these drivers send it: a list for an array, else its text."""
    return embedding(i) if kind == "real[]" else literal(embedding(i))


def psycopg2(kind):
    import psycopg2
    from psycopg2.extras import execute_values

    conn = psycopg2.connect("")
    conn.autocommit = True
    cur = conn.cursor()
    cur.execute(CREATE.format(column_type(kind)))
    execute_values(cur, "INSERT INTO items VALUES %s", [(i, value(kind, i)) for i in range(ROWS)],
                   template="(%s, %s::{})".format(kind))
    cur.execute(INDEX.format(opclass(kind)))
    cur.execute("ANALYZE items")

    # The client puts values into the text of the query.
    cur.execute("SELECT id FROM items ORDER BY v <=> %s LIMIT %s", (value(kind, ASKED), WANTED))
    check(row[0] for row in cur)
    cur.execute("PREPARE nearest ({}, bigint) AS SELECT id FROM items ORDER BY v <=> $1 LIMIT $2".format(kind))
    cur.execute("EXECUTE nearest (%s, %s)", (value(kind, ASKED), WANTED))
    check(row[0] for row in cur)


def psycopg(kind):
    import psycopg

    # A pooler that hands out connections by transaction has no prepared statements.
    pooled = "ANNOY_POOLED" in os.environ
    with psycopg.connect("", autocommit=True, prepare_threshold=None if pooled else 5) as conn:
        conn.execute(CREATE.format(column_type(kind)))
        with conn.cursor() as cur, cur.copy("COPY items FROM STDIN") as copy:
            for i in range(ROWS):
                copy.write_row((i, value(kind, i)))
        conn.execute(INDEX.format(opclass(kind)))
        conn.execute("ANALYZE items")
        query = "SELECT id FROM items ORDER BY v <=> %s LIMIT %s"
        for binary in False, True:
            check(row[0] for row in conn.execute(query, (value(kind, ASKED), WANTED), binary=binary,
                                                 prepare=not pooled))
        if pooled:
            with conn.transaction():
                conn.execute("SET LOCAL annoy.target_recall = .99")
                check(row[0] for row in conn.execute(query, (value(kind, ASKED), WANTED)))
            assert conn.execute("SHOW annoy.target_recall").fetchone()[0] == "0.95"


def asyncpg(kind):
    import asyncpg

    async def run():
        conn = await asyncpg.connect()
        if kind == "vector":
            await conn.set_type_codec("vector", encoder=literal, decoder=str, format="text")
        await conn.execute(CREATE.format(column_type(kind)))
        await conn.executemany("INSERT INTO items VALUES ($1, $2)", [(i, embedding(i)) for i in range(ROWS)])
        await conn.execute(INDEX.format(opclass(kind)))
        await conn.execute("ANALYZE items")
        check(row["id"] for row in await conn.fetch(
            "SELECT id FROM items ORDER BY v <=> $1 LIMIT $2", embedding(ASKED), WANTED))

        # Where functions take several types, a parameter has to have one.
        cast = "real[]" if kind == "real[]" else "vector"
        check(row["id"] for row in await conn.fetch(
            "SELECT id FROM annoy_get_nns_by_vector('items_v', $1::{}, $2) n JOIN items ON ctid = item "
            "ORDER BY distance".format(cast), embedding(ASKED), WANTED))
        assert await conn.fetchval(
            "SELECT count(*) FROM items WHERE annoy_within(v, $1::{}, 0.0001, 'cosine')".format(cast),
            embedding(ASKED)) > 0
        await conn.close()

    asyncio.run(run())


def sqlalchemy_table(kind, bind):
    """A table, and a query of it; bind is what makes a parameter of a vector."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.types import UserDefinedType

    class Vector(UserDefinedType):
        cache_ok = True

        def get_col_spec(self, **_):
            return column_type("vector")

        def bind_processor(self, dialect):
            return bind

    items = sa.Table(
        "items", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("v", postgresql.ARRAY(sa.REAL) if kind == "real[]" else Vector()))
    sa.Index("items_v", items.c.v, postgresql_using="annoy", postgresql_ops={"v": opclass(kind)})
    query = sa.select(items.c.id).order_by(items.c.v.op("<=>")(embedding(ASKED))).limit(WANTED)
    return sa, items, query


def sqlalchemy(kind):
    sa, items, query = sqlalchemy_table(kind, literal)
    engine = sa.create_engine(url("psycopg2"), future=True)
    with engine.begin() as conn:
        items.metadata.create_all(conn)
        conn.execute(items.insert(), [{"id": i, "v": embedding(i)} for i in range(ROWS)])
        conn.execute(sa.text("ANALYZE items"))
        check(conn.execute(query).scalars())


def sqlalchemy_asyncpg(kind):
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    sa, items, query = sqlalchemy_table(kind, None)

    async def run():
        engine = create_async_engine(url("asyncpg"))
        if kind == "vector":
            @event.listens_for(engine.sync_engine, "connect")
            def connected(conn, _):
                conn.run_async(lambda c: c.set_type_codec("vector", encoder=literal, decoder=str, format="text"))
        async with engine.begin() as conn:
            await conn.run_sync(items.metadata.create_all)
            await conn.execute(items.insert(), [{"id": i, "v": embedding(i)} for i in range(ROWS)])
            await conn.execute(sa.text("ANALYZE items"))
            check((await conn.execute(query)).scalars())
        await engine.dispose()

    asyncio.run(run())


def django(kind):
    import django
    from django.conf import settings

    env = os.environ
    settings.configure(
        DATABASES={"default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": env["PGDATABASE"], "USER": env["PGUSER"],
            "PASSWORD": env["PGPASSWORD"], "HOST": env["PGHOST"], "PORT": env["PGPORT"]}},
        INSTALLED_APPS=[])
    django.setup()

    from django.db import connection, models

    class VectorField(models.Field):
        def db_type(self, connection):
            return column_type(kind)

        def get_prep_value(self, vector):
            return vector if kind == "real[]" or vector is None else literal(vector)

        def get_placeholder(self, vector, compiler, connection):
            return "%s::" + kind

    class CosineDistance(models.Func):
        template = "(%(expressions)s)"
        arg_joiner = " <=> "
        output_field = models.FloatField()

    class AnnoyIndex(models.Index):
        def create_sql(self, model, schema_editor, using="", **kwargs):
            return super().create_sql(model, schema_editor, using=" USING annoy", **kwargs)

    class Item(models.Model):
        v = VectorField()

        class Meta:
            app_label = "clients"
            db_table = "items"
            indexes = [AnnoyIndex(fields=["v"], name="items_v", opclasses=[opclass(kind)])]

    with connection.schema_editor() as editor:
        editor.create_model(Item)
    Item.objects.bulk_create(Item(id=i, v=embedding(i)) for i in range(ROWS))
    with connection.cursor() as cur:
        cur.execute("ANALYZE items")
    query = models.Value(embedding(ASKED), output_field=VectorField())
    check(Item.objects.order_by(CosineDistance("v", query)).values_list("id", flat=True)[:WANTED])


globals()[sys.argv[1]](sys.argv[2])
