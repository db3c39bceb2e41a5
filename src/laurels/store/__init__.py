"""PostgreSQL: the schema, the statements, migrations. States and grants are bytes to it."""
