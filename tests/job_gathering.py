"""A toy operation that makes one outcome of several pictures."""

from tests.job_runs import GATHERING

OPERATION = GATHERING
