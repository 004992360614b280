"""Alembic's entry: runs the migrations over one synchronous psycopg connection."""

from alembic import context
from sqlalchemy import create_engine, pool

from app.tables import metadata

# Tables of the queue, of the checkpoints and of app.migrate's marker live in the same database and are not compared.
FOREIGN = ("pgqueuer", "checkpoint", "schema_marker")


def include_name(name: str | None, type_: str, parent_names: object) -> bool:
    """Whether autogenerate may look at this database object."""
    return not (type_ == "table" and name is not None and name.startswith(FOREIGN))


def run() -> None:
    """Migrate the database that `app.migrate` names."""
    if context.is_offline_mode():
        context.configure(url=context.config.attributes["url"], target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_name=include_name,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
