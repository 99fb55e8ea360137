from hypothesis import settings

settings.register_profile("core", settings(deadline=None))
settings.load_profile("core")
