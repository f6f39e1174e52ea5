"""MongoDB as the practice world plays it: replica-set membership, few operations on documents.

`members` keeps what a set agrees on, `answers` words it as a server does, `script` reads what
``mongosh`` was asked to do, `shell` joins the three. There is no JavaScript engine here: a script
that does more than call known operations is refused, never guessed at.
"""
