"""The product's own state: one SQLite file, one module per table, SQL nowhere else.

`db.Store` opens the file and runs work; the other modules are plain synchronous functions over a
`sqlite_utils.Database`, so that a caller composes several of them into one transaction:

    await store.write(lambda db: requests.insert(db, request) and store.audit.append(db, event))

What does not belong here: who may do what (`bot.permissions`), when to send a message, any network.
Times are integer microseconds UTC, ids are opaque text.
"""
