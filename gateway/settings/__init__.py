"""Every setting of the gateway, and the only reader of the environment and of the configuration file."""

from gateway.settings.entries import ApiKeySetting, ProjectSetting
from gateway.settings.settings import Settings, environment_variables, load_settings

__all__ = ["ApiKeySetting", "ProjectSetting", "Settings", "environment_variables", "load_settings"]
