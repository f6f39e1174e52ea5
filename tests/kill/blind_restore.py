"""`restore` with looks that see nothing; apart from `restore drill`, whose name it begins."""

from tests.kill.blind import blind

COMMANDS = blind("restore")
