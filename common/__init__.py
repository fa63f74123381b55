"""The rooms that every script uses: run, data, loop, plots, layers, frechet."""

from pathlib import Path

from common.runtime.signals import end_quietly

ROOT = Path(__file__).resolve().parents[1]  # the project's folder

end_quietly(ROOT)
