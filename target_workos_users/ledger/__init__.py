"""The memory by record and by person: an SQLite file that saves requests and answers questions."""

from target_workos_users.ledger.ledger import Ledger
from target_workos_users.ledger.memory import Made, Past, Person, Version

__all__ = ["Ledger", "Made", "Past", "Person", "Version"]
