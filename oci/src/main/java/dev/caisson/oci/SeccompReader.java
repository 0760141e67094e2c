package dev.caisson.oci;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the {@code linux.seccomp} section. */
final class SeccompReader {
    private SeccompReader() {}

    static Seccomp seccomp(JsonCursor in) throws IOException {
        SeccompAction defaultAction = null;
        Integer defaultErrnoRet = null;
        List<SeccompArch> architectures = new ArrayList<>();
        @Nullable List<SeccompFlag> flags = null;
        @Nullable String listenerPath = null;
        @Nullable String listenerMetadata = null;
        List<Seccomp.Rule> syscalls = new ArrayList<>();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "defaultAction" -> defaultAction = action(in);
                case "defaultErrnoRet" -> defaultErrnoRet = errno(in);
                case "architectures" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        String name = in.string();
                        architectures.add(in.known(SeccompArch.of(name), "seccomp architecture", name));
                    }
                }
                case "flags" -> flags = flags(in);
                case "listenerPath" -> listenerPath = in.optionalString();
                case "listenerMetadata" -> listenerMetadata = in.optionalString();
                case "syscalls" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        syscalls.add(rule(in));
                    }
                }
                default -> in.skip();
            }
        }
        return new Seccomp(
                in.require(defaultAction, "defaultAction"),
                defaultErrnoRet,
                architectures,
                flags,
                listenerPath,
                listenerMetadata,
                syscalls);
    }

    private static SeccompAction action(JsonCursor in) throws IOException {
        String name = in.string();
        return in.known(SeccompAction.of(name), "seccomp action", name);
    }

    /** SECCOMP_RET_DATA has 16 bits; that an errno is at most 4095 is for the validator, since TRACE takes any value. */
    private static int errno(JsonCursor in) throws IOException {
        return in.uint16();
    }

    private static List<SeccompFlag> flags(JsonCursor in) throws IOException {
        List<SeccompFlag> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            String name = in.string();
            list.add(in.known(SeccompFlag.of(name), "seccomp flag", name));
        }
        return list;
    }

    private static Seccomp.Rule rule(JsonCursor in) throws IOException {
        List<String> names = null;
        SeccompAction action = null;
        Integer errnoRet = null;
        List<Seccomp.Arg> args = new ArrayList<>();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "names" -> names = in.strings();
                case "action" -> action = action(in);
                case "errnoRet" -> errnoRet = errno(in);
                case "args" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        args.add(arg(in));
                    }
                }
                default -> in.skip();
            }
        }
        return new Seccomp.Rule(in.require(names, "names"), in.require(action, "action"), errnoRet, args);
    }

    private static Seccomp.Arg arg(JsonCursor in) throws IOException {
        Integer index = null;
        Long value = null;
        long valueTwo = 0;
        SeccompOperator op = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "index" -> index = (int) in.integer(0, 5);
                case "value" -> value = in.uint64();
                case "valueTwo" -> valueTwo = in.uint64();
                case "op" -> {
                    String name = in.string();
                    op = in.known(SeccompOperator.of(name), "seccomp operator", name);
                }
                default -> in.skip();
            }
        }
        return new Seccomp.Arg(in.require(index, "index"), in.require(value, "value"), valueTwo, in.require(op, "op"));
    }
}
