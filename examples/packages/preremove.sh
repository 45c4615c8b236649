#!/bin/sh
# Called for a removal with "remove" (deb) or 0 (rpm), and for an upgrade otherwise: that restarts later.
set -e
case "$1" in remove | 0) ;; *) exit 0 ;; esac
[ -d /run/systemd/system ] || exit 0
systemctl disable --now penstock.service || true
