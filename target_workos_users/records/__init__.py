"""Singer records in, the users that WorkOS should have out. Pure."""
