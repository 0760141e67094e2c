package dev.caisson.cli;

import dev.caisson.linux.HostFiles;
import dev.caisson.oci.SpecTemplate;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** {@code spec}. */
final class Templates {
    private Templates() {}

    static void spec(Request request) throws Failure, IOException {
        Path directory = request.files().here(request.args().value("bundle", ""));
        Path file = directory.resolve(Containers.CONFIG);
        boolean onlyV2 = HostFiles.exists("/sys/fs/cgroup/cgroup.controllers");
        Path caller = Path.of("/proc/" + request.call().pid());
        int uid = (Integer) Files.getAttribute(caller, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        int gid = (Integer) Files.getAttribute(caller, "unix:gid", LinkOption.NOFOLLOW_LINKS);
        byte[] json = SpecWriter.write(
                request.args().is("rootless") ? SpecTemplate.rootless(uid, gid, onlyV2) : SpecTemplate.rootful(onlyV2));
        try {
            Files.write(file, json, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        } catch (FileAlreadyExistsException e) {
            throw new Failure("File config.json exists. Remove it first", e);
        }
        if (uid != 0) {
            Files.setAttribute(file, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
            Files.setAttribute(file, "unix:gid", gid, LinkOption.NOFOLLOW_LINKS);
        }
        request.done();
    }
}
