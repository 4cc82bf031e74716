"""Say whether the PostgreSQL and the Redis of `make test-services` answer; exit status 1 if one does not.

python tests/find_services.py
"""

import os
import sys

import psycopg
import redis


def main() -> None:
    trouble = postgres_trouble(os.environ["WINNOW_DATABASE_URL"]) + redis_trouble(os.environ["WINNOW_BROKER_URL"])
    if trouble:
        sys.exit("\n".join(["The suite on PostgreSQL and Redis cannot run:", *trouble]))
    sys.stderr.write("PostgreSQL and Redis answer.\n")


def postgres_trouble(url: str) -> list[str]:
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            may = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            allowed = (may.fetchone() or [False])[0]
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        return [
            f"  PostgreSQL does not answer ({reason}). Start one, or name yours: WINNOW_DATABASE_URL=postgres://..."
        ]
    return [] if allowed else ["  The PostgreSQL role may not create databases, and the tests make their own."]


def redis_trouble(url: str) -> list[str]:
    try:
        redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3).ping()
    except (redis.RedisError, ValueError) as error:
        return [f"  Redis does not answer ({error}). Start one, or name yours: WINNOW_BROKER_URL=redis://host:port/9"]
    return []


if __name__ == "__main__":
    main()
