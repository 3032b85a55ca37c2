"""What a team runs beside the project: databases, stores, servers, workers. With Docker or without (docs/deploy.md)."""

import chainrule as chainrule  # its environment, before any library of the team's
