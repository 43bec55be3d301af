// Copyright (c) 2026, the annoy developers
//
// A client in JavaScript: clients.mjs CLIENT TYPE
//
// TYPE is "real[]" or "vector".  Makes a table, fills it, indexes it, and asks for the
// nearest rows of one, with the query and the number of rows as parameters.  The
// connection is what the environment says (PGHOST and so on).  Which plan the server took
// is for clients.sh to say, which also puts this file beside the packages it needs.

import assert from 'node:assert';

const rows = 5000, dimensions = 24, asked = 4242, wanted = 10;
const [client, kind] = process.argv.slice(2);
const isArray = kind === 'real[]';
const columnType = isArray ? 'real[]' : `vector(${dimensions})`;
const opclass = isArray ? 'real_cosine_ops' : 'vector_cosine_ops';
const { PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password, PGDATABASE: database } = process.env;
const connection = { host, port: Number(port), user, password, database };
const url = `postgresql://${user}:${password}@${host}:${port}/${database}`;

// Vector of row i: no two point the same way.
const embedding = i => Array.from({ length: dimensions }, (_, j) => Math.sin(i * (j + 1) * 0.37 + j * j));
const ids = [...Array(rows).keys()];
// As pgvector writes it, and as PostgreSQL writes an array.
const literal = isArray ? v => `{${v.join(',')}}` : JSON.stringify;

const create = `CREATE TABLE items (id integer PRIMARY KEY, v ${columnType})`;
const index = `CREATE INDEX items_v ON items USING annoy (v ${opclass})`;
const fill = `INSERT INTO items SELECT i, v::${columnType} FROM unnest($1::integer[], $2::text[]) AS t (i, v)`;

function check(found) {
  assert.equal(found.length, wanted);
  assert.equal(found[0].id, asked);
}

// Makes the table with a function that runs SQL with parameters.
async function makeTable(run) {
  await run(create, []);
  await run(fill, [ids, ids.map(i => literal(embedding(i)))]);
  await run(index, []);
  await run('ANALYZE items', []);
}

async function withPg(use) {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool(connection);

  try {
    await makeTable((text, values) => pool.query(text, values));
    await use(pool);
  } finally {
    await pool.end();
  }
}

const clients = {
  async pg() {
    await withPg(async pool => {
      const text = 'SELECT id FROM items ORDER BY v <=> $1 LIMIT $2';
      const values = [isArray ? embedding(asked) : JSON.stringify(embedding(asked)), wanted];

      check((await pool.query({ text, values })).rows);
      check((await pool.query({ name: 'nearest', text, values })).rows);
      check((await pool.query(
        `SELECT id FROM annoy_get_nns_by_vector('items_v', $1, $2) n JOIN items ON ctid = item ORDER BY distance`,
        values)).rows);
    });
  },

  async postgres() {
    const { default: postgres } = await import('postgres');
    const sql = postgres(connection);
    const query = isArray ? embedding(asked) : JSON.stringify(embedding(asked));

    await makeTable((text, values) => sql.unsafe(text, values));
    check(await sql`SELECT id FROM items ORDER BY v <=> ${query} LIMIT ${wanted}`);
    // Where functions take several types, a parameter has to have one.
    check(isArray ?
      await sql`SELECT id FROM annoy_get_nns_by_vector('items_v', ${query}::real[], ${wanted}) n
        JOIN items ON ctid = item ORDER BY distance` :
      await sql`SELECT id FROM annoy_get_nns_by_vector('items_v', ${query}::vector, ${wanted}) n
        JOIN items ON ctid = item ORDER BY distance`);
    await sql.end();
  },

  async drizzle() {
    const { drizzle } = await import('drizzle-orm/node-postgres');
    const { cosineDistance, sql } = await import('drizzle-orm');
    const { integer, pgTable, real, vector } = await import('drizzle-orm/pg-core');
    const items = pgTable('items', {
      id: integer('id').primaryKey(),
      v: isArray ? real('v').array() : vector('v', { dimensions }),
    });

    await withPg(async pool => {
      const db = drizzle(pool);
      // cosineDistance() sends [...], which is no array of PostgreSQL's.
      const distance = isArray ?
        sql`${items.v} <=> ${sql.param(embedding(asked), items.v)}` : cosineDistance(items.v, embedding(asked));

      await db.insert(items).values({ id: rows, v: embedding(rows) });
      check(await db.select({ id: items.id }).from(items).orderBy(distance).limit(wanted));
    });
  },

  async knex() {
    const { default: Knex } = await import('knex');
    const knex = Knex({ client: 'pg', connection });
    const query = isArray ? embedding(asked) : JSON.stringify(embedding(asked));

    await knex.raw(create);
    await knex.batchInsert('items', ids.map(id => ({ id, v: literal(embedding(id)) })));
    await knex.raw(index);
    await knex.raw('ANALYZE items');
    check(await knex('items').select('id').orderByRaw('v <=> ?', [query]).limit(wanted));
    await knex.destroy();
  },

  async typeorm() {
    await import('reflect-metadata');
    const { DataSource, EntitySchema } = await import('typeorm');
    const Item = new EntitySchema({
      name: 'Item',
      tableName: 'items',
      columns: {
        id: { type: 'int', primary: true },
        v: isArray ? { type: 'real', array: true } : { type: 'vector', length: dimensions },
      },
    });
    const source = await new DataSource(
      { type: 'postgres', ...connection, username: user, entities: [Item], installExtensions: false }).initialize();

    await makeTable((text, values) => source.query(text, values));
    await source.getRepository(Item).insert({ id: rows, v: embedding(rows) });
    const query = isArray ? embedding(asked) : JSON.stringify(embedding(asked));
    check(await source.query('SELECT id FROM items ORDER BY v <=> $1 LIMIT $2', [query, wanted]));
    check(await source.getRepository(Item).createQueryBuilder('item')
      .orderBy(isArray ? 'item.v <=> :query::real[]' : 'item.v <=> :query::vector')
      .setParameter('query', query).limit(wanted).getMany());
    await source.destroy();
  },

  async pgvector() {
    const { default: pg } = await import('pg');
    const { default: pgvector } = await import('pgvector/pg');
    const db = new pg.Client(connection);

    await db.connect();
    await pgvector.registerTypes(db);
    await makeTable((text, values) => db.query(text, values));
    const found = await db.query('SELECT id, v FROM items ORDER BY v <=> $1 LIMIT $2',
      [pgvector.toSql(embedding(asked)), wanted]);
    check(found.rows);
    assert.equal(found.rows[0].v.length, dimensions);
    await db.end();
  },

  async prisma() {
    const { PrismaPg } = await import('@prisma/adapter-pg');
    const { PrismaClient } = await import('./generated/index.js');
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });

    await makeTable((text, values) => prisma.$executeRawUnsafe(text, ...values));
    const query = isArray ? embedding(asked) : JSON.stringify(embedding(asked));
    check(isArray ?
      await prisma.$queryRaw`SELECT id FROM items ORDER BY v <=> ${query}::real[] LIMIT ${wanted}` :
      await prisma.$queryRaw`SELECT id FROM items ORDER BY v <=> ${query}::vector LIMIT ${wanted}`);
    const [info] = await prisma.$queryRaw`SELECT * FROM annoy_index_info('items_v')`;
    assert.equal(info.metric, 'angular');
    // tid, regclass and void are types that Prisma does not read.
    await prisma.$queryRaw`SELECT item::text FROM annoy_get_nns_by_item('items_v', '(0,1)', 3)`;
    await prisma.$executeRaw`SELECT annoy_index_check('items_v')`;
    await prisma.$disconnect();
  },

  async langchain() {
    const { PGVectorStore } = await import('@langchain/community/vectorstores/pgvector');
    // What LangChain calls to have the embeddings of texts.
    const embeddings = {
      embedDocuments: async texts => texts.map(text => embedding(Number(text))),
      embedQuery: async text => embedding(Number(text)),
    };
    const store = await PGVectorStore.initialize(embeddings, {
      postgresConnectionOptions: connection,
      tableName: 'items',
      columns: { idColumnName: 'id', vectorColumnName: 'v', contentColumnName: 'text', metadataColumnName: 'metadata' },
      distanceStrategy: 'cosine',
      dimensions,
    });

    for (let from = 0; from < rows; from += 500)
      await store.addDocuments(ids.slice(from, from + 500).map(id => ({ pageContent: String(id), metadata: { id } })));
    await store.client.query(`CREATE INDEX items_v ON items USING annoy (v vector_cosine_ops)`).catch(
      // A column without dimensions is no fault here.
      error => { throw error; });
    await store.client.query('ANALYZE items');
    const found = await store.similaritySearch(String(asked), wanted);
    check(found.map(document => document.metadata));
    await store.end();
  },
};

await clients[client]();
