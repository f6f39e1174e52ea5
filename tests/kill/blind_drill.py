"""`restore drill` with looks that see nothing; apart from `restore`, which begins its name."""

from tests.kill.blind import blind

COMMANDS = blind("restore drill")
