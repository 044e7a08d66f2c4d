"""Where work is done that can be spread: the cores of this machine, or a Dask cluster."""

from contextlib import ExitStack
from numbers import Integral
from threading import RLock

from joblib import Parallel, effective_n_jobs, parallel_config

from alvae._checks import shown

CONNECT = 10  # seconds to wait for a scheduler


class Workers(ExitStack):
    """Processes that are started when the first work comes, and stopped at the end of the context.

    Parameters
    ----------
    n_jobs : int, default=-1
        Processes on this machine; -1 is one per core.
    scheduler : str, default=None
        Address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers are used instead.

    Raises
    ------
    ValueError
        If `n_jobs` is no such number, no scheduler answers, or it has no workers.

    Attributes
    ----------
    elsewhere : bool
        Whether work is done in other processes than this one.
    """

    def __init__(self, n_jobs=-1, scheduler=None):
        super().__init__()
        if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
            raise ValueError(f"n_jobs is {shown(n_jobs)}; allowed are integers but 0")
        self.n_jobs = n_jobs
        self.client = self.enter_context(_connect(scheduler)) if scheduler else None
        self.elsewhere = self.client is not None or effective_n_jobs(n_jobs) > 1
        if self.client is None and self.elsewhere:
            self.enter_context(_alone)
        self._busy = self.enter_context(ExitStack())
        self._shared = self._parallel = None

    def begin_with(self, token):
        """Have processes on this machine that began with this code of the caller, and no other.

        Those of earlier work live on, and have modules as these were then.
        """
        _begun.update(initializer=_begin, initargs=(token,))

    def parallel(self, shared):
        """A `joblib.Parallel` for tasks that have `shared` among their arguments.

        Its results come as a generator, in order. Every worker of a cluster is sent `shared`, once:
        what one worker alone has would be lost with it.
        """
        if self._parallel is None or (self.client is not None and shared is not self._shared):
            self._busy.close()
            if self.client is not None:
                options = {"client": self.client, "scatter": [shared]}
                self._busy.enter_context(parallel_config("dask", **options))
                parallel = Parallel(return_as="generator")
            else:
                parallel = Parallel(self.n_jobs, return_as="generator", **_begun)
            self._parallel = self._busy.enter_context(parallel)
            self._shared = shared
        return self._parallel


_alone = RLock()  # joblib cannot start new workers while another thread uses those that it has
_begun = {}  # what its workers began with: where that is another, it starts new ones


def _begin(token):
    """What a worker does when it begins: nothing."""


def _connect(address):
    """A client of the Dask scheduler at this address, as a context."""
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            f"scheduler is {address!r}, which takes Dask: pip install 'alvae[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"scheduler is {address!r}; no Dask scheduler answers there") from error
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError:
        client.close()
        raise ValueError(f"scheduler is {address!r}; it has no workers") from None
    return client
