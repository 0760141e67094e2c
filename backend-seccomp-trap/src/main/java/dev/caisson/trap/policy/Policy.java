package dev.caisson.trap.policy;

import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.SystemCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a container may ask the wall for; everything else is refused. Text of one thing a line, {@code SUBJECT NAME}: {@code call openat}, {@code path
 * /etc/hosts}, {@code connect inet 10.0.0.1:80}, {@code bind inet 0.0.0.0:8080}. A {@code *} at the end of a name stands for anything. Empty lines and
 * those that begin with # say nothing. Immutable.
 */
public final class Policy {
    /** Longest text, in bytes. */
    public static final int LONGEST = 1 << 20;

    private static final int LINES = 16384;
    private static final int LINE = 4200;
    private static final Set<String> CALLS =
            CallTable.calls().stream().map(SystemCall::name).collect(Collectors.toUnmodifiableSet());

    /** What lines of one subject name. */
    private record Names(Set<String> whole, List<String> beginnings) {
        Names() {
            this(new HashSet<>(), new ArrayList<>());
        }

        boolean have(String name) {
            return whole.contains(name) || beginnings.stream().anyMatch(name::startsWith);
        }
    }

    private final Names calls = new Names();
    private final Names paths = new Names();
    private final Names connects = new Names();
    private final Names binds = new Names();

    private Policy() {}

    private Names of(Subject subject) {
        return switch (subject) {
            case CALL -> calls;
            case PATH -> paths;
            case CONNECT -> connects;
            case BIND -> binds;
        };
    }

    /** Reads one. */
    public static Policy parse(String text) throws PolicyException {
        if (text.length() > LONGEST) {
            throw new PolicyException(1, "more than " + LONGEST + " bytes");
        }
        Policy policy = new Policy();
        String[] lines = text.split("\n", -1);
        if (lines.length > LINES) {
            throw new PolicyException(LINES + 1, "more than " + LINES + " lines");
        }
        for (int i = 0; i < lines.length; i++) {
            if (!lines[i].isBlank() && !lines[i].startsWith("#")) {
                policy.add(i + 1, lines[i]);
            }
        }
        return policy;
    }

    private void add(int number, String line) throws PolicyException {
        int blank = line.indexOf(' ');
        Subject subject = blank < 0 ? null : Subject.of(line.substring(0, blank));
        if (subject == null) {
            throw new PolicyException(number, "begins with none of call, path, connect and bind");
        }
        String name = line.substring(blank + 1);
        if (name.isEmpty() || line.length() > LINE) {
            throw new PolicyException(number, name.isEmpty() ? "no name" : "longer than " + LINE + " characters");
        }
        Names names = of(subject);
        if (name.endsWith("*")) {
            names.beginnings().add(name.substring(0, name.length() - 1));
            return;
        }
        if (subject == Subject.CALL && !CALLS.contains(name)) {
            throw new PolicyException(number, "there is no system call " + name);
        }
        if (subject == Subject.PATH && name.charAt(0) != '/') {
            throw new PolicyException(number, "path " + name + " is not absolute");
        }
        names.whole().add(name);
    }

    public boolean allows(Subject subject, String name) {
        return of(subject).have(name);
    }
}
