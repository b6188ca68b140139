"""The tenants that are served: their policy files, read and watched, and what each needs while it is served."""
