"""What scripts written for Keras still ask ``keras.backend`` for; it has no more than this.

>>> from corten import backend
>>> backend.epsilon(), backend.backend()
(1e-07, 'corten')
"""

from __future__ import annotations

from corten.config import epsilon, floatx, image_data_format
from corten.utils import clear_session

__all__ = ["backend", "clear_session", "epsilon", "floatx", "image_data_format"]


def backend() -> str:
    """The name of what computes.

    >>> from corten import backend
    >>> backend.backend()
    'corten'
    """
    return "corten"
