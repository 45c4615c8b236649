#!/bin/sh
# The user that the unit names. It exists before the files that belong to it are unpacked.
set -e
getent group penstock >/dev/null || groupadd --system penstock
getent passwd penstock >/dev/null ||
	useradd --system --gid penstock --home-dir /var/lib/penstock --no-create-home --shell /usr/sbin/nologin penstock
