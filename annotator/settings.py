"""All settings, read from the environment; one file for every machine.

The defaults are the embedded set: SQLite, Celery's filesystem broker and files, all under WINNOW_HOME.
"""

from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

HOME = Path(env.str("WINNOW_HOME", default=str(BASE_DIR / "var"))).resolve()
PORT = env.int("WINNOW_PORT", default=8000)
DEBUG = env.bool("WINNOW_DEBUG", default=False)


def _secret_key() -> str:
    """The key of this installation: from the environment, else the file that `manage.py prepare` wrote."""
    path = HOME / "secret_key"
    if key := env.str("WINNOW_SECRET_KEY", default=""):
        return str(key)
    return path.read_text().strip() if path.exists() else ""


SECRET_KEY = _secret_key() or "unset: run manage.py prepare, or set WINNOW_SECRET_KEY"
ALLOWED_HOSTS = env.list("WINNOW_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("WINNOW_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",
    "annotator.apps.AnnotatorConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "annotator.middleware.PageGZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "annotator.middleware.SecurityHeadersMiddleware",
    "annotator.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "annotator.urls"
WSGI_APPLICATION = "annotator.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    """SQLite behind its gate unless WINNOW_DATABASE_URL names a PostgreSQL."""
    url = env.str("WINNOW_DATABASE_URL", default="")
    if url:
        return {**env.db_url_config(url), "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    return {
        "ENGINE": "annotator.sqlite_gate",
        "NAME": str(HOME / "winnow.sqlite3"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # FULL: an acknowledged answer survives a power cut; a commit costs 0.4 ms.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;",
        },
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = HOME / "files"  # items' images and uploads; served only through views that authorise
ARTIFACTS_ROOT = HOME / "artifacts"  # features and predictions, written by the worker
MODELS = Path(env.str("WINNOW_MODELS", default=str(HOME / "models")))  # the pretrained models that projects may name
HUB = env.bool("WINNOW_HUB", default=False)  # whether they may also name models to be downloaded
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
UPLOAD_LIMIT = env.int("WINNOW_UPLOAD_LIMIT_MB", default=512) * 1024 * 1024

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "annotator.views.kept.csrf_failure"  # loses no answer
HTTPS = env.bool("WINNOW_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

BROKER_URL = env.str("WINNOW_BROKER_URL", default="filesystem://")
BROKER_PREFIX = env.str("WINNOW_BROKER_PREFIX", default="winnow:")  # tells installations on one Redis apart
LEASE_SECONDS = env.int("WINNOW_LEASE_SECONDS", default=900)
WORKER_THREADS = env.int("WINNOW_WORKER_THREADS", default=0)  # 0: one less than the cores

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("WINNOW_LOG_LEVEL", default="WARNING")},
    "loggers": {"annotator": {"level": "INFO"}},
}
