package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.namespace.NamespaceBackend;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same programs on the host's kernel, in namespaces, and behind the wall: what they print must be the same. */
final class TrapDifferentialTest extends TrapSuite {
    private static final Backend NATIVE = new NamespaceBackend();

    /** What the scripts and programs find. */
    private static final String SETUP =
            "mkdir -p /tmp /etc /root; chmod 1777 /tmp; echo root:x:0:0::/root:/bin/sh > /etc/passwd; echo root:x:0: > /etc/group; ";

    private String run(Backend backend, String script) throws ContainerFault {
        return run(backend, shell(SETUP + script));
    }

    private String run(Backend backend, Bundle bundle) throws ContainerFault {
        try (TestContainer c = TestContainer.prepare(backend, bundle, pod().launcher())) {
            int code = c.run();
            return c.stdout() + "--- stderr\n" + c.stderr() + "--- exit " + code + "\n";
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                // names
                "cd /tmp; mkdir -p a/b; touch a/b/c; mv a/b/c a/b/d; ln -s d a/b/e; ln a/b/d a/b/f; ls -i a/b | wc -l; readlink a/b/e;"
                        + " stat -c '%h %F' a/b/d a/b/e; rmdir a; rm -r a; ls; echo $?",
                "cd /tmp; ln -s loop loop; cat loop; ln -s /etc abs; ls abs/passwd; ln -s ../etc rel; ls rel/passwd; cat nothing/at/all; cat /etc/passwd/x",
                "cd /tmp; ln -s ../../../../../../etc/passwd up; ls -L up; ls /../../etc/passwd; cd /..; pwd",
                // permissions
                "cd /tmp; umask 027; touch u; mkdir v; stat -c '%a' u v; chmod 4711 u; stat -c %a u; chown 12:34 u; stat -c '%u %g %a' u",
                "cd /tmp; mkdir p; chmod 700 p; echo secret > p/s; chmod 600 p/s; echo x > pub; chmod 644 pub; echo joe:x:1000:1000::/:/bin/sh >> /etc/passwd;"
                        + " su joe -s /bin/sh -c 'id -u; cat p/s; ls p; cat pub; echo y > pub; touch new; rm pub; kill -0 1; cat /proc/1/environ'",
                // descriptors
                "cd /tmp; echo one > f; exec 3<f; rm f; cat <&3; echo two > /dev/stderr; echo three | cat /dev/stdin; cat < /dev/null; : > /dev/full",
                "cd /tmp; mkfifo q; cat q & echo through > q; wait; (sleep 0.2; echo late > q) & cat q; wait",
                "cd /tmp; exec 5>o; (cd /; echo a >&5); echo b >&5; cat o; dd if=/dev/zero of=big bs=64k count=40 2>/dev/null; wc -c big; truncate -s 5 big; wc -c big",
                // processes
                "echo $$; sh -c 'echo $PPID'; (exit 7); echo $?; { sleep 100 & kill $!; wait $!; } 2>/dev/null; echo $?; trap 'echo got' USR1; kill -USR1 $$; echo end",
                "readlink /proc/self/cwd; cd /tmp; readlink /proc/self/cwd; cat /proc/self/comm; cat /proc/1/comm; readlink /proc/self/exe; ls /proc/self/fd | wc -l;"
                        + " [ $(readlink /proc/self) -gt 1 ] && echo later; ls -d /proc/1/task/1",
                "cd /proc/self && pwd && cat comm; cd /proc/1/task && ls; cat /proc/self/mounts | cut -d' ' -f2 | sort | head -2; ls -l /proc/self/nothing",
                "printf '#!/bin/sh\\necho script $1\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s x; printf '#!/nothing\\n' > /tmp/t; chmod +x /tmp/t; /tmp/t; echo $?; /tmp; echo $?",
                "find / -xdev -name 'pass*' | sort; tar cf /tmp/t.tar /etc 2>/dev/null; tar tf /tmp/t.tar | sort | head -5; gzip -c /tmp/t.tar | gunzip | md5sum | wc -c",
                "nc -l -p 1234 -e echo served & sleep 0.3; nc 127.0.0.1 1234 < /dev/null; wait; hostname; seq 1 2000 | sort -n | tail -1",
            })
    void printsTheSame(String script) throws ContainerFault {
        assertThat(run(backend(), script)).isEqualTo(run(NATIVE, script));
    }

    /** The first one that the container shows, which no call of its own has made. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "cat /gate & sleep 0.3; echo through > /gate; wait; (sleep 0.2; echo late > /gate) & cat /gate; wait",
                "echo first > /gate & sleep 0.3; cat /gate; wait; cat /gate & sleep 0.2; echo again > /gate; wait",
            })
    void waitsForTheOtherEndOfAFifoOfTheImage(String script) throws Exception {
        assertThat(run(backend(), withFifo(script))).isEqualTo(run(NATIVE, withFifo(script)));
    }

    private Bundle withFifo(String script) throws IOException, InterruptedException {
        Bundle bundle = shell(SETUP + script);
        assertThat(new ProcessBuilder("mkfifo", bundle.rootfs("gate").toString())
                        .start()
                        .waitFor())
                .isZero();
        return bundle;
    }
}
