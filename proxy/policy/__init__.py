"""What a tenant may do: the policy file as values, its checks and the DDL of wall two. No I/O here."""
