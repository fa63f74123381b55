"""The progress bar: tqdm's, or none where tqdm is not installed."""

try:
    from tqdm import tqdm
except ImportError:

    def tqdm(iterable, *args, **kwargs):
        """Stands in for tqdm's, and shows nothing."""
        return iterable
