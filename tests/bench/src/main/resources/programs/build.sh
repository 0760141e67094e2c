# make, for a program of some thousand lines in 13 files: this project's monitor, which lies in /work/monitor.
rm -rf /tmp/build && mkdir /tmp/build && cd /tmp/build
{
	echo 'program: $(patsubst /work/monitor/%.c,%.o,$(wildcard /work/monitor/*.c))'
	echo '	gcc -o $@ $^'
	echo '%.o: /work/monitor/%.c'
	echo '	gcc -O2 "-DCAISSON_VERSION=\"1\"" -c -o $@ $<'
} >Makefile
"$1" /dev/null /usr/bin/make -s
