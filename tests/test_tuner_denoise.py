from indexer.config import Settings
from tuner.work import Work


def work(**given):
    return Work(Settings(), **given)
