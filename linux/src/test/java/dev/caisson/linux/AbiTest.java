package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares every number and layout of this package with what the machine's C compiler makes of the kernel's headers. */
class AbiTest {
    /** C expressions of the constants that are not macros of the same name. */
    private static final Map<String, String> EXPRESSIONS = Map.ofEntries(
            // An unsigned number in the header; the kernel has it in 32 bits.
            Map.entry("EPOLLET", "(int) EPOLLET"),
            Map.entry("BPF_MAP_TYPE", "offsetof(union bpf_attr, map_type)"),
            Map.entry("BPF_MAP_KEY_SIZE", "offsetof(union bpf_attr, key_size)"),
            Map.entry("BPF_MAP_VALUE_SIZE", "offsetof(union bpf_attr, value_size)"),
            Map.entry("BPF_MAP_ENTRIES", "offsetof(union bpf_attr, max_entries)"),
            Map.entry("BPF_MAP_FLAGS", "offsetof(union bpf_attr, map_flags)"),
            Map.entry("BPF_MAP_NAME", "offsetof(union bpf_attr, map_name)"),
            Map.entry("BPF_LOAD_ATTACH_TYPE", "offsetof(union bpf_attr, expected_attach_type)"),
            Map.entry("BPF_LOAD_PROG_TYPE", "offsetof(union bpf_attr, prog_type)"),
            Map.entry("BPF_LOAD_INSN_CNT", "offsetof(union bpf_attr, insn_cnt)"),
            Map.entry("BPF_LOAD_INSNS", "offsetof(union bpf_attr, insns)"),
            Map.entry("BPF_LOAD_LICENSE", "offsetof(union bpf_attr, license)"),
            Map.entry("BPF_LOAD_LOG_LEVEL", "offsetof(union bpf_attr, log_level)"),
            Map.entry("BPF_LOAD_LOG_SIZE", "offsetof(union bpf_attr, log_size)"),
            Map.entry("BPF_LOAD_LOG_BUF", "offsetof(union bpf_attr, log_buf)"),
            Map.entry("BPF_LOAD_PROG_NAME", "offsetof(union bpf_attr, prog_name)"),
            Map.entry("BPF_ATTACH_TARGET_FD", "offsetof(union bpf_attr, target_fd)"),
            Map.entry("BPF_ATTACH_BPF_FD", "offsetof(union bpf_attr, attach_bpf_fd)"),
            Map.entry("BPF_ATTACH_TYPE", "offsetof(union bpf_attr, attach_type)"),
            Map.entry("BPF_ATTACH_FLAGS", "offsetof(union bpf_attr, attach_flags)"),
            Map.entry("BPF_ATTACH_REPLACE_BPF_FD", "offsetof(union bpf_attr, replace_bpf_fd)"),
            Map.entry("BPF_QUERY_TARGET_FD", "offsetof(union bpf_attr, query.target_fd)"),
            Map.entry("BPF_QUERY_TYPE", "offsetof(union bpf_attr, query.attach_type)"),
            Map.entry("BPF_QUERY_PROG_IDS", "offsetof(union bpf_attr, query.prog_ids)"),
            Map.entry("BPF_QUERY_PROG_CNT", "offsetof(union bpf_attr, query.prog_cnt)"),
            Map.entry("BPF_GET_PROG_ID", "offsetof(union bpf_attr, prog_id)"),
            Map.entry("BPF_ATTR_SIZE", "offsetof(union bpf_attr, expected_attach_type) + sizeof(__u32)"),
            Map.entry("EPOLL_EVENT_SIZE", "sizeof(struct epoll_event)"),
            Map.entry("EPOLL_EVENT_EVENTS", "offsetof(struct epoll_event, events)"),
            Map.entry("EPOLL_EVENT_DATA", "offsetof(struct epoll_event, data)"),
            Map.entry("INOTIFY_EVENT_WD", "offsetof(struct inotify_event, wd)"),
            Map.entry("INOTIFY_EVENT_MASK", "offsetof(struct inotify_event, mask)"),
            Map.entry("INOTIFY_EVENT_COOKIE", "offsetof(struct inotify_event, cookie)"),
            Map.entry("INOTIFY_EVENT_LEN", "offsetof(struct inotify_event, len)"),
            Map.entry("INOTIFY_EVENT_NAME", "offsetof(struct inotify_event, name)"),
            Map.entry("DIRENT_INO", "offsetof(struct dirent64, d_ino)"),
            Map.entry("DIRENT_RECLEN", "offsetof(struct dirent64, d_reclen)"),
            Map.entry("DIRENT_TYPE", "offsetof(struct dirent64, d_type)"),
            Map.entry("DIRENT_NAME", "offsetof(struct dirent64, d_name)"),
            Map.entry("SOCKADDR_UN_PATH", "offsetof(struct sockaddr_un, sun_path)"),
            Map.entry("SOCKADDR_UN_SIZE", "sizeof(struct sockaddr_un)"),
            Map.entry("MSGHDR_SIZE", "sizeof(struct msghdr)"),
            Map.entry("MSGHDR_IOV", "offsetof(struct msghdr, msg_iov)"),
            Map.entry("MSGHDR_IOVLEN", "offsetof(struct msghdr, msg_iovlen)"),
            Map.entry("MSGHDR_CONTROL", "offsetof(struct msghdr, msg_control)"),
            Map.entry("MSGHDR_CONTROLLEN", "offsetof(struct msghdr, msg_controllen)"),
            Map.entry("IOVEC_SIZE", "sizeof(struct iovec)"),
            Map.entry("IOVEC_LEN", "offsetof(struct iovec, iov_len)"),
            Map.entry("CMSG_LEVEL", "offsetof(struct cmsghdr, cmsg_level)"),
            Map.entry("CMSG_TYPE", "offsetof(struct cmsghdr, cmsg_type)"),
            Map.entry("CMSG_DATA", "sizeof(struct cmsghdr)"),
            Map.entry("CMSG_LEN_INT", "CMSG_LEN(sizeof(int))"),
            Map.entry("CMSG_SPACE_INT", "CMSG_SPACE(sizeof(int))"),
            Map.entry("TIMEVAL_SIZE", "sizeof(struct timeval)"),
            Map.entry("TIMESPEC_SIZE", "sizeof(struct timespec)"),
            Map.entry("TIMEX_MODES", "offsetof(struct timex, modes)"),
            Map.entry("TIMEX_TIME", "offsetof(struct timex, time)"),
            Map.entry("TIMEX_SIZE", "sizeof(struct timex)"),
            Map.entry("IFREQ_SIZE", "sizeof(struct ifreq)"),
            Map.entry("IFREQ_FLAGS", "offsetof(struct ifreq, ifr_flags)"),
            Map.entry("OPEN_HOW_FLAGS", "offsetof(struct open_how, flags)"),
            Map.entry("OPEN_HOW_MODE", "offsetof(struct open_how, mode)"),
            Map.entry("OPEN_HOW_RESOLVE", "offsetof(struct open_how, resolve)"),
            Map.entry("OPEN_HOW_SIZE", "sizeof(struct open_how)"),
            Map.entry("STATFS_SIZE", "sizeof(struct statfs)"),
            Map.entry("STATFS_TYPE", "offsetof(struct statfs, f_type)"));

    private static final String HEADERS = """
            #define _GNU_SOURCE
            #include <errno.h>
            #include <stddef.h>
            #include <stdio.h>
            #include <dirent.h>
            #include <fcntl.h>
            #include <sched.h>
            #include <unistd.h>
            #include <sys/epoll.h>
            #include <sys/eventfd.h>
            #include <sys/file.h>
            #include <sys/inotify.h>
            #include <sys/mman.h>
            #include <sys/mount.h>
            #include <sys/resource.h>
            #include <sys/socket.h>
            #include <sys/stat.h>
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <sys/timex.h>
            #include <sys/un.h>
            #include <sys/vfs.h>
            #include <linux/bpf.h>
            #include <linux/if.h>
            #include <linux/if_tun.h>
            #include <linux/magic.h>
            #include <linux/openat2.h>
            #include <linux/random.h>
            /* Younger than this distribution's headers; include/uapi/linux/fcntl.h and memfd.h of Linux 6.3. */
            #ifndef MFD_EXEC
            #define MFD_EXEC 0x10U
            #endif
            #ifndef F_SEAL_EXEC
            #define F_SEAL_EXEC 0x20
            #endif
            """;

    @TempDir
    Path directory;

    @Test
    void everyConstantIsWhatTheCompilerSays() throws Exception {
        Map<String, Long> ours = new LinkedHashMap<>();
        StringBuilder program = new StringBuilder(HEADERS).append("int main(void) {\n");
        for (Class<?> table :
                new Class<?>[] {Sys.class, Abi.class, HostFiles.class, Mounts.class, Inotify.class, Epoll.class}) {
            for (Field field : table.getDeclaredFields()) {
                if (!isPublished(table, field)) {
                    continue;
                }
                String name = field.getName();
                String expression = table == Sys.class ? "SYS_" + name : EXPRESSIONS.getOrDefault(name, name);
                field.setAccessible(true);
                ours.put(name, field.getLong(null));
                program.append("printf(\"").append(name).append(" %lld\\n\", (long long)(");
                program.append(expression).append("));\n");
            }
        }
        for (Errno errno : Errno.values()) {
            if (errno.number() > 0 && errno != Errno.ENOTSUPP) {
                ours.put(errno.name(), (long) errno.number());
                program.append("printf(\"")
                        .append(errno.name())
                        .append(" %d\\n\", ")
                        .append(errno.name())
                        .append(");\n");
            }
        }
        program.append("return 0; }\n");

        Map<String, Long> compiler = run(program.toString());

        assertThat(ours).hasSizeGreaterThan(250);
        assertThat(ours).containsExactlyInAnyOrderEntriesOf(compiler);
    }

    private static boolean isPublished(Class<?> table, Field field) {
        boolean number = field.getType() == int.class || field.getType() == long.class;
        boolean wholeTable = table == Sys.class || table == Abi.class;
        boolean kernelName = Modifier.isPublic(field.getModifiers())
                && (field.getName().contains("_") || field.getName().startsWith("EPOLL"));
        return number
                && Modifier.isStatic(field.getModifiers())
                && (wholeTable || (kernelName && !field.getName().equals("KERNEL_FILE_LIMIT")));
    }

    private Map<String, Long> run(String program) throws Exception {
        Path source = directory.resolve("abi.c");
        Path binary = directory.resolve("abi");
        Files.writeString(source, program);
        Process compilation;
        try {
            compilation = new ProcessBuilder("gcc", "-o", binary.toString(), source.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (java.io.IOException e) {
            System.out.println("skipped: no gcc on this machine, layouts are not compared: " + e.getMessage());
            assumeTrue(false, "no gcc");
            throw e;
        }
        String messages = output(compilation);
        assertThat(compilation.waitFor()).as(messages).isZero();
        Process run = new ProcessBuilder(binary.toString()).start();
        Map<String, Long> values = new LinkedHashMap<>();
        for (String line : output(run).lines().toList()) {
            int blank = line.indexOf(' ');
            values.put(line.substring(0, blank), Long.parseLong(line.substring(blank + 1)));
        }
        return values;
    }

    private static String output(Process process) throws Exception {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
