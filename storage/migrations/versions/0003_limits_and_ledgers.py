"""Limits of other servers and lists of them, people who moved, and a ledger of what was owed and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Adds columns and tables, and says of blocked hosts that they are."""
    for column in (
        sa.Column("also_known_as", sa.JSON(), nullable=True),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("moved_at", MOMENT, nullable=True),
    ):
        op.add_column("actors", column)
    for name in ("pinned_at", "locked_at"):
        op.add_column("followed_posts", sa.Column(name, MOMENT, nullable=True))
    for name in ("owed", "delivered", "given_up"):
        op.add_column("activities", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    # What arrived before was not counted; what waits still is owed.
    op.execute(
        "UPDATE activities SET owed = (SELECT count(*) FROM deliveries WHERE deliveries.activity_id = activities.id)"
        " WHERE id IN (SELECT activity_id FROM deliveries)"
    )
    for column in (
        sa.Column("silenced_at", MOMENT, nullable=True),
        sa.Column("silenced_why", sa.Text(), nullable=True),
        sa.Column("allowed_at", MOMENT, nullable=True),
        sa.Column("limit", sa.String(length=20), nullable=True),
    ):
        op.add_column("hosts", column)
    # Blocks of before wrote down each port and subdomain that was met as one more; these follow from the others now,
    # and the next start writes down what holds for all.
    op.execute("UPDATE hosts SET \"limit\" = 'suspend' WHERE blocked_at IS NOT NULL")
    op.execute("UPDATE hosts SET blocked_at = NULL, blocked_why = NULL WHERE blocked_why LIKE 'It belongs to %.'")
    op.create_table(
        "block_lists",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("limit", sa.String(length=20), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("tried_at", MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block_lists")),
        sa.UniqueConstraint("name", name=op.f("uq_block_lists_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "block_list_entries",
        sa.Column("list_id", ID, nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("limit", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["block_lists.id"], name=op.f("fk_block_list_entries_list_id")),
        sa.PrimaryKeyConstraint("list_id", "host", name=op.f("pk_block_list_entries")),
    )
    op.create_index(op.f("ix_block_list_entries_host"), "block_list_entries", ["host"])
    paged = sa.text("page_url IS NOT NULL")
    op.create_index("ix_comments_page_url", "comments", ["page_url"], sqlite_where=paged, postgresql_where=paged)
    few = sa.text("attempts >= 3")
    op.create_index(op.f("ix_threads_last_activity_at_id"), "threads", ["last_activity_at", "id"])
    op.create_index("ix_deliveries_suspect", "deliveries", ["host", "id"], sqlite_where=few, postgresql_where=few)
    op.create_table(
        "host_hours",
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.Column("took_ms", ID, nullable=False),
        sa.Column("slowest_ms", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("host", "hour", name=op.f("pk_host_hours")),
    )
    op.create_index(op.f("ix_host_hours_hour"), "host_hours", ["hour"])
    op.create_table(
        "given_up",
        sa.Column("id", ID, nullable=False),
        sa.Column("activity_id", ID, nullable=False),
        sa.Column("signer_id", ID, nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("fate", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owed_at", MOMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["activity_id"], ["activities.id"], name=op.f("fk_given_up_activity_id")),
        sa.ForeignKeyConstraint(["signer_id"], ["actors.id"], name=op.f("fk_given_up_signer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_given_up")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_given_up_host_id"), "given_up", ["host", "id"])
    op.create_index(op.f("ix_given_up_activity_id"), "given_up", ["activity_id"])
    op.create_index(op.f("ix_given_up_at"), "given_up", ["at"])
