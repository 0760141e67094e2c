package dev.caisson.daemon;

import dev.caisson.backend.Launcher;
import dev.caisson.cli.Invocation;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.CommandLauncher;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A call of the command binary, for the OCI command line. */
record CommandInvocation(CommandCall call) implements Invocation {
    @Override
    public int pid() {
        return call.pid();
    }

    @Override
    public String program() {
        return call.argv().getFirst();
    }

    @Override
    public List<String> arguments() {
        return call.argv().subList(1, call.argv().size());
    }

    @Override
    public Path cwd() {
        return Path.of(call.cwd());
    }

    @Override
    public String variable(String name) {
        return call.variable(name);
    }

    @Override
    public int resume() {
        return call.resume();
    }

    @Override
    public boolean isRepeated() {
        return call.isRepeated();
    }

    @Override
    public boolean isGone() {
        return call.isLost();
    }

    @Override
    public void out(byte[] bytes) {
        call.out(bytes);
    }

    @Override
    public void outNow(byte[] bytes) {
        call.outNow(bytes);
    }

    @Override
    public void err(String line) {
        call.err(line);
    }

    @Override
    public void end(int code) {
        call.end(code);
    }

    @Override
    public void endWithMain() {
        call.endWith(MAIN_LAUNCH);
    }

    @Override
    public void endAsMain() {
        call.endAs(MAIN_LAUNCH);
    }

    @Override
    public CompletableFuture<Boolean> endAsMain(List<Removal> remains) {
        return call.endAs(
                MAIN_LAUNCH,
                remains.stream()
                        .map(r -> new CommandCall.Removal(
                                switch (r.kind()) {
                                    case DIRECTORY -> CommandCall.Removal.DIRECTORY;
                                    case FILE -> CommandCall.Removal.FILE;
                                    case SHARED_DIRECTORY -> CommandCall.Removal.SHARED_DIRECTORY;
                                },
                                r.path()))
                        .toList());
    }

    @Override
    public Launcher launcher(Hands hands) {
        Console console = hands.console();
        return call.launcher(new CommandLauncher.Hands(
                hands.foreground(),
                hands.terminal(),
                hands.preserved(),
                hands.fifos() == null ? null : hands.fifos().toString(),
                console == null ? null : console::take));
    }
}
