#!/bin/sh
# A running agent goes on with the new program; a new one waits for its configuration to be written.
set -e
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
systemctl try-restart penstock.service
