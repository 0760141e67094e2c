package dev.caisson.kvm.pod;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A {@link ContainerDisk} that is made while its machine goes on. */
public final class DiskAhead implements AutoCloseable {
    private final FutureTask<Path> making;
    private final Thread maker;

    private DiskAhead(FutureTask<Path> making) {
        this.making = making;
        this.maker = Thread.ofVirtual().name("container-disk").start(making);
    }

    /** Begins to make it. */
    public static DiskAhead begin(CreateRequest request, Launcher launcher) {
        return new DiskAhead(new FutureTask<>(() -> ContainerDisk.make(request, launcher)));
    }

    /** Waits for it. */
    public Path await() throws ContainerFault {
        try {
            return making.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while a disk is made", e);
        } catch (CancellationException e) {
            throw new AssertionError("nobody cancels it", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof ContainerFault fault) {
                throw fault;
            }
            throw new ContainerFault(Kind.FAILED, "make a disk: " + e.getCause(), e);
        }
    }

    /** Whoever removes the disk comes after its maker, whatever became of that. */
    @Override
    public void close() {
        boolean interrupted = false;
        while (maker.isAlive()) {
            try {
                maker.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
