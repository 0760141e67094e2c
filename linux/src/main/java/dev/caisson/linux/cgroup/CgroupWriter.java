package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupStep.AnyOrder;
import dev.caisson.linux.cgroup.CgroupStep.Downwards;
import dev.caisson.linux.cgroup.CgroupStep.OnFailure;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import java.util.ArrayList;
import java.util.List;

/** Writes the limits that a plan has into a group's files, and says what a refusal means. */
final class CgroupWriter {
    private final CgroupState state;

    CgroupWriter(CgroupState state) {
        this.state = state;
    }

    /**
     * Carries out a plan, in order, up to the first failure.
     *
     * @throws ErrnoException naming the file and the text that was refused
     * @throws CgroupException where more can be said than the errno does
     */
    void apply(List<CgroupStep> steps) throws ErrnoException, CgroupException {
        for (int i = 0; i < steps.size(); i++) {
            switch (steps.get(i)) {
                case Write write -> {
                    int end = endOfRun(steps, i, write);
                    if (end - i > 1) {
                        performRun(write, steps.subList(i, end));
                        i = end - 1;
                    } else {
                        check(write, perform(write));
                    }
                }
                case AnyOrder group -> perform(group);
                case Downwards down -> performDownwards(down.write());
            }
        }
    }

    /** The first step behind {@code from} that does not write to the same file; device rules are a dozen to one. */
    private static int endOfRun(List<CgroupStep> steps, int from, Write first) {
        int end = from + 1;
        while (end < steps.size()
                && steps.get(end) instanceof Write next
                && first.otherwise() == null
                && next.otherwise() == null
                && next.controller().equals(first.controller())
                && next.file().equals(first.file())) {
            end++;
        }
        return end;
    }

    private void performRun(Write first, List<CgroupStep> run) throws ErrnoException, CgroupException {
        List<Write> writes = new ArrayList<>(run.size());
        List<String> texts = new ArrayList<>(run.size());
        for (CgroupStep step : run) {
            Write write = (Write) step;
            writes.add(write);
            texts.add(write.text());
        }
        List<Errno> results = HostFiles.tryWriteEach(directoryOf(first) + "/" + first.file(), texts);
        for (int i = 0; i < writes.size(); i++) {
            check(writes.get(i), results.get(i));
        }
    }

    private void perform(AnyOrder group) throws ErrnoException, CgroupException {
        List<Write> left = group.writes();
        while (true) {
            List<Write> refused = new ArrayList<>();
            for (Write write : left) {
                Errno errno = perform(write);
                if (errno == Errno.EINVAL) {
                    refused.add(write);
                } else {
                    check(write, errno);
                }
            }
            if (refused.isEmpty()) {
                return;
            }
            if (refused.size() == left.size()) {
                check(refused.getFirst(), Errno.EINVAL);
            }
            left = refused;
        }
    }

    private void performDownwards(Write write) throws ErrnoException, CgroupException {
        List<String> upwards = new ArrayList<>();
        String at = CgroupHierarchy.parentOf(directoryOf(write));
        // The files end where the mount does; at the hierarchy's root the value is the machine's and not ours to
        // change.
        while (HostFiles.exists(CgroupHierarchy.parentOf(at) + "/" + write.file())) {
            upwards.add(at);
            at = CgroupHierarchy.parentOf(at);
        }
        for (String ancestor : upwards.reversed()) {
            // An ancestor may already allow more; only the group's own write decides.
            HostFiles.tryWrite(ancestor + "/" + write.file(), write.text());
        }
        check(write, perform(write));
    }

    private String directoryOf(Write write) throws CgroupException {
        String directory = write.controller().isEmpty()
                ? state.unified()
                : state.controllers().get(write.controller());
        if (directory == null) {
            throw new CgroupException("set " + write.file() + ": the group has no controller " + write.controller());
        }
        return directory;
    }

    private Errno perform(Write write) throws CgroupException {
        Errno errno = HostFiles.tryWrite(directoryOf(write) + "/" + write.file(), write.text());
        if (errno == Errno.ENOENT && write.otherwise() != null) {
            return perform(write.otherwise());
        }
        return errno;
    }

    private void check(Write write, Errno errno) throws ErrnoException, CgroupException {
        if (errno.ok()
                || write.onFailure() == OnFailure.IGNORE
                || (write.onFailure() == OnFailure.IGNORE_ABSENT && errno == Errno.ENOENT)) {
            return;
        }
        String directory = directoryOf(write);
        ErrnoException failure =
                new ErrnoException(errno, "write", directory + "/" + write.file() + " '" + write.text() + "'");
        if (errno == Errno.EBUSY && write.controller().equals("memory")) {
            // The words are runc's, which callers of the command line show.
            throw new CgroupException(
                    "unable to set memory limit to " + write.text() + " (current usage: "
                            + CgroupFile.numberOrZero(directory, "memory.usage_in_bytes") + ", peak usage: "
                            + CgroupFile.numberOrZero(directory, "memory.max_usage_in_bytes") + ")",
                    failure);
        }
        if (errno == Errno.ENOENT && directory.equals(state.unified()) && HostFiles.exists(directory)) {
            String available = CgroupFile.text(directory, "cgroup.controllers");
            if (available != null && !CgroupLayout.split(available.strip(), ' ').contains(write.controller())) {
                throw new CgroupException(
                        "set " + write.file() + ": controller " + write.controller() + " is not enabled in "
                                + directory,
                        failure);
            }
        }
        throw failure;
    }
}
