"""Every error Pixloom raises on purpose.

PixloomError
├── UsageError                 the request is wrong: empty query, k out of range, unknown name
│   ├── NotFoundError          no such picture, file or folder
│   └── LimitError             they have asked for too much at once
├── PictureError               one picture can't be read; it is listed and the run goes on
├── EncoderError               a model can't be loaded or used
│   └── UnreachableError       the model hub can't be reached
├── PullError                  a model can't be fetched, or what came isn't it
├── DependencyError            an optional package is missing
├── TuneError                  an operation can't give an outcome for this picture
│   ├── QualityError           the outcome is black, flat, not a number, or nothing has changed
│   └── CapacityError          it doesn't fit into this machine's memory
├── ForbiddenError             it belongs to someone else, or rights don't allow it
├── StoppedError               the user stopped it
└── HomeError                  the home folder can't be used
    ├── BusyError              another process is writing to it
    ├── NewerCatalogError      its catalogue was written by a newer version
    ├── DiskFullError          no space is left
    └── DamageError            catalogue and vectors disagree; `pixloom rebuild` repairs

Each message says what happened, to which file or setting, and what to do. Only api/ turns an error
into an exit code or a status.
"""


class PixloomError(Exception):
    """Base of all errors raised on purpose; its text is fit to show to a user."""


class UsageError(PixloomError):
    """The request itself is wrong."""


class NotFoundError(UsageError):
    """A picture, file or folder that was named does not exist."""


class LimitError(UsageError):
    """Somebody has asked for more at once than one person may."""


class PictureError(PixloomError):
    """One picture can't be read; the message is the reason that gets listed."""


class EncoderError(PixloomError):
    """An encoder can't be loaded or used."""


class UnreachableError(EncoderError):
    """The model hub can't be reached and the weights aren't here."""


class PullError(PixloomError):
    """A model can't be fetched: its source refuses, breaks off, or gives something else than was pinned."""


class DependencyError(PixloomError):
    """An optional package is needed and not installed."""


class TuneError(PixloomError):
    """An operation can't give an outcome for this picture."""


class QualityError(TuneError):
    """An outcome was made that nobody can want: black, flat, not a number, or unchanged."""


class CapacityError(TuneError):
    """It doesn't fit into this machine's memory, however it is divided."""


class ForbiddenError(PixloomError):
    """It belongs to someone else, or rights don't allow it."""


class StoppedError(PixloomError):
    """The user stopped it."""


class HomeError(PixloomError):
    """The home folder can't be used as it is."""


class BusyError(HomeError):
    """Another process is writing to the home folder."""


class NewerCatalogError(HomeError):
    """The catalogue was written by a newer version of Pixloom."""


class DiskFullError(HomeError):
    """No space is left on the disk that holds the home folder."""


class DamageError(HomeError):
    """Catalogue and vectors disagree in a way that only a rebuild repairs."""
