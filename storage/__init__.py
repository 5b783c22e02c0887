"""The database: tables, named questions, transactions; knows no HTTP and no ActivityPub."""
