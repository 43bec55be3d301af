// Copyright (c) 2026, the annoy developers
//
// JDBC: Client.java TYPE, "real[]" or "vector".  Makes a table, fills it, indexes it, and
// asks for the nearest rows of one, with the query and the number of rows as parameters.
// The connection is what the environment says (PGHOST and so on).  Which plan the server
// took is for clients.sh to say.

import java.sql.*;

public class Client {
	static final int ROWS = 5000, DIMENSIONS = 24, ASKED = 4242, WANTED = 10;

	// Vector of row i: no two point the same way.
	static Float[] embedding(int i) {
		Float[] v = new Float[DIMENSIONS];

		for (int j = 0; j < DIMENSIONS; j++)
			v[j] = (float) Math.sin(i * (j + 1) * 0.37 + j * j);
		return v;
	}

	static void setVector(PreparedStatement statement, int at, String kind, Float[] v) throws SQLException {
		if (kind.equals("real[]"))
			statement.setArray(at, statement.getConnection().createArrayOf("float4", v));
		else
			// for which the type is unknown, and not text
			statement.setObject(at, java.util.Arrays.toString(v), Types.OTHER);
	}

	static void check(PreparedStatement statement) throws SQLException {
		try (ResultSet found = statement.executeQuery()) {
			int n = 0;

			while (found.next())
				if (n++ == 0 && found.getInt(1) != ASKED)
					throw new AssertionError("row " + found.getInt(1) + " in place of " + ASKED);
			if (n != WANTED)
				throw new AssertionError(n + " rows in place of " + WANTED);
		}
	}

	public static void main(String[] args) throws SQLException {
		String kind = args[0];
		boolean isArray = kind.equals("real[]");
		String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" +
			System.getenv("PGDATABASE") + "?prepareThreshold=2";

		try (Connection connection = DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"));
				Statement plain = connection.createStatement()) {
			plain.execute("CREATE TABLE items (id integer PRIMARY KEY, v " +
				(isArray ? "real[]" : "vector(" + DIMENSIONS + ")") + ")");
			try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items VALUES (?, ?)")) {
				for (int i = 0; i < ROWS; i++) {
					insert.setInt(1, i);
					setVector(insert, 2, kind, embedding(i));
					insert.addBatch();
				}
				insert.executeBatch();
			}
			plain.execute("CREATE INDEX items_v ON items USING annoy (v " +
				(isArray ? "real_cosine_ops" : "vector_cosine_ops") + ")");
			plain.execute("ANALYZE items");

			try (PreparedStatement nearest =
					connection.prepareStatement("SELECT id FROM items ORDER BY v <=> ? LIMIT ?")) {
				setVector(nearest, 1, kind, embedding(ASKED));
				nearest.setInt(2, WANTED);
				// the third is a prepared statement's
				for (int i = 0; i < 3; i++)
					check(nearest);
			}
		}
	}
}
