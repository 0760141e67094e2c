# apt-get in a Debian of its own: packages of an archive in /archive are installed, configured, removed and purged.
export DEBIAN_FRONTEND=noninteractive
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; }
quietly apt-get update
apt-cache policy greeting
quietly apt-get install -y greeting
greeting
cat /var/log/greeting
dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'greeting*'
stat -c '%n %a %U %G' /var/lib/greeting /usr/bin/greeting /etc/greeting.conf
dpkg -S /usr/share/greeting/150
dpkg --verify greeting greeting-data && echo verified
echo 9 >/etc/greeting.conf && greeting
quietly apt-get install -y --reinstall -o Dpkg::Options::=--force-confold greeting
greeting
quietly apt-get remove -y greeting
cat /etc/greeting.conf
quietly apt-get autoremove -y --purge greeting
ls /etc/greeting.conf /usr/share/greeting /var/lib/greeting 2>&1 || true
getent passwd greeter || echo nobody greets
quietly apt-get check
dpkg --audit
echo done
