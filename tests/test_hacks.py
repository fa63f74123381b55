"""HW5 Q2 (f): the settings' names."""

from hw5.hacks import Setting, hacks


def test_settings_are_named_by_their_changes():
    base = Setting()
    settings = hacks(base, 1000)
    assert len(settings) == 9  # eight hacks, and their combinations
    every = [setting for rows in settings.values() for setting in rows]
    assert len({setting.key(base) for setting in every}) == len(every)
    assert base.key(base) == "base"
    assert Setting(eta=0.1, patience=2).key(base) == "eta_0.1_patience_2"
    assert Setting(eta=0.1, batch_size=1000).label(base) == "η = 0.1, batch = 1,000"
