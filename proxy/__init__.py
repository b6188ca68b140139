"""SQL over HTTP for people who keep their own PostgreSQL.

One request is one sentence: authenticate, admit, find the policy, vet the
statement, execute it, respond. The rooms of this package stand in that order;
`docs/architecture.md` draws them.
"""

__version__ = "0.1.0"
